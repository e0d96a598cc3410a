"""Several lists by one statement: one round trip, and all of them are of one view of the database."""

from collections.abc import Mapping, Sequence
from json import loads
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql import column_types as types
from app.store.sql.dialect import listed


class Part(NamedTuple):
    """One of the lists: those columns of what a query gives, in any order."""

    columns: str
    query: str


async def ask(
    connection: AsyncConnection,
    organization_id: UUID,
    parts: Sequence[Part],
    values: Mapping[str, object],
    before: str = "",
) -> Sequence[Sequence[Any]]:  # Any: each column has its own type
    """The rows of each part, numbers and texts as JSON has them. Shape: `before` names what several parts read."""
    lists = ", ".join(listed(connection, part.columns, part.query) for part in parts)
    statement = text(f"{before} select {lists}").bindparams(
        bindparam("organization", organization_id, types.Identity())
    )
    return [loads(found) for found in (await connection.execute(statement, values)).one()]
