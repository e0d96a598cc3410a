"""Several queries in one statement: one round trip and one view of the database."""

from collections.abc import Mapping, Sequence
from json import loads
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql import column_types
from app.store.sql.dialect import json_array_column


class JsonQuery(NamedTuple):
    """A query, and the columns of it to return, in any order."""

    columns: str
    sql: str


async def query_many(
    connection: AsyncConnection,
    organization_id: UUID,
    queries: Sequence[JsonQuery],
    parameters: Mapping[str, object],
    with_clause: str = "",
) -> Sequence[Sequence[Any]]:  # Any: each column has its own type
    """Return the rows of each query, with numbers and texts as in JSON.

    `with_clause` defines what several queries read.
    """
    array_columns = ", ".join(
        json_array_column(connection, query.columns, query.sql) for query in queries
    )
    combined_query = text(f"{with_clause} select {array_columns}").bindparams(
        bindparam("organization", organization_id, column_types.UuidColumn())
    )
    return [
        loads(json_rows)
        for json_rows in (await connection.execute(combined_query, parameters)).one()
    ]
