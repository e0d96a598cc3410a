"""An organization that goes, with every row of every table that names it."""

from typing import Final
from uuid import UUID

from sqlalchemy import Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.access.api_keys import directory
from app.store.operations.privileges import lifted
from app.store.tables.playbook import CursorRow, OrganizationRow, Row, table_of

# Whoever writes holds the cursor's row, and whoever deletes again finds the organization: they go in the last step.
LAST: Final = (table_of(CursorRow), table_of(OrganizationRow))
NAME: Final = "organization"


def tables() -> list[Table]:
    """The tables of all that an organization has, those first that others do not lean on."""
    kept = {*LAST, directory}
    return [table for table in reversed(Row.metadata.sorted_tables) if table not in kept]


async def close_doors(connection: AsyncConnection, organization_id: UUID) -> None:
    """No key and no hook leads to the organization any more, and no work is waiting for it."""
    where = directory.c.organization_id == organization_id, directory.c.kind != NAME
    await connection.execute(delete(directory).where(*where))


async def remove(
    connection: AsyncConnection, organization_id: UUID, table: Table, most: int | None
) -> int:
    """At most so many of the organization's rows of a table are gone, or all of them (None); returns how many."""
    statement = delete(table).where(table.c.organization_id == organization_id)
    if most is not None:
        keys = tuple(table.primary_key.columns)
        some = select(*keys).where(table.c.organization_id == organization_id).limit(most)
        statement = statement.where(tuple_(*keys).in_(some))
    async with lifted(connection):
        return int((await connection.execute(statement)).rowcount)


async def forget(connection: AsyncConnection, organization_id: UUID) -> int:
    """Nothing is left of the organization; returns how many rows went. The cursor's row must be locked."""
    gone = 0
    for table in (*tables(), *LAST, directory):
        gone += await remove(connection, organization_id, table, None)
    return gone
