"""The base of all tables: metadata, column helpers and the columns of configuration."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, MetaData, Table
from sqlmodel import Field, SQLModel

from app.store.sql.column_types import (
    CollatedText,
    DayColumn,
    InstantColumn,
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
    """The base class of all tables: their metadata and their naming convention."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING_CONVENTION)


def get_table(row_class: type[SQLModel]) -> Table:
    """Return the table of a row class."""
    table: Table = vars(row_class)["__table__"]
    return table


def key_column(**options: Any) -> Any:  # Any: a Field takes its type from the annotation
    """Return a text column of the primary key."""
    return Field(primary_key=True, sa_type=CollatedText, **options)


def text_column(**options: Any) -> Any:  # Any: a Field takes its type from the annotation
    """Return a text column."""
    return Field(sa_type=CollatedText, **options)


def bigint_column(
    **options: Any,
) -> Any:  # Any: a Field takes its type from the annotation
    """Return a bigint column."""
    return Field(sa_type=Int64, **options)


def json_column(**options: Any) -> Any:  # Any: a Field takes its type from the annotation
    """Return a JSON column, stored as canonical text."""
    return Field(sa_type=JsonColumn, **options)


def day_column(**options: Any) -> Any:  # Any: a Field takes its type from the annotation
    """Return a date column."""
    return Field(sa_type=DayColumn, **options)


def instant_column(
    **options: Any,
) -> Any:  # Any: a Field takes its type from the annotation
    """Return a column for a UTC instant."""
    return Field(sa_type=InstantColumn, **options)


def organization_column() -> Any:  # Any: a Field takes its type from the annotation
    """Return the organization's column, the first of every primary key."""
    return Field(primary_key=True, sa_type=UuidColumn)


def organization_foreign_key(
    columns: tuple[str, ...], table: str, remote_columns: tuple[str, ...] = ("key",)
) -> ForeignKeyConstraint:
    """Return a foreign key within the organization."""
    return ForeignKeyConstraint(
        ["organization_id", *columns],
        [f"{table}.organization_id", *(f"{table}.{column}" for column in remote_columns)],
    )


class ConfigurationRow(Row):
    """The base class of configuration tables."""

    organization_id: UUID = organization_column()
    # The organization's version at the last change.
    changed: int = bigint_column()
    archived_at: datetime | None = instant_column(nullable=True)
