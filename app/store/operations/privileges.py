"""Privileges on PostgreSQL: the owner may erase and grant, the service's role may not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives.errors import ConflictError, NotFoundError
from app.store.sql.dialect import is_embedded
from app.store.tables.base import Row, get_table
from app.store.tables.events import EventRow, RetractionRow
from app.store.tables.organizations import JournalRow
from app.store.tables.sources import ChangeRow

# Rows of these tables never change, except in derived columns.
APPEND_ONLY_TABLES: Final = {
    get_table(row).name for row in (EventRow, RetractionRow, JournalRow, ChangeRow)
}
DERIVED_COLUMNS: Final = {"event": "matching"}
ERASE_EVENTS_SIGNATURE: Final = "erase_events(uuid, text, uuid[], text[], text[])"
ERASE_CHANGES_SIGNATURE: Final = "erase_changes(uuid, text, text[])"


@asynccontextmanager
async def append_only_suspended(connection: AsyncConnection) -> AsyncIterator[None]:
    """Allow this transaction, and no other, to change append-only rows within the block."""
    if not is_embedded(connection):
        await connection.exec_driver_sql("select set_config('sightline.erasing', 'on', true)")
        yield
        await connection.exec_driver_sql("select set_config('sightline.erasing', '', true)")
        return
    # SQLite has no owners: the triggers are dropped, and created again in the same transaction.
    # Overwrite deleted content with zeros.
    await connection.exec_driver_sql("pragma secure_delete = on")
    trigger_rows = await connection.exec_driver_sql(
        "select name, sql from sqlite_master where type = 'trigger'"
    )
    dropped_triggers = [(str(row["name"]), str(row["sql"])) for row in trigger_rows.mappings()]
    for trigger_name, _ in dropped_triggers:
        await connection.exec_driver_sql(f'drop trigger "{trigger_name}"')
    yield
    for _, sql in dropped_triggers:
        await connection.exec_driver_sql(sql)


async def is_table_owner(connection: AsyncConnection) -> bool:
    """Return whether the service's role can change append-only rows, although it need not."""
    return not is_embedded(connection) and await _can_change_append_only(connection)


async def _can_change_append_only(connection: AsyncConnection) -> bool:
    privileges = " or ".join(
        f"has_table_privilege('{table_name}', 'update, delete')"
        for table_name in sorted(APPEND_ONLY_TABLES)
    )
    return bool((await connection.execute(text(f"select {privileges}"))).scalar_one())


async def require_owner(connection: AsyncConnection) -> None:
    """Check that append-only rows can be deleted. Raises: ConflictError."""
    if not is_embedded(connection) and not await _can_change_append_only(connection):
        raise ConflictError(
            "This needs the owner of the tables: connect as the role that ran `sightline db "
            "upgrade`."
        )


async def grant_service(connection: AsyncConnection, role: str | None) -> list[str]:
    """Grant the service's privileges to a role and to all roles that have them already.

    Return all these roles. Without a role, the existing grants are renewed after a migration.
    Raises: ConflictError, NotFoundError.
    """
    if is_embedded(connection):
        if role is not None:
            raise ConflictError("An embedded database has no roles.")
        return []
    if role is None and not await _can_change_append_only(connection):
        return []
    await require_owner(connection)
    roles = set(await _load_service_roles(connection)) | (
        {await _quote_role(connection, role)} if role is not None else set()
    )
    for service_role in sorted(roles):
        await _grant_role(connection, service_role)
    return sorted(roles)


async def _load_service_roles(connection: AsyncConnection) -> list[str]:
    """Return the roles that can insert events and do not own the table."""
    roles_query = text(
        "select distinct a.grantee\\:\\:regrole\\:\\:text from pg_class c, aclexplode(c.relacl) a "
        "where c.oid = 'event'\\:\\:regclass and a.grantee not in (0, c.relowner) and "
        "a.privilege_type = 'INSERT'"
    )
    return list((await connection.execute(roles_query)).scalars())


async def _quote_role(connection: AsyncConnection, role: str) -> str:
    quote_query = text("select quote_ident(rolname) from pg_roles where rolname = :role")
    quoted_role = (await connection.execute(quote_query, {"role": role})).scalar_one_or_none()
    if quoted_role is None:
        raise NotFoundError(
            f"There is no role '{role}': make it first (create role ... login password ...)."
        )
    return str(quoted_role)


async def _grant_role(connection: AsyncConnection, role: str) -> None:
    """Grant the service's privileges to a quoted role: append-only rows cannot be changed."""
    schema = (await connection.execute(text("select quote_ident(current_schema())"))).scalar_one()
    await connection.exec_driver_sql(f"grant usage on schema {schema} to {role}")
    await connection.exec_driver_sql(f"grant select on alembic_version to {role}")
    for table_name in Row.metadata.tables:
        rights = (
            "select, insert"
            if table_name in APPEND_ONLY_TABLES
            else "select, insert, update, delete"
        )
        await connection.exec_driver_sql(f"revoke all on {table_name} from {role}")
        await connection.exec_driver_sql(f"grant {rights} on {table_name} to {role}")
    for table_name, column in DERIVED_COLUMNS.items():
        await connection.exec_driver_sql(f"grant update ({column}) on {table_name} to {role}")
    for function in (ERASE_EVENTS_SIGNATURE, ERASE_CHANGES_SIGNATURE):
        await connection.exec_driver_sql(f"grant execute on function {function} to {role}")
