"""Tables of playbooks: metrics, offerings, objectives, key results and responsibilities."""

from datetime import date, datetime
from typing import Any

from sqlmodel import Field

from app.store.sql.column_types import (
    Int32,
)
from app.store.tables.base import (
    TABLE_OPTIONS,
    ConfigurationRow,
    bigint_column,
    day_column,
    instant_column,
    json_column,
    key_column,
    organization_foreign_key,
    text_column,
)


class MetricRow(ConfigurationRow, table=True):
    """A metric."""

    __tablename__ = "metric"
    __table_args__ = (TABLE_OPTIONS,)
    key: str = key_column()
    name: str = text_column()
    unit: str | None = text_column(nullable=True)
    events: Any = json_column()  # Any: a JSON value
    activities: Any = json_column()  # Any: a JSON value
    where: Any = json_column()  # Any: a JSON value
    value: str = text_column()
    aggregation: str = text_column()
    canonical_source: str | None = text_column(nullable=True)


class OfferingRow(ConfigurationRow, table=True):
    """An offering."""

    __tablename__ = "offering"
    __table_args__ = (organization_foreign_key(("team",), "team"), TABLE_OPTIONS)
    key: str = key_column()
    name: str = text_column()
    available_from: date = day_column()
    retired_on: date | None = day_column(nullable=True)
    team: str | None = text_column(nullable=True)


class PlaybookRow(ConfigurationRow, table=True):
    """A playbook."""

    __tablename__ = "playbook"
    __table_args__ = (TABLE_OPTIONS,)
    key: str = key_column()
    title: str = text_column()
    narrative: str = text_column()
    starts_on: date = day_column()
    ends_on: date = day_column()
    state: str = text_column()
    revision: int = Field(sa_type=Int32)
    published_at: datetime | None = instant_column(nullable=True)


class RevisionRow(ConfigurationRow, table=True):
    """A published revision of a playbook, with its content."""

    __tablename__ = "revision"
    __table_args__ = (organization_foreign_key(("playbook",), "playbook"), TABLE_OPTIONS)
    playbook: str = key_column()
    revision: int = Field(primary_key=True, sa_type=Int32)
    content: Any = json_column()  # Any: a JSON value


class ContributionRow(ConfigurationRow, table=True):
    """A contribution."""

    __tablename__ = "contribution"
    __table_args__ = (
        organization_foreign_key(("playbook",), "playbook"),
        organization_foreign_key(("team",), "team"),
        TABLE_OPTIONS,
    )
    playbook: str = key_column()
    team: str = key_column()
    by: str = text_column()
    note: str = text_column()


class SignoffRow(ConfigurationRow, table=True):
    """A sign-off."""

    __tablename__ = "signoff"
    __table_args__ = (
        organization_foreign_key(("playbook",), "playbook"),
        organization_foreign_key(("team",), "team"),
        TABLE_OPTIONS,
    )
    playbook: str = key_column()
    team: str = key_column()
    revision: int = Field(sa_type=Int32)
    by: str = text_column()


class ObjectiveRow(ConfigurationRow, table=True):
    """An objective. The domain checks the parent, because objectives are written in any order."""

    __tablename__ = "objective"
    __table_args__ = (organization_foreign_key(("playbook",), "playbook"), TABLE_OPTIONS)
    key: str = key_column()
    playbook: str = text_column()
    title: str = text_column()
    description: str = text_column()
    priority: int = bigint_column()
    parent: str | None = text_column(nullable=True)
    state: str = text_column()


class KeyResultRow(ConfigurationRow, table=True):
    """A key result."""

    __tablename__ = "key_result"
    __table_args__ = (
        organization_foreign_key(("objective",), "objective"),
        organization_foreign_key(("metric",), "metric"),
        TABLE_OPTIONS,
    )
    key: str = key_column()
    objective: str = text_column()
    title: str = text_column()
    metric: str = text_column()
    baseline: int = bigint_column()
    target: int = bigint_column()
    weight: int = bigint_column()
    cadence_days: int = Field(sa_type=Int32)
    starts_on: date | None = day_column(nullable=True)
    ends_on: date | None = day_column(nullable=True)


class ResponsibilityRow(ConfigurationRow, table=True):
    """A responsibility."""

    __tablename__ = "responsibility"
    __table_args__ = (
        organization_foreign_key(("objective",), "objective"),
        organization_foreign_key(("team",), "team"),
        TABLE_OPTIONS,
    )
    objective: str = key_column()
    team: str = key_column()
    role: str = text_column()
    share: int = bigint_column()
    status: str = text_column()
    by: str = text_column()
    note: str = text_column()
