"""Tables of an organization: its version, policy, teams and journal."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from app.store.sql.column_types import (
    Int32,
)
from app.store.tables.base import (
    TABLE_OPTIONS,
    ConfigurationRow,
    Row,
    bigint_column,
    day_column,
    instant_column,
    json_column,
    key_column,
    organization_column,
    text_column,
)


class OrganizationRow(Row, table=True):
    """A tenant."""

    __tablename__ = "organization"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    changed: int = bigint_column()
    archived_at: datetime | None = instant_column(nullable=True)
    key: str = text_column()
    name: str = text_column()
    time_zone: str = text_column()


class CursorRow(Row, table=True):
    """The organization's version counter. Every write advances it, in the order of the commits."""

    __tablename__ = "cursor"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    seq: int = bigint_column()
    # The version of the last configuration change.
    catalogue: int = bigint_column()
    recorded_us: int = bigint_column()
    recorded_day: int = Field(sa_type=Int32)
    # The last day with a write before `recorded_day`, and the version at its end.
    closed_day: int | None = Field(sa_type=Int32, nullable=True)
    closed_seq: int | None = bigint_column(nullable=True)


class ClosingRow(Row, table=True):
    """The organization's version at the end of a past day on which it wrote."""

    __tablename__ = "closing"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    day: int = Field(primary_key=True, sa_type=Int32)
    seq: int = bigint_column()


class PolicyRow(ConfigurationRow, table=True):
    """The weights and windows of the score."""

    __tablename__ = "policy"
    __table_args__ = (TABLE_OPTIONS,)
    weights: Any = json_column()  # Any: a JSON value
    focus_days: int = Field(sa_type=Int32)
    minimum_events: int = Field(sa_type=Int32)
    required_functions: int = Field(sa_type=Int32)
    half_life_days: int = bigint_column()
    minimum_coverage: int = bigint_column()
    unit: str | None = text_column(nullable=True)


class TeamRow(ConfigurationRow, table=True):
    """A team."""

    __tablename__ = "team"
    __table_args__ = (TABLE_OPTIONS,)
    key: str = key_column()
    name: str = text_column()
    function: str = text_column()
    size: int = bigint_column()


class JournalRow(Row, table=True):
    """A change of the configuration, or an action that the journal records."""

    __tablename__ = "journal"
    __table_args__ = (
        Index(None, "organization_id", "kind", "key"),
        Index(None, "organization_id", "day"),
        TABLE_OPTIONS,
    )
    organization_id: UUID = organization_column()
    seq: int = bigint_column(primary_key=True)
    position: int = Field(primary_key=True, sa_type=Int32)
    at: datetime = instant_column()
    day: date = day_column()
    actor: str = text_column()
    kind: str = text_column()
    key: str = text_column()
    action: str = text_column()
    before: Any = json_column(nullable=True)  # Any: a JSON value
    after: Any = json_column(nullable=True)  # Any: a JSON value
