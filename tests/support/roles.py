"""Roles of the tests' PostgreSQL, and statements told to it directly."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from os import getpid

from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.store.operations import privileges as owner
from app.store.sql.database import connect

NUMBERS = count()


async def run(url: str, *statements: str) -> list[object]:
    """What the statements answer, each in a transaction of its own."""
    database = connect(url)
    found: list[object] = []
    try:
        for statement in statements:
            async with database.writing() as connection:
                done = await connection.execute(text(statement))
                found += list(done.scalars()) if done.returns_rows else []
    finally:
        await database.close()
    return found


async def granted(url: str, role: str | None) -> list[str]:
    database = connect(url)
    try:
        async with database.writing() as connection:
            return await owner.grant_service(connection, role)
    finally:
        await database.close()


def new_name(kind: str) -> str:
    """A name that no role has."""
    return f"{kind} {getpid()} {next(NUMBERS)}"  # one that has to be quoted


@contextmanager
def serving(url: str) -> Iterator[str]:
    """The address of the database for a role that was granted what the service needs."""
    role = new_name("Service")
    asyncio.run(run(url, f'create role "{role}" login'))
    assert asyncio.run(granted(url, role)) == [f'"{role}"']
    yield make_url(url).set(username=role).render_as_string(hide_password=False)
    asyncio.run(run(url, f'drop owned by "{role}"', f'drop role "{role}"'))
