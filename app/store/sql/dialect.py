"""All knowledge of the database dialects: SQLite (embedded) and PostgreSQL."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from json import dumps
from sqlite3 import sqlite_version, sqlite_version_info
from typing import Final, TypeVar

import aiosqlite
from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    LargeBinary,
    Text,
    bindparam,
    cast,
    event,
    func,
    literal_column,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, NullPool

T = TypeVar("T")
MIN_SQLITE_VERSION: Final = (3, 38, 0)
SQLITE_PRAGMAS: Final = (
    "busy_timeout=5000",  # first: journal_mode may have to wait for another connection
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
)
SUPPORTED_DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
POSTGRESQL_TYPES: Final[Mapping[str, str]] = {"integer": "bigint", "text": "text", "uuid": "uuid"}


def is_sqlite(url: URL) -> bool:
    """Return whether the URL is that of an embedded database."""
    return url.get_backend_name() == "sqlite"


def database_file(url: str) -> str | None:
    """Return the file of an embedded database, None for a server."""
    parsed_url = make_url(url)
    return parsed_url.database if is_sqlite(parsed_url) else None


def is_supported_url(url: str) -> bool:
    """Return whether the URL names a supported database and driver."""
    try:
        return make_url(url).drivername in SUPPORTED_DRIVERS
    except ArgumentError:
        return False


def is_embedded(connection: AsyncConnection) -> bool:
    """Return whether the connection is to an embedded database."""
    return connection.dialect.name == "sqlite"


def create_engines(
    url: str, *, pool_size: int, pool_timeout: float, statement_timeout: float
) -> tuple[AsyncEngine, AsyncEngine]:
    """Create the engine for writes and the engine for reads: the same one on PostgreSQL."""
    parsed_url = make_url(url)
    # SQLite 3.38 has STRICT tables, RETURNING and the operator ->>.
    if is_sqlite(parsed_url) and sqlite_version_info < MIN_SQLITE_VERSION:
        raise ValueError(
            f"Embedded SQLite must be 3.38 or newer, and this Python has {sqlite_version}."
        )
    if is_sqlite(parsed_url):
        return _create_sqlite_engine(
            parsed_url, "BEGIN IMMEDIATE", (), 1, 30.0
        ), _create_sqlite_engine(parsed_url, "BEGIN", ("query_only=ON",), pool_size, pool_timeout)
    engine = create_async_engine(
        parsed_url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        hide_parameters=True,
        connect_args={"server_settings": _server_settings(statement_timeout)},
    )
    return engine, engine


def _server_settings(statement_timeout: float) -> dict[str, str]:
    milliseconds = str(int(statement_timeout * 1000))
    return {
        "application_name": "sightline",
        "timezone": "UTC",
        "jit": "off",
        "plan_cache_mode": "force_custom_plan",
        "statement_timeout": milliseconds,
        "lock_timeout": milliseconds,
        "idle_in_transaction_session_timeout": "60000",
    }


def _create_sqlite_engine(
    url: URL,
    begin_statement: str,
    extra_pragmas: tuple[str, ...],
    pool_size: int,
    pool_timeout: float,
) -> AsyncEngine:
    """Create an engine with explicit transactions: the driver's own handling loses updates."""
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure_connection(connection: object, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's connection has no common type
        cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's connection has no common type
        for pragma in (*SQLITE_PRAGMAS, *extra_pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: object) -> None:
        connection.exec_driver_sql(begin_statement)  # type: ignore[attr-defined]  # SQLAlchemy types it as object

    return engine


def create_migration_engine(url: str) -> AsyncEngine:
    """Create an engine for Alembic, without a pool.

    On SQLite, foreign keys stay off while Alembic recreates tables.
    """
    parsed_url = make_url(url)
    if not is_sqlite(parsed_url):
        return create_async_engine(
            parsed_url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"server_settings": {"timezone": "UTC"}},
        )
    engine = create_async_engine(parsed_url, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def configure_connection(connection: object, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's connection has no common type

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]  # SQLAlchemy types it as object

    return engine


async def use_consistent_snapshot(connection: AsyncConnection) -> None:
    """Make the next transaction one consistent, read-only view of the database."""
    if not is_embedded(connection):
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


async def begin_on_server(connection: AsyncConnection) -> None:
    """Begin the transaction on the server, which otherwise waits for the first statement."""
    if not is_embedded(connection):
        await connection.exec_driver_sql("select 1")


async def run_in_driver_thread(
    connection: AsyncConnection, work: Callable[[sqlite3.Connection], T]
) -> T:
    """Run `work` with the driver's connection, in one visit of the driver's thread.

    A visit takes longer than most statements. Raises: DBAPIError, as statements do.
    """
    driver_connection = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver_connection, aiosqlite.Connection)
    try:
        submit = driver_connection._execute  # noqa: SLF001  # aiosqlite has no public access to its thread
        returned: T = await submit(work, driver_connection._conn)  # type: ignore[no-untyped-call]  # noqa: SLF001  # untyped and private
    except sqlite3.Error as error:
        raise DBAPIError.instance("", None, error, sqlite3.Error, hide_parameters=True) from error
    return returned


async def use_autocommit(connection: AsyncConnection) -> None:
    """Make each statement its own transaction, where a transaction costs round trips."""
    if not is_embedded(connection):
        await connection.execution_options(isolation_level="AUTOCOMMIT")


def json_recordset(
    connection: AsyncConnection, parameter: str, columns: Mapping[str, str], alias: str
) -> str:
    """Return a FROM item whose rows are the JSON arrays of a bind parameter.

    `columns` maps each name to its type: integer, text or uuid.
    """
    if is_embedded(connection):
        column_list = ", ".join(
            f"value->>{index} as {column}" for index, column in enumerate(columns)
        )
        return f"(select {column_list} from json_each(:{parameter})) as {alias}"  # noqa: S608  # constants
    column_list = ", ".join(
        f"(value->>{index})::{POSTGRESQL_TYPES[kind]} as {column}"
        for index, (column, kind) in enumerate(columns.items())
    )
    # The backslashes keep SQLAlchemy from reading the cast as a bind parameter.
    column_list = column_list.replace("::", "\\:\\:")
    # OFFSET 0: each value is parsed once, instead of at each use of the column for each joined row.
    return (
        f"(select {column_list} from "  # noqa: S608  # constants
        f"json_array_elements(cast(:{parameter} as json)) as value offset 0) as {alias}"
    )


def lateral_lookup(
    connection: AsyncConnection, rows: str, table: str, alias: str, condition: str
) -> str:
    """Return a FROM item that looks up the rows of a table for each outer row.

    It prevents another plan: without current statistics, planners read all rows of an organization.
    """
    if is_embedded(connection):
        # SQLite keeps the order of a cross join.
        return f"{rows} cross join {table} as {alias} on {condition}"
    return (
        f"{rows} cross join lateral (select * from {table} as {alias} "  # noqa: S608  # constants
        f"where {condition} offset 0) as {alias}"
    )


def json_array_column(connection: AsyncConnection, columns: str, query: str) -> str:
    """Return a column with a JSON array of the query's rows, each an array of the columns."""
    if is_embedded(connection):
        return (
            f"(select json_group_array(json_array({columns})) from "  # noqa: S608  # constants
            f"({query}) as r)"
        )
    aggregate = f"coalesce(json_agg(json_build_array({columns})), '[]')"
    return f"(select cast({aggregate} as text) from ({query}) as r)"  # noqa: S608  # constants


def in_list(
    connection: AsyncConnection, column: Column[str], texts: Sequence[str]
) -> ColumnElement[bool]:
    """Return the condition that a column is one of the texts, with a single bind parameter."""
    parameter = bindparam(None, dumps(sorted(texts)), Text())
    if is_embedded(connection):
        return column.in_(
            select(literal_column("value", Text())).select_from(func.json_each(parameter))
        )
    return column.in_(
        select(func.json_array_elements_text(cast(parameter, JSON)).column_valued("value"))
    )


def contains_bytes(
    connection: AsyncConnection, column: Column[bytes], needle: bytes
) -> ColumnElement[bool]:
    """Return the condition that a column contains the bytes."""
    parameter = bindparam(None, needle, LargeBinary())
    if is_embedded(connection):
        return func.instr(column, parameter) > 0
    return func.position(parameter.op("in")(column)) > 0
