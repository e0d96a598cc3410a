"""The rows of evidence: events, retractions, what deliveries said, and the roll-ups. They never leave the store."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.store.sql.column_types import Bytes, Count, ExactJson, Identity
from app.store.tables.playbook import OPTIONS, Row, instant, json, key, tenant, whole, words

KEPT = text("body is not null")  # deliveries whose raw body is kept
LINKS = text("other is not null")  # most changes name no other record


class EventRow(Row, table=True):
    """An event: append-only but for `matching`, the one derived column, and for what an erasure takes.

    Shape: `erased` is what the rules made of the content while there was one. None when there is: `erased`.
    """

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("organization_id", "source", "id"),
        Index(None, "organization_id", "time_us", "uid"),
        OPTIONS,
    )
    organization_id: UUID = tenant()
    uid: UUID = Field(primary_key=True, sa_type=Identity)
    source: str = words()
    id: str = words()
    type: str = words()
    time_us: int = whole()
    day: int = Field(sa_type=Count)
    recorded_us: int = whole()
    recorded_day: int = Field(sa_type=Count)
    seq: int = whole()
    team: str = words()
    kind: str = words()
    value: int | None = whole(nullable=True)
    unit: str | None = words(nullable=True)
    effort: int | None = whole(nullable=True)
    subject: str | None = words(nullable=True)
    objective: str | None = words(nullable=True)
    offerings: str | None = words(nullable=True)
    data: str | None = words(nullable=True)
    fingerprint: str = words()
    matching: str = words()
    erased: str | None = words(nullable=True)


class RetractionRow(Row, table=True):
    """That an event does not stand any more, from when on, and why."""

    __tablename__ = "retraction"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    uid: UUID = Field(primary_key=True, sa_type=Identity)
    reason: str = words()
    actor: str = words()
    recorded_us: int = whole()
    recorded_day: int = Field(sa_type=Count)
    seq: int = whole()


class MatchingRow(Row, table=True):
    """A set of metrics that events matched, each with its state. Shape: `metrics` is [[key, state], ...] by key."""

    __tablename__ = "matching"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    id: str = key()
    metrics: Any = json()  # Any: a JSON value


class MeasureRow(Row, table=True):
    """What a source said of a metric, for events of one day recorded on another: additive deltas.

    `low`, `high` and `last_*` hold for the rows since the last one with `reset`, which holds them for all before.
    """

    __tablename__ = "measure"
    __table_args__ = (Index(None, "organization_id", "day"), OPTIONS)
    organization_id: UUID = tenant()
    metric: str = key()
    source: str = key()
    day: int = Field(primary_key=True, sa_type=Count)
    recorded_day: int = Field(primary_key=True, sa_type=Count)
    matched: int = whole()
    counted: int = whole()
    other_unit: int = whole()
    no_value: int = whole()
    total: int = whole()
    low: int | None = whole(nullable=True)
    high: int | None = whole(nullable=True)
    last_us: int | None = whole(nullable=True)
    last_id: str | None = words(nullable=True)
    last_value: int | None = whole(nullable=True)
    reset: int = Field(sa_type=Count)


class AttentionRow(Row, table=True):
    """Where a team's work of one day went, by what it matched and named: additive deltas."""

    __tablename__ = "attention"
    __table_args__ = (Index(None, "organization_id", "day"), OPTIONS)
    organization_id: UUID = tenant()
    team: str = key()
    kind: str = key()
    matching: str = key()
    objective: str = key()
    day: int = Field(primary_key=True, sa_type=Count)
    recorded_day: int = Field(primary_key=True, sa_type=Count)
    events: int = whole()
    effort: int = whole()


class SoldRow(Row, table=True):
    """What a team sold of an offering on one day, by unit: additive deltas."""

    __tablename__ = "sold"
    __table_args__ = (Index(None, "organization_id", "day"), OPTIONS)
    organization_id: UUID = tenant()
    offering: str = key()
    team: str = key()
    unit: str = key()
    day: int = Field(primary_key=True, sa_type=Count)
    recorded_day: int = Field(primary_key=True, sa_type=Count)
    items: int = whole()
    value: int = whole()


class RestatementRow(Row, table=True):
    """That history is being restated in the background: until it is, events match these metrics as they were.

    Shape: `metrics` maps a key to the metric before the change, null for one that was not there; `days` are to be done.
    """

    __tablename__ = "restatement"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    metrics: Any = json()  # Any: a JSON value
    days: Any = json()  # Any: a JSON value
    actor: str = words()
    started_at: datetime = instant()


class RestatedDayRow(Row, table=True):
    """The roll-ups of one day as the redefined metrics make them, kept apart until all days are done.

    Shape: `content` has rows of `measure`, what `attention` gains and loses, and the matched sets of events that move.
    """

    __tablename__ = "restated_day"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    day: int = Field(primary_key=True, sa_type=Count)
    content: Any = json()  # Any: a JSON value


class DeliveryRow(Row, table=True):
    """What a CRM sent, kept raw, and what became of it."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index(None, "organization_id", "source", "received_at", "uid"),
        Index(
            "ix_delivery_kept",
            "organization_id",
            "received_at",
            sqlite_where=KEPT,
            postgresql_where=KEPT,
        ),
        OPTIONS,
    )
    organization_id: UUID = tenant()
    uid: UUID = Field(primary_key=True, sa_type=Identity)
    source: str = words()
    received_at: datetime = instant()
    content_type: str = words()
    headers: Any = json()  # Any: a JSON value
    body: bytes | None = Field(sa_type=Bytes, nullable=True)
    state: str = words()
    problem: str | None = words(nullable=True)
    rejects: Any = json()  # Any: a JSON value
    changes: int = Field(sa_type=Count)
    recorded: int = Field(sa_type=Count)
    retracted: int = Field(sa_type=Count)
    origin: str = words()


class ChangeRow(Row, table=True):
    """What a delivery said, translated: append-only, and it outlives the raw body."""

    __tablename__ = "change"
    __table_args__ = (
        Index(None, "organization_id", "source", "entity"),
        Index(
            "ix_change_links",
            *("organization_id", "source", "other"),
            sqlite_where=LINKS,
            postgresql_where=LINKS,
        ),
        OPTIONS,
    )
    organization_id: UUID = tenant()
    source: str = key()
    generation: int = Field(primary_key=True, sa_type=Count)
    key: str = key()
    entity: str = words()
    other: str | None = words(nullable=True)
    at: datetime = instant()
    verb: str = words()
    fields: Any = Field(sa_type=ExactJson)  # Any: a JSON value
    delivery: UUID = Field(sa_type=Identity)
    seq: int = whole()
    sequence: str = words()


class MessageRow(Row, table=True):
    """The id under which a sender repeats a delivery, and the hash of the body that came under it."""

    __tablename__ = "message"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    source: str = key()
    id: str = key()
    digest: str = words()


class UnmappedRow(Row, table=True):
    """A value that a source's mapping does not know, with the entity in which it was seen last."""

    __tablename__ = "unmapped"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    source: str = key()
    entity: str = key()
    property: str = key()
    value: str = key()
