"""PostgreSQL roles for tests, and SQL statements outside the service."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from os import getpid

from sqlalchemy import text
from sqlalchemy.engine import make_url

from app.store.operations import privileges
from app.store.sql.database import connect

ROLE_NUMBERS = count()


async def execute_statements(url: str, *statements: str) -> list[object]:
    """Execute each statement in its own transaction. Return the scalars of their results."""
    database = connect(url)
    scalars: list[object] = []
    try:
        for statement in statements:
            async with database.write_transaction() as writer:
                executed = await writer.execute(text(statement))
                scalars += list(executed.scalars()) if executed.returns_rows else []
    finally:
        await database.close()
    return scalars


async def grant_service_role(url: str, role: str | None) -> list[str]:
    database = connect(url)
    try:
        async with database.write_transaction() as writer:
            return await privileges.grant_service(writer, role)
    finally:
        await database.close()


def generate_role_name(kind: str) -> str:
    """Return a role name that does not exist yet."""
    return f"{kind} {getpid()} {next(ROLE_NUMBERS)}"  # the spaces make quotes necessary


@contextmanager
def create_service_role(url: str) -> Iterator[str]:
    """Create a role with the rights that the service needs. Yield the database URL for it."""
    role = generate_role_name("Service")
    asyncio.run(execute_statements(url, f'create role "{role}" login'))
    assert asyncio.run(grant_service_role(url, role)) == [f'"{role}"']
    yield make_url(url).set(username=role).render_as_string(hide_password=False)
    asyncio.run(execute_statements(url, f'drop owned by "{role}"', f'drop role "{role}"'))
