"""Several lists by one statement: one round trip, and all of them are of one view of the database."""

from collections.abc import Mapping, Sequence
from json import loads
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql import column_types as types
from app.store.sql.dialect import json_array_column


class JsonQuery(NamedTuple):
    """One of the lists: those columns of what a query gives, in any order."""

    columns: str
    sql: str


async def query_many(
    connection: AsyncConnection,
    organization_id: UUID,
    queries: Sequence[JsonQuery],
    parameters: Mapping[str, object],
    with_clause: str = "",
) -> Sequence[Sequence[Any]]:  # Any: each column has its own type
    """The rows of each part, numbers and texts as JSON has them. Shape: `before` names what several parts read."""
    array_columns = ", ".join(
        json_array_column(connection, query.columns, query.sql) for query in queries
    )
    statement = text(f"{with_clause} select {array_columns}").bindparams(
        bindparam("organization", organization_id, types.UuidColumn())
    )
    return [
        loads(json_rows) for json_rows in (await connection.execute(statement, parameters)).one()
    ]
