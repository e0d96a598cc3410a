"""The two doors: what fails leaves nothing, reading never writes, and what passes by itself says so."""

import asyncio
import socket
import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.domain.primitives.errors import UnavailableError
from app.store.access import api_keys as keys
from app.store.access import organization_version as cursor
from app.store.sql import dialect
from app.store.sql.database import connect
from app.store.sql.dialect import file_of
from tests.support.services import NOW, House


async def test_what_fails_leaves_nothing(built: House):
    actor = await built.organization()

    async def fail() -> None:
        async with built.service.database.writing() as connection:
            await keys.enter(connection, "api_key", "x", actor.organization)
            await cursor.advance(connection, actor.organization, NOW, "UTC", catalogue=False)
            raise RuntimeError("half way")

    async with built.service.database.reading() as connection:
        before = await cursor.version(connection, actor.organization)
    with pytest.raises(RuntimeError, match="half way"):
        await fail()
    async with built.service.database.reading() as connection:
        assert await keys.owner(connection, "api_key", "x") is None
        assert await cursor.version(connection, actor.organization) == before


async def test_reading_never_writes(built: House):
    await built.organization()

    async def write() -> None:
        async with built.service.database.reading() as connection:
            await connection.execute(text("delete from directory"))

    with pytest.raises((DBAPIError, UnavailableError)) as refused:
        await write()
    said = str(refused.value.__cause__ or refused.value).lower()
    assert "readonly" in said or "read-only" in said
    async with built.service.database.reading() as connection:
        assert await keys.owners(connection, "organization") != []


async def test_reading_sees_one_state_throughout(built: House):
    actor = await built.organization()
    async with built.service.database.reading() as connection:
        before = await cursor.version(connection, actor.organization)
        async with built.service.database.writing() as writer:
            await cursor.advance(writer, actor.organization, NOW, "UTC", catalogue=False)
        assert await cursor.version(connection, actor.organization) == before
    async with built.service.database.reading() as connection:
        assert await cursor.version(connection, actor.organization) == before + 1


async def test_a_broken_rule_of_the_tables_is_not_called_passing(built: House):
    actor = await built.organization()

    async def twice() -> None:
        async with built.service.database.writing() as connection:
            await cursor.begin(connection, actor.organization, NOW, "UTC")

    with pytest.raises(IntegrityError):
        await twice()


async def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    database = connect(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing")

    async def ask(*, write: bool) -> None:
        async with database.writing() if write else database.reading() as connection:
            await connection.execute(text("select 1"))

    for write in (True, False):
        with pytest.raises(UnavailableError, match="try again"):
            await ask(write=write)
    await database.close()


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path):
    database = connect(f"sqlite+aiosqlite:///{tmp_path}/nowhere/sightline.db")

    async def ask() -> None:
        async with database.reading():
            pass

    with pytest.raises(UnavailableError):
        await ask()
    await database.close()
    # The driver's thread still answers the failed connection, and the loop must be there to hear it.
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


def test_only_an_embedded_database_has_a_file():
    assert file_of("sqlite+aiosqlite:///here/sightline.db") == "here/sightline.db"
    assert file_of("postgresql+asyncpg://u@h/sightline") is None


def test_an_embedded_database_that_is_too_old_is_refused_at_the_start(monkeypatch):
    monkeypatch.setattr(dialect, "sqlite_version_info", (3, 37, 2))
    with pytest.raises(ValueError, match=r"3\.38 or newer"):
        connect("sqlite+aiosqlite:///old.db")
