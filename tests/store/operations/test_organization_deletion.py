"""A deletion removes every row of the organization, and no row of another one."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Column, Table, insert, select

from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import NotAuthenticError, NotFoundError
from app.services.access import authentication, organizations
from app.store.operations import organization_deletion
from app.store.sql import column_types
from app.store.tables.access import DirectoryRow
from app.store.tables.base import Row, get_table
from tests.support.service_harness import NOW, ServiceHarness

DIRECTORY = get_table(DirectoryRow)
CREATED_WITH_ORGANIZATION = {
    "organization",
    "cursor",
    "policy",
}  # created with the organization
UUIDS = [UUID(int=number) for number in range(200)]


def make_column_value(column: Column[Any], number: int) -> object:
    """Return a value for the column, equal for equal numbers."""
    if isinstance(column.type, column_types.UuidColumn):
        return UUIDS[number]
    if isinstance(column.type, column_types.InstantColumn):
        return NOW
    if isinstance(column.type, column_types.DayColumn):
        return NOW.date()
    if isinstance(column.type, column_types.JsonColumn):
        return {}
    return {int: number, str: f"k{number}", bytes: b"raw"}[column.type.python_type]


def make_rows(table: Table, organization: UUID) -> list[dict[str, object]]:
    """Return three rows of a table, one for a table with a single row per organization.

    Equal names satisfy the foreign keys.
    """
    has_several_rows = len(table.primary_key.columns) > 1
    return [
        {
            column.name: organization
            if column.name == "organization_id"
            else make_column_value(column, number)
            for column in table.columns
        }
        for number in range(101, 104 if has_several_rows else 102)
    ]


async def fill_organization(harness: ServiceHarness, key: str) -> tuple[UUID, str]:
    secret = await organizations.create_organization(harness.service, Organization(key, key))
    identity = await organizations.find_organization(harness.service, key)
    async with harness.service.database.write_transaction() as writer:
        for table in Row.metadata.sorted_tables:
            if table is DIRECTORY:
                await writer.execute(
                    insert(table).values(kind="hook", id=key, organization_id=identity)
                )
            elif table.name not in CREATED_WITH_ORGANIZATION:
                await writer.execute(insert(table), make_rows(table, identity))
    return identity, secret


async def count_remaining_rows(harness: ServiceHarness, identity: UUID) -> dict[str, int]:
    """Return the number of the organization's rows by table, without empty tables."""
    row_counts = {}
    async with harness.service.database.read_transaction() as reader:
        for table in Row.metadata.tables.values():
            statement = select(table).where(table.c.organization_id == identity)
            row_counts[table.name] = len((await reader.execute(statement)).all())
    return {table_name: row_count for table_name, row_count in row_counts.items() if row_count}


def test_every_table_names_its_organization_and_is_deleted_from():
    assert all("organization_id" in table.c for table in Row.metadata.tables.values())
    assert {
        *organization_deletion.list_organization_tables(),
        *organization_deletion.LAST_DELETED_TABLES,
        DIRECTORY,
    } == set(Row.metadata.tables.values())


async def test_a_deleted_organization_leaves_no_row_and_another_keeps_all(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(organizations, "DELETE_BATCH_SIZE", 2)
    (acme_identity, secret) = await fill_organization(harness, "acme")
    (other_identity, _) = await fill_organization(harness, "other")
    before = await count_remaining_rows(harness, other_identity)
    assert before.keys() == set(Row.metadata.tables), "the test has to put a row into every table"
    expected = sum((await count_remaining_rows(harness, acme_identity)).values())
    steps: list[int] = []
    deleted_count = await organizations.delete_organization(harness.service, "acme", steps.append)
    assert (
        await count_remaining_rows(harness, acme_identity),
        await count_remaining_rows(harness, other_identity),
    ) == ({}, before)
    assert deleted_count == expected - 2  # the admin's key and the hook are deleted first
    assert steps == sorted(steps)
    with pytest.raises(NotFoundError):
        await organizations.find_organization(harness.service, "acme")
    with pytest.raises(NotAuthenticError):
        await authentication.authenticate_key(harness.service, secret)
    await organizations.create_organization(harness.service, Organization("acme", "Acme again"))


async def test_an_interrupted_deletion_can_be_repeated(harness: ServiceHarness):
    identity, secret = await fill_organization(harness, "acme")

    def stop(_deleted_count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await organizations.delete_organization(harness.service, "acme", stop)
    with pytest.raises(NotAuthenticError):
        await authentication.authenticate_key(harness.service, secret)
    await organizations.delete_organization(harness.service, "acme", lambda _: None)
    assert await count_remaining_rows(harness, identity) == {}


async def test_an_unknown_organization_is_not_deleted(harness: ServiceHarness):
    with pytest.raises(NotFoundError, match="acme"):
        await organizations.delete_organization(harness.service, "acme", lambda _: None)
