"""What the owner of the tables may and the service's own role may not: erase, and grant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives.errors import ConflictError, NotFoundError
from app.store.sql.dialect import is_embedded
from app.store.tables.events import ChangeRow, EventRow, RetractionRow
from app.store.tables.playbook import JournalRow, Row, get_table

# What can be added to and never changed, but for the columns that are derived.
APPEND_ONLY_TABLES: Final = {
    get_table(row).name for row in (EventRow, RetractionRow, JournalRow, ChangeRow)
}
DERIVED_COLUMNS: Final = {"event": "matching"}
ERASE_EVENTS_SIGNATURE: Final = "erase_events(uuid, text, uuid[], text[], text[])"
ERASE_CHANGES_SIGNATURE: Final = "erase_changes(uuid, text, text[])"


@asynccontextmanager
async def append_only_suspended(connection: AsyncConnection) -> AsyncIterator[None]:
    """Within, what is append-only can be changed by this transaction, and by no other meanwhile."""
    if not is_embedded(connection):
        await connection.exec_driver_sql("select set_config('sightline.erasing', 'on', true)")
        yield
        await connection.exec_driver_sql("select set_config('sightline.erasing', '', true)")
        return
    # There are no owners in a file: the triggers are away until the transaction ends, well or not.
    await connection.exec_driver_sql(
        "pragma secure_delete = on"
    )  # what goes is overwritten, not only forgotten
    trigger_rows = await connection.exec_driver_sql(
        "select name, sql from sqlite_master where type = 'trigger'"
    )
    dropped_triggers = [(str(row["name"]), str(row["sql"])) for row in trigger_rows.mappings()]
    for name, _ in dropped_triggers:
        await connection.exec_driver_sql(f'drop trigger "{name}"')
    yield
    for _, sql in dropped_triggers:
        await connection.exec_driver_sql(sql)


async def is_table_owner(connection: AsyncConnection) -> bool:
    """Whether the service is connected as one who can change or delete what is append-only, where it need not be."""
    return not is_embedded(connection) and await _can_change_append_only(connection)


async def _can_change_append_only(connection: AsyncConnection) -> bool:
    privileges = " or ".join(
        f"has_table_privilege('{name}', 'update, delete')" for name in sorted(APPEND_ONLY_TABLES)
    )
    return bool((await connection.execute(text(f"select {privileges}"))).scalar_one())


async def require_owner(connection: AsyncConnection) -> None:
    """Returns when what is append-only may be deleted by whoever is connected. Raises: ConflictError."""
    if not is_embedded(connection) and not await _can_change_append_only(connection):
        raise ConflictError(
            "This needs the owner of the tables: connect as the role that ran `sightline db upgrade`."
        )


async def grant_service(connection: AsyncConnection, role: str | None) -> list[str]:
    """That role may do what the service does, as may those that could before the schema changed; returns all of them.

    None for no other than those: `role`. Raises: ConflictError, NotFoundError.
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
    """The roles that record events and do not own them."""
    statement = text(
        "select distinct a.grantee\\:\\:regrole\\:\\:text from pg_class c, aclexplode(c.relacl) a "
        "where c.oid = 'event'\\:\\:regclass and a.grantee not in (0, c.relowner) and a.privilege_type = 'INSERT'"
    )
    return list((await connection.execute(statement)).scalars())


async def _quote_role(connection: AsyncConnection, role: str) -> str:
    statement = text("select quote_ident(rolname) from pg_roles where rolname = :role")
    quoted_role = (await connection.execute(statement, {"role": role})).scalar_one_or_none()
    if quoted_role is None:
        raise NotFoundError(
            f"There is no role '{role}': make it first (create role ... login password ...)."
        )
    return str(quoted_role)


async def _grant_role(connection: AsyncConnection, role: str) -> None:
    """The role may do all that the service does, and neither change nor delete an event. Shape: `role` is quoted."""
    schema = (await connection.execute(text("select quote_ident(current_schema())"))).scalar_one()
    await connection.exec_driver_sql(f"grant usage on schema {schema} to {role}")
    await connection.exec_driver_sql(f"grant select on alembic_version to {role}")
    for name in Row.metadata.tables:
        rights = (
            "select, insert" if name in APPEND_ONLY_TABLES else "select, insert, update, delete"
        )
        await connection.exec_driver_sql(f"revoke all on {name} from {role}")
        await connection.exec_driver_sql(f"grant {rights} on {name} to {role}")
    for name, column in DERIVED_COLUMNS.items():
        await connection.exec_driver_sql(f"grant update ({column}) on {name} to {role}")
    for function in (ERASE_EVENTS_SIGNATURE, ERASE_CHANGES_SIGNATURE):
        await connection.exec_driver_sql(f"grant execute on function {function} to {role}")
