"""An organization is deleted with every row of every table, and no other organization loses one."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Column, Table, insert, select

from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import NotAuthenticError, NotFoundError
from app.services.access import api_keys as keys
from app.services.access import organizations
from app.store.operations import organization_deletion as removal
from app.store.sql import column_types as types
from app.store.tables.playbook import Directory, Row, table_of
from tests.support.services import NOW, House

DIRECTORY = table_of(Directory)
MADE = {"organization", "cursor", "policy"}  # there as soon as an organization is
UUIDS = [UUID(int=number) for number in range(200)]


def value(column: Column[Any], number: int) -> object:
    """Something that the column takes, the same for the same number."""
    if isinstance(column.type, types.Identity):
        return UUIDS[number]
    if isinstance(column.type, types.Instant):
        return NOW
    if isinstance(column.type, types.Day):
        return NOW.date()
    if isinstance(column.type, types.Json):
        return {}
    return {int: number, str: f"k{number}", bytes: b"raw"}[column.type.python_type]


def rows(table: Table, organization: UUID) -> list[dict[str, object]]:
    """Three rows of a table, or one where there is one alone; equal names lean on each other."""
    several = len(table.primary_key.columns) > 1
    return [
        {
            column.name: organization if column.name == "organization_id" else value(column, number)
            for column in table.columns
        }
        for number in range(101, 104 if several else 102)
    ]


async def furnish(built: House, key: str) -> tuple[UUID, str]:
    secret = await organizations.create(built.service, Organization(key, key))
    identity = await organizations.find(built.service, key)
    async with built.service.database.writing() as connection:
        for table in Row.metadata.sorted_tables:
            if table is DIRECTORY:
                await connection.execute(
                    insert(table).values(kind="hook", id=key, organization_id=identity)
                )
            elif table.name not in MADE:
                await connection.execute(insert(table), rows(table, identity))
    return identity, secret


async def left(built: House, identity: UUID) -> dict[str, int]:
    """How many rows each table has of the organization, those that have any."""
    found = {}
    async with built.service.database.reading() as connection:
        for table in Row.metadata.tables.values():
            statement = select(table).where(table.c.organization_id == identity)
            found[table.name] = len((await connection.execute(statement)).all())
    return {name: rows for name, rows in found.items() if rows}


def test_every_table_names_its_organization_and_is_deleted_from():
    assert all("organization_id" in table.c for table in Row.metadata.tables.values())
    assert {*removal.tables(), *removal.LAST, DIRECTORY} == set(Row.metadata.tables.values())


async def test_nothing_is_left_of_a_deleted_organization_and_all_of_another(
    built: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(organizations, "AT_ONCE", 2)
    (mine, secret), (theirs, _) = await furnish(built, "acme"), await furnish(built, "other")
    before = await left(built, theirs)
    assert before.keys() == set(Row.metadata.tables), "the test has to put a row into every table"
    expected = sum((await left(built, mine)).values())
    steps: list[int] = []
    gone = await organizations.delete(built.service, "acme", steps.append)
    assert (await left(built, mine), await left(built, theirs)) == ({}, before)
    assert gone == expected - 2  # its admin's key and its hook went first
    assert steps == sorted(steps)
    with pytest.raises(NotFoundError):
        await organizations.find(built.service, "acme")
    with pytest.raises(NotAuthenticError):
        await keys.authenticate(built.service, secret)
    await organizations.create(built.service, Organization("acme", "Acme again"))


async def test_whoever_is_interrupted_deletes_again(built: House):
    identity, secret = await furnish(built, "acme")

    def stop(_gone: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await organizations.delete(built.service, "acme", stop)
    with pytest.raises(NotAuthenticError):
        await keys.authenticate(built.service, secret)
    await organizations.delete(built.service, "acme", lambda _: None)
    assert await left(built, identity) == {}


async def test_what_is_unknown_is_not_deleted(built: House):
    with pytest.raises(NotFoundError, match="acme"):
        await organizations.delete(built.service, "acme", lambda _: None)
