"""The schema fits Citus: the organization leads every key, constraint and index."""

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

from app.store.tables.base import NAMING_CONVENTION, Row, get_table
from app.store.tables.events import EventRow
from tests.support.sql_statements import TABLES_WITHOUT_TENANT


def list_constraints(table: Table) -> list[ColumnCollectionConstraint | Index]:
    """Return the keys, constraints and indexes of a table."""
    constraints = [
        constraint
        for constraint in table.constraints
        if isinstance(constraint, ColumnCollectionConstraint)
    ]
    return [*constraints, *table.indexes]


def find_constraints_without_tenant(metadata: MetaData) -> list[str]:
    """Return keys, constraints and indexes of tenant tables that the organization does not lead."""
    problems = []
    for table in metadata.tables.values():
        if table.name in TABLES_WITHOUT_TENANT:
            continue
        for constraint in list_constraints(table):
            columns = [column.name for column in constraint.columns]
            if columns and columns[0] != "organization_id":
                problems.append(f"{table.name}: {constraint.name}")
        for foreign_key in table.foreign_key_constraints:
            remote = foreign_key.elements[0].target_fullname.split(".")
            if remote[1] != "organization_id" or foreign_key.ondelete or foreign_key.onupdate:
                problems.append(f"{table.name}: {foreign_key.name}")
        if not list(table.primary_key.columns):
            problems.append(f"{table.name}: no primary key")
    return problems


def test_the_organization_leads_every_key_constraint_and_index():
    assert get_table(EventRow).name in Row.metadata.tables
    assert find_constraints_without_tenant(Row.metadata) == []


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
def test_a_table_with_another_leading_column_is_detected(parts: list[Column[int]], problem: str):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    Table(
        "other",
        metadata,
        Column("organization_id", Integer, primary_key=True),
        Column("a", Integer, primary_key=True),
    )
    Table("thing", metadata, *parts)
    assert problem in find_constraints_without_tenant(metadata)


def test_every_constraint_has_a_name_of_its_own():
    names = [
        str(constraint.name)
        for table in Row.metadata.tables.values()
        for constraint in list_constraints(table)
    ]
    assert "None" not in names
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= 63, "PostgreSQL would cut it"
