"""Tables of roll-ups and of their restatement.

Roll-ups are additive: a figure is a sum over days and recorded days.
"""

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
    """A match set: the metrics that an event matched, each with its state."""

    __tablename__ = "matching"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    id: str = key_column()
    # Pairs of [metric, state], sorted by metric.
    metrics: Any = json_column()  # Any: a JSON value


class MeasureRow(Row, table=True):
    """The figures of a metric by source and day, as deltas by the day they were recorded."""

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
    # A row with `reset` replaces low, high and last of all rows recorded before it.
    low: int | None = bigint_column(nullable=True)
    high: int | None = bigint_column(nullable=True)
    last_us: int | None = bigint_column(nullable=True)
    last_id: str | None = text_column(nullable=True)
    last_value: int | None = bigint_column(nullable=True)
    reset: int = Field(sa_type=Int32)


class AttentionRow(Row, table=True):
    """The effort of a team by match set, objective and day, as deltas by recorded day."""

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
    """The sales of an offering by team, unit and day, as deltas by recorded day."""

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
    """A restatement of history in the background.

    Until it is finished, roll-ups match events with the metrics as they were before.
    """

    __tablename__ = "restatement"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    # Each metric before its change, by key; null for a metric that did not exist.
    metrics: Any = json_column()  # Any: a JSON value
    # The days to restate.
    days: Any = json_column()  # Any: a JSON value
    actor: str = text_column()
    started_at: datetime = instant_column()


class RestatedDayRow(Row, table=True):
    """The recomputed roll-ups of a day, stored until all days of the restatement are done."""

    __tablename__ = "restated_day"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    day: int = Field(primary_key=True, sa_type=Int32)
    # Rows of `measure`, deltas of `attention`, match sets, and the new match set of each event.
    content: Any = json_column()  # Any: a JSON value
