"""The rows of evidence: events, retractions, what deliveries said, and the roll-ups. They never leave the store."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.store.sql.column_types import Binary, DecimalJsonColumn, Int32, UuidColumn
from app.store.tables.playbook import (
    TABLE_OPTIONS,
    Row,
    bigint_column,
    instant_column,
    json_column,
    key_column,
    organization_column,
    text_column,
)

HAS_BODY = text("body is not null")  # deliveries whose raw body is kept
HAS_OTHER_ENTITY = text("other is not null")  # most changes name no other record


class EventRow(Row, table=True):
    """An event: append-only but for `matching`, the one derived column, and for what an erasure takes.

    Shape: `erased` is what the rules made of the content while there was one. None when there is: `erased`.
    """

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
    matching: str = text_column()
    erased: str | None = text_column(nullable=True)


class RetractionRow(Row, table=True):
    """That an event does not stand any more, from when on, and why."""

    __tablename__ = "retraction"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    uid: UUID = Field(primary_key=True, sa_type=UuidColumn)
    reason: str = text_column()
    actor: str = text_column()
    recorded_us: int = bigint_column()
    recorded_day: int = Field(sa_type=Int32)
    seq: int = bigint_column()


class MatchingRow(Row, table=True):
    """A set of metrics that events matched, each with its state. Shape: `metrics` is [[key, state], ...] by key."""

    __tablename__ = "matching"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    id: str = key_column()
    metrics: Any = json_column()  # Any: a JSON value


class MeasureRow(Row, table=True):
    """What a source said of a metric, for events of one day recorded on another: additive deltas.

    `low`, `high` and `last_*` hold for the rows since the last one with `reset`, which holds them for all before.
    """

    __tablename__ = "measure"
    __table_args__ = (Index(None, "organization_id", "day"), TABLE_OPTIONS)
    organization_id: UUID = organization_column()
    metric: str = key_column()
    source: str = key_column()
    day: int = Field(primary_key=True, sa_type=Int32)
    recorded_day: int = Field(primary_key=True, sa_type=Int32)
    matched: int = bigint_column()
    counted: int = bigint_column()
    other_unit: int = bigint_column()
    no_value: int = bigint_column()
    total: int = bigint_column()
    low: int | None = bigint_column(nullable=True)
    high: int | None = bigint_column(nullable=True)
    last_us: int | None = bigint_column(nullable=True)
    last_id: str | None = text_column(nullable=True)
    last_value: int | None = bigint_column(nullable=True)
    reset: int = Field(sa_type=Int32)


class AttentionRow(Row, table=True):
    """Where a team's work of one day went, by what it matched and named: additive deltas."""

    __tablename__ = "attention"
    __table_args__ = (Index(None, "organization_id", "day"), TABLE_OPTIONS)
    organization_id: UUID = organization_column()
    team: str = key_column()
    kind: str = key_column()
    matching: str = key_column()
    objective: str = key_column()
    day: int = Field(primary_key=True, sa_type=Int32)
    recorded_day: int = Field(primary_key=True, sa_type=Int32)
    events: int = bigint_column()
    effort: int = bigint_column()


class SoldRow(Row, table=True):
    """What a team sold of an offering on one day, by unit: additive deltas."""

    __tablename__ = "sold"
    __table_args__ = (Index(None, "organization_id", "day"), TABLE_OPTIONS)
    organization_id: UUID = organization_column()
    offering: str = key_column()
    team: str = key_column()
    unit: str = key_column()
    day: int = Field(primary_key=True, sa_type=Int32)
    recorded_day: int = Field(primary_key=True, sa_type=Int32)
    items: int = bigint_column()
    value: int = bigint_column()


class RestatementRow(Row, table=True):
    """That history is being restated in the background: until it is, events match these metrics as they were.

    Shape: `metrics` maps a key to the metric before the change, null for one that was not there; `days` are to be done.
    """

    __tablename__ = "restatement"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    metrics: Any = json_column()  # Any: a JSON value
    days: Any = json_column()  # Any: a JSON value
    actor: str = text_column()
    started_at: datetime = instant_column()


class RestatedDayRow(Row, table=True):
    """The roll-ups of one day as the redefined metrics make them, kept apart until all days are done.

    Shape: `content` has rows of `measure`, what `attention` gains and loses, and the matched sets of events that move.
    """

    __tablename__ = "restated_day"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    day: int = Field(primary_key=True, sa_type=Int32)
    content: Any = json_column()  # Any: a JSON value


class DeliveryRow(Row, table=True):
    """What a CRM sent, kept raw, and what became of it."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(None, "organization_id", "source", "received_at", "uid"),
        Index(
            "ix_delivery_kept",
            "organization_id",
            "received_at",
            sqlite_where=HAS_BODY,
            postgresql_where=HAS_BODY,
        ),
        TABLE_OPTIONS,
    )
    organization_id: UUID = organization_column()
    uid: UUID = Field(primary_key=True, sa_type=UuidColumn)
    source: str = text_column()
    received_at: datetime = instant_column()
    content_type: str = text_column()
    headers: Any = json_column()  # Any: a JSON value
    body: bytes | None = Field(sa_type=Binary, nullable=True)
    state: str = text_column()
    problem: str | None = text_column(nullable=True)
    rejects: Any = json_column()  # Any: a JSON value
    changes: int = Field(sa_type=Int32)
    recorded: int = Field(sa_type=Int32)
    retracted: int = Field(sa_type=Int32)
    origin: str = text_column()


class ChangeRow(Row, table=True):
    """What a delivery said, translated: append-only, and it outlives the raw body."""

    __tablename__ = "change"
    __table_args__ = (
        Index(None, "organization_id", "source", "entity"),
        Index(
            "ix_change_links",
            *("organization_id", "source", "other"),
            sqlite_where=HAS_OTHER_ENTITY,
            postgresql_where=HAS_OTHER_ENTITY,
        ),
        TABLE_OPTIONS,
    )
    organization_id: UUID = organization_column()
    source: str = key_column()
    generation: int = Field(primary_key=True, sa_type=Int32)
    key: str = key_column()
    entity: str = text_column()
    other: str | None = text_column(nullable=True)
    at: datetime = instant_column()
    verb: str = text_column()
    fields: Any = Field(sa_type=DecimalJsonColumn)  # Any: a JSON value
    delivery: UUID = Field(sa_type=UuidColumn)
    seq: int = bigint_column()
    sequence: str = text_column()


class MessageRow(Row, table=True):
    """The id under which a sender repeats a delivery, and the hash of the body that came under it."""

    __tablename__ = "message"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    source: str = key_column()
    id: str = key_column()
    digest: str = text_column()


class UnmappedRow(Row, table=True):
    """A value that a source's mapping does not know, with the entity in which it was seen last."""

    __tablename__ = "unmapped"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    source: str = key_column()
    entity: str = key_column()
    property: str = key_column()
    value: str = key_column()
