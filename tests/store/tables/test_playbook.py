"""The schema as Citus wants it: the organization leads every key, constraint and index; nothing else does."""

import pytest
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.sql.schema import ColumnCollectionConstraint

from app.store.tables.events import EventRow
from app.store.tables.playbook import NAMING, Row, table_of
from tests.support.statements import TENANTLESS


def parts_of(table: Table) -> list[ColumnCollectionConstraint | Index]:
    """Its keys, constraints and indexes."""
    named = [part for part in table.constraints if isinstance(part, ColumnCollectionConstraint)]
    return [*named, *table.indexes]


def misled(metadata: MetaData) -> list[str]:
    """Keys, constraints and indexes of a tenant's table that the organization does not lead."""
    found = []
    for table in metadata.tables.values():
        if table.name in TENANTLESS:
            continue
        for part in parts_of(table):
            columns = [column.name for column in part.columns]
            if columns and columns[0] != "organization_id":
                found.append(f"{table.name}: {part.name}")
        for key in table.foreign_key_constraints:
            remote = key.elements[0].target_fullname.split(".")
            if remote[1] != "organization_id" or key.ondelete or key.onupdate:
                found.append(f"{table.name}: {key.name}")
        if not list(table.primary_key.columns):
            found.append(f"{table.name}: no primary key")
    return found


def test_the_organization_leads_every_key_constraint_and_index():
    assert table_of(EventRow).name in Row.metadata.tables
    assert misled(Row.metadata) == []


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        (
            [Column("id", Integer, primary_key=True), Column("organization_id", Integer)],
            "thing: pk_thing",
        ),
        (
            [
                Column("organization_id", Integer, primary_key=True),
                Column("a", Integer),
                UniqueConstraint("a"),
            ],
            "thing: uq_thing_a",
        ),
        (
            [
                Column("organization_id", Integer, primary_key=True),
                Column("a", Integer),
                Index(None, "a", "organization_id"),
            ],
            "thing: ix_thing_a_organization_id",
        ),
        (
            [
                Column("organization_id", Integer, primary_key=True),
                Column("a", Integer),
                ForeignKeyConstraint(["a"], ["other.a"]),
            ],
            "thing: fk_thing_other",
        ),
        (
            [
                Column("organization_id", Integer, primary_key=True),
                Column("a", Integer),
                ForeignKeyConstraint(
                    ["organization_id", "a"],
                    ["other.organization_id", "other.a"],
                    ondelete="set null",
                ),
            ],
            "thing: fk_thing_other",
        ),
        ([Column("organization_id", Integer)], "thing: no primary key"),
    ],
)
def test_a_table_that_is_led_by_something_else_is_found(parts: list[Column[int]], problem: str):
    metadata = MetaData(naming_convention=NAMING)
    Table(
        "other",
        metadata,
        Column("organization_id", Integer, primary_key=True),
        Column("a", Integer, primary_key=True),
    )
    Table("thing", metadata, *parts)
    assert problem in misled(metadata)


def test_every_constraint_has_a_name_of_its_own():
    names = [str(part.name) for table in Row.metadata.tables.values() for part in parts_of(table)]
    assert "None" not in names
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= 63, "PostgreSQL would cut it"
