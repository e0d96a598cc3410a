"""The rows: flat, no relationships, each led by its organization. They never leave the store."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, Table
from sqlmodel import Field, SQLModel

from app.store.sql.column_types import (
    CollatedText,
    DayColumn,
    InstantColumn,
    Int32,
    Int64,
    JsonColumn,
    UuidColumn,
)

NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
TABLE_OPTIONS = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Row(SQLModel):
    """What every table has in common: its metadata and its naming."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)


def get_table(row_class: type[SQLModel]) -> Table:
    """The table that a row is of."""
    table: Table = vars(row_class)["__table__"]
    return table


def key_column(**options: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A part of the primary key that is text."""
    return Field(primary_key=True, sa_type=CollatedText, **options)


def text_column(**options: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A text column."""
    return Field(sa_type=CollatedText, **options)


def bigint_column(
    **options: Any,
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A bigint column."""
    return Field(sa_type=Int64, **options)


def json_column(**options: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A JSON column, kept as canonical text."""
    return Field(sa_type=JsonColumn, **options)


def day_column(**options: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A date column."""
    return Field(sa_type=DayColumn, **options)


def instant_column(
    **options: Any,
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """An instant column."""
    return Field(sa_type=InstantColumn, **options)


def organization_column() -> Any:  # Any: a Field stands for whatever type its annotation says
    """The organization, first in every primary key."""
    return Field(primary_key=True, sa_type=UuidColumn)


def organization_foreign_key(
    columns: tuple[str, ...], table: str, remote_columns: tuple[str, ...] = ("key",)
) -> ForeignKeyConstraint:
    """A foreign key inside the organization."""
    return ForeignKeyConstraint(
        ["organization_id", *columns],
        [f"{table}.organization_id", *(f"{table}.{column}" for column in remote_columns)],
    )


class DirectoryRow(Row, table=True):
    """Where a public id belongs: the one table that is asked before the organization is known."""

    __tablename__ = "directory"
    __table_args__ = (TABLE_OPTIONS,)
    kind: str = key_column()
    id: str = key_column()
    organization_id: UUID = Field(sa_type=UuidColumn)


class ConfigurationRow(Row):
    """What every configuration row has: its organization, its last change and whether it is archived."""

    organization_id: UUID = organization_column()
    changed: int = bigint_column()
    archived_at: datetime | None = instant_column(nullable=True)


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
    """The organization's version.

    Commit-ordered, bumped by every write; `catalogue` is that of the last configuration change. `closed_seq` is the
    version at the end of `closed_day`, the last day on which anything was written before `recorded_day`.
    """

    __tablename__ = "cursor"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    seq: int = bigint_column()
    catalogue: int = bigint_column()
    recorded_us: int = bigint_column()
    recorded_day: int = Field(sa_type=Int32)
    closed_day: int | None = Field(sa_type=Int32, nullable=True)
    closed_seq: int | None = bigint_column(nullable=True)


class ClosingRow(Row, table=True):
    """The organization's version at the end of a day on which it wrote anything; the present day has none yet."""

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


class SourceRow(ConfigurationRow, table=True):
    """A source."""

    __tablename__ = "source"
    __table_args__ = (organization_foreign_key(("team",), "team"), TABLE_OPTIONS)
    key: str = key_column()
    name: str = text_column()
    connector: str = text_column()
    account: str | None = text_column(nullable=True)
    team: str | None = text_column(nullable=True)
    mapping: Any = json_column()  # Any: a JSON value


class HookRow(Row, table=True):
    """The hook of a source, and its encrypted secrets, newest first."""

    __tablename__ = "hook"
    __table_args__ = (organization_foreign_key(("source",), "source"), TABLE_OPTIONS)
    organization_id: UUID = organization_column()
    source: str = key_column()
    hook_id: str = text_column()
    secrets: Any = json_column()  # Any: a JSON value
    generation: int = Field(default=1, sa_type=Int32)
    refused_at: datetime | None = instant_column(nullable=True)


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
    """What was published."""

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
    """An objective. The parent is checked by the domain: objectives are written in no particular order."""

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


class ApiKeyRow(Row, table=True):
    """An API key: never the key itself, only its digest under the pepper."""

    __tablename__ = "api_key"
    __table_args__ = (TABLE_OPTIONS,)
    organization_id: UUID = organization_column()
    id: str = key_column()
    name: str = text_column()
    digest: str = text_column()
    pepper: str = text_column()
    last_four: str = text_column()
    scopes: Any = json_column()  # Any: a JSON value
    team: str | None = text_column(nullable=True)
    source: str | None = text_column(nullable=True)
    created_at: datetime = instant_column()
    created_by: str = text_column()
    expires_at: datetime | None = instant_column(nullable=True)
    revoked_at: datetime | None = instant_column(nullable=True)
    last_used_at: datetime | None = instant_column(nullable=True)


class JournalRow(Row, table=True):
    """One change of configuration."""

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
