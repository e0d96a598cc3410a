"""Failed transactions store nothing, reads never write, and transient errors are marked as such."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.domain.primitives.errors import UnavailableError
from app.store.access import directory, organization_version
from app.store.sql import dialect
from app.store.sql.database import connect
from app.store.sql.dialect import database_file
from tests.support.service_harness import NOW, ServiceHarness


async def test_a_failed_transaction_stores_nothing(harness: ServiceHarness):
    actor = await harness.create_organization()

    async def fail() -> None:
        async with harness.service.database.write_transaction() as writer:
            await directory.add_public_id(writer, "api_key", "x", actor.organization)
            await organization_version.advance_version(
                writer, actor.organization, NOW, "UTC", changes_configuration=False
            )
            raise RuntimeError("half way")

    async with harness.service.database.read_transaction() as connection:
        before = await organization_version.current_version(connection, actor.organization)
    with pytest.raises(RuntimeError, match="half way"):
        await fail()
    async with harness.service.database.read_transaction() as connection:
        assert await directory.find_organization(connection, "api_key", "x") is None
        assert await organization_version.current_version(connection, actor.organization) == before


async def test_reading_never_writes(harness: ServiceHarness):
    await harness.create_organization()

    async def write() -> None:
        async with harness.service.database.read_transaction() as reader:
            await reader.execute(text("delete from directory"))

    with pytest.raises((DBAPIError, UnavailableError)) as exception_info:
        await write()
    message = str(exception_info.value.__cause__ or exception_info.value).lower()
    assert "readonly" in message or "read-only" in message
    async with harness.service.database.read_transaction() as connection:
        assert await directory.list_public_ids(connection, "organization") != []


async def test_reading_sees_one_state_throughout(harness: ServiceHarness):
    actor = await harness.create_organization()
    async with harness.service.database.read_transaction() as reader:
        before = await organization_version.current_version(reader, actor.organization)
        async with harness.service.database.write_transaction() as writer:
            await organization_version.advance_version(
                writer, actor.organization, NOW, "UTC", changes_configuration=False
            )
        assert await organization_version.current_version(reader, actor.organization) == before
    async with harness.service.database.read_transaction() as reader:
        assert await organization_version.current_version(reader, actor.organization) == before + 1


async def test_a_violated_constraint_is_not_called_transient(harness: ServiceHarness):
    actor = await harness.create_organization()

    async def begin_twice() -> None:
        async with harness.service.database.write_transaction() as writer:
            await organization_version.create_cursor(writer, actor.organization, NOW, "UTC")

    with pytest.raises(IntegrityError):
        await begin_twice()


async def test_an_unreachable_server_is_unavailable():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    database = connect(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing")

    async def open_connection(*, write: bool) -> None:
        async with database.write_transaction() if write else database.read_transaction() as reader:
            await reader.execute(text("select 1"))

    for write in (True, False):
        with pytest.raises(UnavailableError, match="try again"):
            await open_connection(write=write)
    await database.close()


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path):
    database = connect(f"sqlite+aiosqlite:///{tmp_path}/nowhere/sightline.db")

    async def open_connection() -> None:
        async with database.read_transaction():
            pass

    with pytest.raises(UnavailableError):
        await open_connection()
    await database.close()
    # The driver's thread still reports the failed connection, so the loop must be running.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


def test_only_an_embedded_database_has_a_file():
    assert database_file("sqlite+aiosqlite:///here/sightline.db") == "here/sightline.db"
    assert database_file("postgresql+asyncpg://u@h/sightline") is None


def test_an_embedded_database_that_is_too_old_is_refused_at_the_start(monkeypatch):
    monkeypatch.setattr(dialect, "sqlite_version_info", (3, 37, 2))
    with pytest.raises(ValueError, match=r"3\.38 or newer"):
        connect("sqlite+aiosqlite:///old.db")
