"""Tables of events and their retractions."""

from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.store.sql.column_types import Int32, UuidColumn
from app.store.tables.base import (
    TABLE_OPTIONS,
    Row,
    bigint_column,
    organization_column,
    text_column,
)


class EventRow(Row, table=True):
    """An event. Append-only, except for the derived column `matching` and for erasure."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("organization_id", "source", "id"),
        Index(None, "organization_id", "time_us", "uid"),
        TABLE_OPTIONS,
    )
    organization_id: UUID = organization_column()
    uid: UUID = Field(primary_key=True, sa_type=UuidColumn)
    source: str = text_column()
    id: str = text_column()
    type: str = text_column()
    time_us: int = bigint_column()
    day: int = Field(sa_type=Int32)
    recorded_us: int = bigint_column()
    recorded_day: int = Field(sa_type=Int32)
    seq: int = bigint_column()
    team: str = text_column()
    kind: str = text_column()
    value: int | None = bigint_column(nullable=True)
    unit: str | None = text_column(nullable=True)
    effort: int | None = bigint_column(nullable=True)
    subject: str | None = text_column(nullable=True)
    objective: str | None = text_column(nullable=True)
    offerings: str | None = text_column(nullable=True)
    data: str | None = text_column(nullable=True)
    fingerprint: str = text_column()
    # The id of the match set, empty when no metric matches.
    matching: str = text_column()
    # The matches of the erased content, None unless the event was erased.
    erased: str | None = text_column(nullable=True)


class RetractionRow(Row, table=True):
    """The retraction of an event, with its reason."""

    __tablename__ = "retraction"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    uid: UUID = Field(primary_key=True, sa_type=UuidColumn)
    reason: str = text_column()
    actor: str = text_column()
    recorded_us: int = bigint_column()
    recorded_day: int = Field(sa_type=Int32)
    seq: int = bigint_column()
