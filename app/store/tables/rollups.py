"""Tables of roll-ups and of their restatement."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from app.store.sql.column_types import Int32
from app.store.tables.base import (
    TABLE_OPTIONS,
    Row,
    bigint_column,
    instant_column,
    json_column,
    key_column,
    organization_column,
    text_column,
)


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
