"""The rows: flat, no relationships, each led by its organization. They never leave the store."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, Table
from sqlmodel import Field, SQLModel

from app.store.sql.column_types import Count, Day, Identity, Instant, Json, Whole, Words

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
OPTIONS = {"sqlite_strict": True, "sqlite_with_rowid": False}


class Row(SQLModel):
    """What every table has in common: its metadata and its naming."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def table_of(row: type[SQLModel]) -> Table:
    """The table that a row is of."""
    found: Table = vars(row)["__table__"]
    return found


def key(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A part of the primary key that is text."""
    return Field(primary_key=True, sa_type=Words, **more)


def words(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A text column."""
    return Field(sa_type=Words, **more)


def whole(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A bigint column."""
    return Field(sa_type=Whole, **more)


def json(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A JSON column, kept as canonical text."""
    return Field(sa_type=Json, **more)


def day(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A date column."""
    return Field(sa_type=Day, **more)


def instant(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """An instant column."""
    return Field(sa_type=Instant, **more)


def tenant() -> Any:  # Any: a Field stands for whatever type its annotation says
    """The organization, first in every primary key."""
    return Field(primary_key=True, sa_type=Identity)


def belongs(
    columns: tuple[str, ...], table: str, remote: tuple[str, ...] = ("key",)
) -> ForeignKeyConstraint:
    """A foreign key inside the organization."""
    return ForeignKeyConstraint(
        ["organization_id", *columns],
        [f"{table}.organization_id", *(f"{table}.{name}" for name in remote)],
    )


class Directory(Row, table=True):
    """Where a public id belongs: the one table that is asked before the organization is known."""

    __tablename__ = "directory"
    __table_args__ = (OPTIONS,)
    kind: str = key()
    id: str = key()
    organization_id: UUID = Field(sa_type=Identity)


class Noun(Row):
    """What every configuration row has: its organization, its last change and whether it is archived."""

    organization_id: UUID = tenant()
    changed: int = whole()
    archived_at: datetime | None = instant(nullable=True)


class OrganizationRow(Row, table=True):
    """A tenant."""

    __tablename__ = "organization"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    changed: int = whole()
    archived_at: datetime | None = instant(nullable=True)
    key: str = words()
    name: str = words()
    time_zone: str = words()


class CursorRow(Row, table=True):
    """The organization's version.

    Commit-ordered, bumped by every write; `catalogue` is that of the last configuration change. `closed_seq` is the
    version at the end of `closed_day`, the last day on which anything was written before `recorded_day`.
    """

    __tablename__ = "cursor"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    seq: int = whole()
    catalogue: int = whole()
    recorded_us: int = whole()
    recorded_day: int = Field(sa_type=Count)
    closed_day: int | None = Field(sa_type=Count, nullable=True)
    closed_seq: int | None = whole(nullable=True)


class ClosingRow(Row, table=True):
    """The organization's version at the end of a day on which it wrote anything; the present day has none yet."""

    __tablename__ = "closing"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    day: int = Field(primary_key=True, sa_type=Count)
    seq: int = whole()


class PolicyRow(Noun, table=True):
    """The weights and windows of the score."""

    __tablename__ = "policy"
    __table_args__ = (OPTIONS,)
    weights: Any = json()  # Any: a JSON value
    focus_days: int = Field(sa_type=Count)
    minimum_events: int = Field(sa_type=Count)
    required_functions: int = Field(sa_type=Count)
    half_life_days: int = whole()
    minimum_coverage: int = whole()
    unit: str | None = words(nullable=True)


class TeamRow(Noun, table=True):
    """A team."""

    __tablename__ = "team"
    __table_args__ = (OPTIONS,)
    key: str = key()
    name: str = words()
    function: str = words()
    size: int = whole()


class SourceRow(Noun, table=True):
    """A source."""

    __tablename__ = "source"
    __table_args__ = (belongs(("team",), "team"), OPTIONS)
    key: str = key()
    name: str = words()
    connector: str = words()
    account: str | None = words(nullable=True)
    team: str | None = words(nullable=True)
    mapping: Any = json()  # Any: a JSON value


class HookRow(Row, table=True):
    """The hook of a source, and its encrypted secrets, newest first."""

    __tablename__ = "hook"
    __table_args__ = (belongs(("source",), "source"), OPTIONS)
    organization_id: UUID = tenant()
    source: str = key()
    hook_id: str = words()
    secrets: Any = json()  # Any: a JSON value
    generation: int = Field(default=1, sa_type=Count)
    refused_at: datetime | None = instant(nullable=True)


class MetricRow(Noun, table=True):
    """A metric."""

    __tablename__ = "metric"
    __table_args__ = (OPTIONS,)
    key: str = key()
    name: str = words()
    unit: str | None = words(nullable=True)
    events: Any = json()  # Any: a JSON value
    activities: Any = json()  # Any: a JSON value
    where: Any = json()  # Any: a JSON value
    value: str = words()
    aggregation: str = words()
    canonical_source: str | None = words(nullable=True)


class OfferingRow(Noun, table=True):
    """An offering."""

    __tablename__ = "offering"
    __table_args__ = (belongs(("team",), "team"), OPTIONS)
    key: str = key()
    name: str = words()
    available_from: date = day()
    retired_on: date | None = day(nullable=True)
    team: str | None = words(nullable=True)


class PlaybookRow(Noun, table=True):
    """A playbook."""

    __tablename__ = "playbook"
    __table_args__ = (OPTIONS,)
    key: str = key()
    title: str = words()
    narrative: str = words()
    starts_on: date = day()
    ends_on: date = day()
    state: str = words()
    revision: int = Field(sa_type=Count)
    published_at: datetime | None = instant(nullable=True)


class RevisionRow(Noun, table=True):
    """What was published."""

    __tablename__ = "revision"
    __table_args__ = (belongs(("playbook",), "playbook"), OPTIONS)
    playbook: str = key()
    revision: int = Field(primary_key=True, sa_type=Count)
    content: Any = json()  # Any: a JSON value


class ContributionRow(Noun, table=True):
    """A contribution."""

    __tablename__ = "contribution"
    __table_args__ = (belongs(("playbook",), "playbook"), belongs(("team",), "team"), OPTIONS)
    playbook: str = key()
    team: str = key()
    by: str = words()
    note: str = words()


class SignoffRow(Noun, table=True):
    """A sign-off."""

    __tablename__ = "signoff"
    __table_args__ = (belongs(("playbook",), "playbook"), belongs(("team",), "team"), OPTIONS)
    playbook: str = key()
    team: str = key()
    revision: int = Field(sa_type=Count)
    by: str = words()


class ObjectiveRow(Noun, table=True):
    """An objective. The parent is checked by the domain: objectives are written in no particular order."""

    __tablename__ = "objective"
    __table_args__ = (belongs(("playbook",), "playbook"), OPTIONS)
    key: str = key()
    playbook: str = words()
    title: str = words()
    description: str = words()
    priority: int = whole()
    parent: str | None = words(nullable=True)
    state: str = words()


class KeyResultRow(Noun, table=True):
    """A key result."""

    __tablename__ = "key_result"
    __table_args__ = (belongs(("objective",), "objective"), belongs(("metric",), "metric"), OPTIONS)
    key: str = key()
    objective: str = words()
    title: str = words()
    metric: str = words()
    baseline: int = whole()
    target: int = whole()
    weight: int = whole()
    cadence_days: int = Field(sa_type=Count)
    starts_on: date | None = day(nullable=True)
    ends_on: date | None = day(nullable=True)


class ResponsibilityRow(Noun, table=True):
    """A responsibility."""

    __tablename__ = "responsibility"
    __table_args__ = (belongs(("objective",), "objective"), belongs(("team",), "team"), OPTIONS)
    objective: str = key()
    team: str = key()
    role: str = words()
    share: int = whole()
    status: str = words()
    by: str = words()
    note: str = words()


class ApiKeyRow(Row, table=True):
    """An API key: never the key itself, only its digest under the pepper."""

    __tablename__ = "api_key"
    __table_args__ = (OPTIONS,)
    organization_id: UUID = tenant()
    id: str = key()
    name: str = words()
    digest: str = words()
    pepper: str = words()
    last_four: str = words()
    scopes: Any = json()  # Any: a JSON value
    team: str | None = words(nullable=True)
    source: str | None = words(nullable=True)
    created_at: datetime = instant()
    created_by: str = words()
    expires_at: datetime | None = instant(nullable=True)
    revoked_at: datetime | None = instant(nullable=True)
    last_used_at: datetime | None = instant(nullable=True)


class JournalRow(Row, table=True):
    """One change of configuration."""

    __tablename__ = "journal"
    __table_args__ = (
        Index(None, "organization_id", "kind", "key"),
        Index(None, "organization_id", "day"),
        OPTIONS,
    )
    organization_id: UUID = tenant()
    seq: int = whole(primary_key=True)
    position: int = Field(primary_key=True, sa_type=Count)
    at: datetime = instant()
    day: date = day()
    actor: str = words()
    kind: str = words()
    key: str = words()
    action: str = words()
    before: Any = json(nullable=True)  # Any: a JSON value
    after: Any = json(nullable=True)  # Any: a JSON value
