"""Deletion of an organization, with all its rows."""

from typing import Final
from uuid import UUID

from sqlalchemy import Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.access.directory import directory_table
from app.store.operations.privileges import append_only_suspended
from app.store.tables.base import Row, get_table
from app.store.tables.organizations import CursorRow, OrganizationRow

# Deleted last: writers hold the cursor row, and a repeated deletion must find the organization.
LAST_DELETED_TABLES: Final = (get_table(CursorRow), get_table(OrganizationRow))
ORGANIZATION_KIND: Final = "organization"


def list_organization_tables() -> list[Table]:
    """Return the organization's tables, dependent tables first."""
    excluded = {*LAST_DELETED_TABLES, directory_table}
    return [table for table in reversed(Row.metadata.sorted_tables) if table not in excluded]


async def revoke_access(connection: AsyncConnection, organization_id: UUID) -> None:
    """Remove the organization's keys, hooks and queue entries from the directory."""
    where = (
        directory_table.c.organization_id == organization_id,
        directory_table.c.kind != ORGANIZATION_KIND,
    )
    await connection.execute(delete(directory_table).where(*where))


async def delete_rows(
    connection: AsyncConnection, organization_id: UUID, table: Table, max_rows: int | None
) -> int:
    """Delete at most `max_rows` of the organization's rows, all when None. Return the number."""
    deletion = delete(table).where(table.c.organization_id == organization_id)
    if max_rows is not None:
        keys = tuple(table.primary_key.columns)
        chunk_query = (
            select(*keys).where(table.c.organization_id == organization_id).limit(max_rows)
        )
        deletion = deletion.where(tuple_(*keys).in_(chunk_query))
    async with append_only_suspended(connection):
        return int((await connection.execute(deletion)).rowcount)


async def delete_organization(connection: AsyncConnection, organization_id: UUID) -> int:
    """Delete all rows of the organization and return their number.

    The cursor row must be locked.
    """
    deleted_count = 0
    for table in (*list_organization_tables(), *LAST_DELETED_TABLES, directory_table):
        deleted_count += await delete_rows(connection, organization_id, table, None)
    return deleted_count
