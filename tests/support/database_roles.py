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

ROLE_NUMBERS = count()


async def execute_statements(url: str, *statements: str) -> list[object]:
    """What the statements answer, each in a transaction of its own."""
    database = connect(url)
    scalars: list[object] = []
    try:
        for statement in statements:
            async with database.write_transaction() as connection:
                executed = await connection.execute(text(statement))
                scalars += list(executed.scalars()) if executed.returns_rows else []
    finally:
        await database.close()
    return scalars


async def grant_service_role(url: str, role: str | None) -> list[str]:
    database = connect(url)
    try:
        async with database.write_transaction() as connection:
            return await owner.grant_service(connection, role)
    finally:
        await database.close()


def generate_role_name(kind: str) -> str:
    """A name that no role has."""
    return f"{kind} {getpid()} {next(ROLE_NUMBERS)}"  # one that has to be quoted


@contextmanager
def create_service_role(url: str) -> Iterator[str]:
    """The address of the database for a role that was granted what the service needs."""
    role = generate_role_name("Service")
    asyncio.run(execute_statements(url, f'create role "{role}" login'))
    assert asyncio.run(grant_service_role(url, role)) == [f'"{role}"']
    yield make_url(url).set(username=role).render_as_string(hide_password=False)
    asyncio.run(execute_statements(url, f'drop owned by "{role}"', f'drop role "{role}"'))
