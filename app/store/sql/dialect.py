"""Everything that knows which database it is."""

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
    "busy_timeout=5000",  # first: changing the journal's mode may have to wait for another connection
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
)
SUPPORTED_DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
POSTGRESQL_TYPES: Final[Mapping[str, str]] = {"whole": "bigint", "text": "text", "identity": "uuid"}


def is_sqlite(url: URL) -> bool:
    """Whether the URL is of an embedded database."""
    return url.get_backend_name() == "sqlite"


def database_file(url: str) -> str | None:
    """The file of an embedded database. None for a server's database."""
    parsed_url = make_url(url)
    return parsed_url.database if is_sqlite(parsed_url) else None


def is_supported_url(url: str) -> bool:
    """Whether the URL is of a kind of database that we can use, by the driver that we have for it."""
    try:
        return make_url(url).drivername in SUPPORTED_DRIVERS
    except ArgumentError:
        return False


def is_embedded(connection: AsyncConnection) -> bool:
    """Whether the connection is to an embedded database."""
    return connection.dialect.name == "sqlite"


def create_engines(
    url: str, *, pool_size: int, pool_timeout: float, statement_timeout: float
) -> tuple[AsyncEngine, AsyncEngine]:
    """The engine that writes and the one that reads; on PostgreSQL they are one."""
    parsed_url = make_url(url)
    if (
        is_sqlite(parsed_url) and sqlite_version_info < MIN_SQLITE_VERSION
    ):  # STRICT tables, RETURNING, ->>
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
    """An engine whose transactions begin as told: the driver's own way loses updates (database.md, section 6)."""
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
        connection.exec_driver_sql(begin_statement)  # type: ignore[attr-defined]  # SQLAlchemy types the hook's argument as object

    return engine


def create_migration_engine(url: str) -> AsyncEngine:
    """An engine for Alembic alone: one connection, no pool; SQLite keeps foreign keys off while tables are remade."""
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
    """Makes the coming transaction one consistent, read-only view of the database."""
    if not is_embedded(connection):
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


async def begin_on_server(connection: AsyncConnection) -> None:
    """Begins the transaction that is to come, where that waits for the first statement."""
    if not is_embedded(connection):
        await connection.exec_driver_sql("select 1")


async def run_in_driver_thread(
    connection: AsyncConnection, work: Callable[[sqlite3.Connection], T]
) -> T:
    """What `work` does with the driver's connection to an embedded database, by one visit of the driver's thread.

    Every visit takes longer than most statements do. Raises: DBAPIError, as statements do.
    """
    driver_connection = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver_connection, aiosqlite.Connection)
    try:
        submit = driver_connection._execute  # it has no public way to its thread  # noqa: SLF001  # it has no public way to its thread
        returned: T = await submit(work, driver_connection._conn)  # type: ignore[no-untyped-call]  # it says no types  # noqa: SLF001  # it says no types
    except sqlite3.Error as error:
        raise DBAPIError.instance("", None, error, sqlite3.Error, hide_parameters=True) from error
    return returned


async def use_autocommit(connection: AsyncConnection) -> None:
    """Makes each statement a transaction by itself, where a transaction costs round trips."""
    if not is_embedded(connection):
        await connection.execution_options(isolation_level="AUTOCOMMIT")


def json_recordset(
    connection: AsyncConnection, parameter: str, columns: Mapping[str, str], alias: str
) -> str:
    """A FROM item whose rows are the JSON arrays of the bind parameter `name`.

    Shape: columns map a name to whole, text or identity.
    """
    if is_embedded(connection):
        column_list = ", ".join(
            f"value->>{index} as {column}" for index, column in enumerate(columns)
        )
        return f"(select {column_list} from json_each(:{parameter})) as {alias}"  # names are constants of this package  # noqa: S608  # names are constants of this package
    column_list = ", ".join(
        f"(value->>{index})::{POSTGRESQL_TYPES[kind]} as {column}"
        for index, (column, kind) in enumerate(columns.items())
    )
    # \\:\\: keeps SQLAlchemy from reading the cast as a bind parameter
    column_list = column_list.replace("::", "\\:\\:")
    # OFFSET 0 has each value read out of its JSON once, and not wherever the column is named, for every row it meets.
    return f"(select {column_list} from json_array_elements(cast(:{parameter} as json)) as value offset 0) as {alias}"  # constants  # noqa: S608  # constants


def lateral_lookup(
    connection: AsyncConnection, rows: str, table: str, alias: str, condition: str
) -> str:
    """A FROM item: for each of the rows those of a table, looked up one by one, whatever a planner guesses of either.

    Without statistics, or with old ones, it would rather read all that the organization has.
    """
    if is_embedded(connection):
        return f"{rows} cross join {table} as {alias} on {condition}"  # the first table is the outer one
    return f"{rows} cross join lateral (select * from {table} as {alias} where {condition} offset 0) as {alias}"  # constants  # noqa: S608  # constants


def json_array_column(connection: AsyncConnection, columns: str, query: str) -> str:
    """A column whose value is a JSON array with an array of those columns for each row of the query."""
    if is_embedded(connection):
        return (
            f"(select json_group_array(json_array({columns})) from ({query}) as found)"  # constants  # noqa: S608  # constants
        )
    aggregate = f"coalesce(json_agg(json_build_array({columns})), '[]')"
    return f"(select cast({aggregate} as text) from ({query}) as found)"  # constants  # noqa: S608  # constants


def in_list(
    connection: AsyncConnection, column: Column[str], texts: Sequence[str]
) -> ColumnElement[bool]:
    """Whether the column is one of the texts: one bind parameter, however many they are."""
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
    """Whether the bytes hold that part."""
    parameter = bindparam(None, needle, LargeBinary())
    if is_embedded(connection):
        return func.instr(column, parameter) > 0
    return func.position(parameter.op("in")(column)) > 0
