"""The service's role can do all that the service does, and cannot change or delete events."""

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
from app.services.operations import erasure as erasure_service
from app.store.operations import privileges
from app.store.operations.privileges import (
    APPEND_ONLY_TABLES,
    DERIVED_COLUMNS,
    ERASE_EVENTS_SIGNATURE,
)
from app.store.tables.base import Row
from tests.store.test_statements import fail_on_read, run_scenario
from tests.support.database_roles import execute_statements, generate_role_name, grant_service_role
from tests.support.service_harness import (
    ServiceHarness,
    make_event,
    open_harness,
    record_events,
    seed_playbook,
)

INSUFFICIENT = r"permission denied|must be owner"


@asynccontextmanager
async def open_seeded_harness(url: str) -> AsyncIterator[ServiceHarness]:
    async with open_harness(url) as harness:
        actor = await harness.create_organization()
        await seed_playbook(harness, actor)
        await record_events(harness, actor, make_event("a", subject="person/zoe"))
        yield harness


async def execute_with_append_only_suspended(harness: ServiceHarness, statement: str) -> None:
    """Execute a statement in a transaction that claims to erase."""
    async with (
        harness.service.database.write_transaction() as writer,
        privileges.append_only_suspended(writer),
    ):
        await writer.execute(text(statement))


@pytest.mark.postgresql
async def test_the_service_role_can_run_the_complete_scenario(service_url: str):
    async with open_harness(service_url) as harness:
        await run_scenario(harness)
        async with harness.service.database.read_transaction() as reader:
            assert not await privileges.is_table_owner(reader)


@pytest.mark.postgresql
async def test_the_services_role_can_neither_change_nor_delete_what_is_append_only(
    service_url: str,
):
    async with open_seeded_harness(service_url) as harness:
        statements = [f"delete from {table}" for table in sorted(APPEND_ONLY_TABLES)]
        statements += [f"truncate {table}" for table in Row.metadata.tables]
        statements += [
            f'update {table_name} set "{column.name}" = "{column.name}"'
            for table_name in sorted(APPEND_ONLY_TABLES)
            for column in Row.metadata.tables[table_name].columns
            if DERIVED_COLUMNS.get(table_name) != column.name
        ]
        statements += [
            "alter table event disable trigger all",
            "drop trigger event_stays on event",
            "drop table event",
        ]
        for statement in statements:
            with pytest.raises(DBAPIError, match=INSUFFICIENT):
                await execute_with_append_only_suspended(harness, statement)


@pytest.mark.postgresql
async def test_the_services_role_erases_and_deletes_no_organization(service_url: str):
    async with open_seeded_harness(service_url) as harness:
        erasure = await erasure_service.erase_subject(
            harness.service,
            harness.actors["acme"],
            "person/zoe",
            fail_on_read,  # type: ignore[arg-type]  # never returns
        )
        assert erasure.events == 1
        with pytest.raises(ConflictError, match="owner"):
            await organizations.delete_organization(harness.service, "acme", lambda _: None)
        assert (
            await organizations.find_organization(harness.service, "acme")
            == harness.actors["acme"].organization
        )


@pytest.mark.postgresql
async def test_an_erasure_restores_append_only_and_rejects_a_foreign_pseudonym(
    postgresql_url: str,
):
    async with open_seeded_harness(postgresql_url) as harness:
        await erasure_service.erase_subject(
            harness.service,
            harness.actors["acme"],
            "person/zoe",
            fail_on_read,  # type: ignore[arg-type]  # never returns
        )
        call = (
            "select erase_events("
            "'00000000-0000-7000-8000-000000000000', 'person/other', '{}', '{}', '{}')"
        )
        for statement in ("update event set value = 1", "delete from event", call):
            with pytest.raises(DBAPIError, match=r"append-only|not the hash"):
                await execute_statements(postgresql_url, statement)
        assert await execute_statements(
            postgresql_url,
            f"select has_function_privilege('public', '{ERASE_EVENTS_SIGNATURE}', 'execute')",
        ) == [False]


@pytest.mark.postgresql
async def test_an_upgrade_keeps_the_service_role_and_grants_a_reader_nothing(
    postgresql_url: str, service_url: str
):
    role = make_url(service_url).username
    reader = generate_role_name("Reader")
    await execute_statements(
        postgresql_url, f'create role "{reader}"', f'grant select on event to "{reader}"'
    )
    await execute_statements(postgresql_url, f'revoke select on team from "{role}"')
    assert await grant_service_role(postgresql_url, None) == [f'"{role}"']
    assert await execute_statements(service_url, "select count(*) from team") == [0]
    assert await execute_statements(
        postgresql_url, f"select has_table_privilege('{reader}', 'event', 'insert')"
    ) == [False]
    assert await grant_service_role(service_url, None) == []
    await execute_statements(postgresql_url, f'drop owned by "{reader}"', f'drop role "{reader}"')


@pytest.mark.postgresql
async def test_the_owner_is_recognized_and_a_missing_role_is_named(
    postgresql_url: str,
):
    async with (
        open_harness(postgresql_url) as harness,
        harness.service.database.read_transaction() as reader,
    ):
        assert await privileges.is_table_owner(reader)
        with pytest.raises(NotFoundError, match="nobody-of-that-name"):
            await privileges.grant_service(reader, "nobody-of-that-name")


async def test_a_file_has_no_roles(sqlite_url: str):
    assert await grant_service_role(sqlite_url, None) == []
    with pytest.raises(ConflictError, match="no roles"):
        await grant_service_role(sqlite_url, "sightline")
    async with (
        open_harness(sqlite_url) as harness,
        harness.service.database.read_transaction() as reader,
    ):
        assert not await privileges.is_table_owner(reader)
        await privileges.require_owner(reader)


async def test_a_failed_erasure_restores_the_triggers(sqlite_url: str):
    async with open_seeded_harness(sqlite_url) as harness:
        with pytest.raises(ZeroDivisionError):
            async with (
                harness.service.database.write_transaction() as writer,
                privileges.append_only_suspended(writer),
            ):
                raise ZeroDivisionError
        with pytest.raises(DBAPIError, match="append-only"):
            await execute_statements(sqlite_url, "delete from event")


def test_erased_content_is_overwritten_in_the_file(sqlite_url: str):
    async def erase() -> None:
        async with open_seeded_harness(sqlite_url) as harness:
            private = make_event("b", subject="person/zoe", data={"email": "zoe@example.com"})
            await record_events(harness, harness.actors["acme"], private)
            await erasure_service.erase_subject(
                harness.service,
                harness.actors["acme"],
                "person/zoe",
                fail_on_read,  # type: ignore[arg-type]  # never returns
            )

    asyncio.run(erase())
    content = Path(
        make_url(sqlite_url).database or ""
    ).read_bytes()  # the connection is closed, so the file contains the log
    assert b"zoe@example.com" not in content
    assert b"person/zoe" not in content
