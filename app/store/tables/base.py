"""The base of every table: metadata, columns and the fields that configuration tables share."""

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


class ConfigurationRow(Row):
    """What every configuration row has: its organization, its last change and whether it is archived."""

    organization_id: UUID = organization_column()
    changed: int = bigint_column()
    archived_at: datetime | None = instant_column(nullable=True)
