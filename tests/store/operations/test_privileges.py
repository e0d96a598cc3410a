"""Least privilege: the service's own role can do all that the service does, and changes and deletes no event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from app.domain.primitives.errors import ConflictError, NotFoundError
from app.services.access import organizations
from app.services.operations import erasure as erasures
from app.store.operations import privileges as owner
from app.store.operations.privileges import APPEND_ONLY, DERIVED, ERASE_EVENTS
from app.store.tables.playbook import Row
from tests.store.test_statements import read_nothing, scenario
from tests.support.roles import granted, new_name, run
from tests.support.services import House, event, furnish, house, record

INSUFFICIENT = r"permission denied|must be owner"


@asynccontextmanager
async def furnished(url: str) -> AsyncIterator[House]:
    async with house(url) as built:
        actor = await built.organization()
        await furnish(built, actor)
        await record(built, actor, event("a", subject="person/zoe"))
        yield built


async def opened(built: House, statement: str) -> None:
    """The statement, by one who claims to be erasing."""
    async with built.service.database.writing() as connection, owner.lifted(connection):
        await connection.execute(text(statement))


@pytest.mark.postgresql
async def test_all_that_the_service_does_it_may_do_as_its_own_role(service_url: str):
    async with house(service_url) as built:
        await scenario(built)
        async with built.service.database.reading() as connection:
            assert not await owner.owns(connection)


@pytest.mark.postgresql
async def test_the_services_role_can_neither_change_nor_delete_what_is_append_only(
    service_url: str,
):
    async with furnished(service_url) as built:
        statements = [f"delete from {table}" for table in sorted(APPEND_ONLY)]
        statements += [f"truncate {table}" for table in Row.metadata.tables]
        statements += [
            f'update {name} set "{column.name}" = "{column.name}"'
            for name in sorted(APPEND_ONLY)
            for column in Row.metadata.tables[name].columns
            if DERIVED.get(name) != column.name
        ]
        statements += [
            "alter table event disable trigger all",
            "drop trigger event_stays on event",
            "drop table event",
        ]
        for statement in statements:
            with pytest.raises(DBAPIError, match=INSUFFICIENT):
                await opened(built, statement)


@pytest.mark.postgresql
async def test_the_services_role_erases_and_deletes_no_organization(service_url: str):
    async with furnished(service_url) as built:
        done = await erasures.erase(built.service, built.actors["acme"], "person/zoe", read_nothing)  # type: ignore[arg-type]  # never returns
        assert done.events == 1
        with pytest.raises(ConflictError, match="owner"):
            await organizations.delete(built.service, "acme", lambda _: None)
        assert await organizations.find(built.service, "acme") == built.actors["acme"].organization


@pytest.mark.postgresql
async def test_an_erasure_leaves_no_door_open_and_takes_no_pseudonym_of_somebody_elses_making(
    postgresql_url: str,
):
    async with furnished(postgresql_url) as built:
        await erasures.erase(built.service, built.actors["acme"], "person/zoe", read_nothing)  # type: ignore[arg-type]  # never returns
        call = "select erase_events('00000000-0000-7000-8000-000000000000', 'person/other', '{}', '{}', '{}')"
        for statement in ("update event set value = 1", "delete from event", call):
            with pytest.raises(DBAPIError, match=r"append-only|not the hash"):
                await run(postgresql_url, statement)
        assert await run(
            postgresql_url, f"select has_function_privilege('public', '{ERASE_EVENTS}', 'execute')"
        ) == [False]


@pytest.mark.postgresql
async def test_a_role_that_served_before_an_upgrade_serves_after_it_and_a_reader_gets_nothing_more(
    postgresql_url: str, service_url: str
):
    role = make_url(service_url).username
    reader = new_name("Reader")
    await run(postgresql_url, f'create role "{reader}"', f'grant select on event to "{reader}"')
    await run(postgresql_url, f'revoke select on team from "{role}"')
    assert await granted(postgresql_url, None) == [f'"{role}"']
    assert await run(service_url, "select count(*) from team") == [0]
    assert await run(
        postgresql_url, f"select has_table_privilege('{reader}', 'event', 'insert')"
    ) == [False]
    assert await granted(service_url, None) == []
    await run(postgresql_url, f'drop owned by "{reader}"', f'drop role "{reader}"')


@pytest.mark.postgresql
async def test_the_owner_is_known_as_such_and_a_role_that_is_not_there_is_named(
    postgresql_url: str,
):
    async with house(postgresql_url) as built, built.service.database.reading() as connection:
        assert await owner.owns(connection)
        with pytest.raises(NotFoundError, match="nobody-of-that-name"):
            await owner.grant_service(connection, "nobody-of-that-name")


async def test_a_file_has_no_roles(sqlite_url: str):
    assert await granted(sqlite_url, None) == []
    with pytest.raises(ConflictError, match="no roles"):
        await granted(sqlite_url, "sightline")
    async with house(sqlite_url) as built, built.service.database.reading() as connection:
        assert not await owner.owns(connection)
        await owner.require_owner(connection)


async def test_an_erasure_that_fails_puts_the_triggers_back(sqlite_url: str):
    async with furnished(sqlite_url) as built:
        with pytest.raises(ZeroDivisionError):
            async with built.service.database.writing() as connection, owner.lifted(connection):
                raise ZeroDivisionError
        with pytest.raises(DBAPIError, match="append-only"):
            await run(sqlite_url, "delete from event")


def test_what_goes_from_a_file_is_overwritten(sqlite_url: str):
    async def erase() -> None:
        async with furnished(sqlite_url) as built:
            private = event("b", subject="person/zoe", data={"email": "zoe@example.com"})
            await record(built, built.actors["acme"], private)
            await erasures.erase(built.service, built.actors["acme"], "person/zoe", read_nothing)  # type: ignore[arg-type]  # never returns

    asyncio.run(erase())
    content = Path(
        make_url(sqlite_url).database or ""
    ).read_bytes()  # closed: the log is in the file
    assert b"zoe@example.com" not in content
    assert b"person/zoe" not in content
