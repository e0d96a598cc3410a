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
SQLITE_MINIMUM: Final = (3, 38, 0)
PRAGMAS: Final = (
    "busy_timeout=5000",  # first: changing the journal's mode may have to wait for another connection
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-65536",
)
DRIVERS: Final = ("sqlite+aiosqlite", "postgresql+asyncpg")
SQL_TYPES: Final[Mapping[str, str]] = {"whole": "bigint", "text": "text", "identity": "uuid"}


def is_sqlite(url: URL) -> bool:
    """Whether the URL is of an embedded database."""
    return url.get_backend_name() == "sqlite"


def file_of(url: str) -> str | None:
    """The file of an embedded database. None for a server's database."""
    parsed = make_url(url)
    return parsed.database if is_sqlite(parsed) else None


def known(url: str) -> bool:
    """Whether the URL is of a kind of database that we can use, by the driver that we have for it."""
    try:
        return make_url(url).drivername in DRIVERS
    except ArgumentError:
        return False


def embedded(connection: AsyncConnection) -> bool:
    """Whether the connection is to an embedded database."""
    return connection.dialect.name == "sqlite"


def engines(
    url: str, *, pool_size: int, pool_timeout: float, statement_timeout: float
) -> tuple[AsyncEngine, AsyncEngine]:
    """The engine that writes and the one that reads; on PostgreSQL they are one."""
    parsed = make_url(url)
    if is_sqlite(parsed) and sqlite_version_info < SQLITE_MINIMUM:  # STRICT tables, RETURNING, ->>
        raise ValueError(
            f"Embedded SQLite must be 3.38 or newer, and this Python has {sqlite_version}."
        )
    if is_sqlite(parsed):
        return _sqlite(parsed, "BEGIN IMMEDIATE", (), 1, 30.0), _sqlite(
            parsed, "BEGIN", ("query_only=ON",), pool_size, pool_timeout
        )
    engine = create_async_engine(
        parsed,
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


def _sqlite(url: URL, begin: str, more: tuple[str, ...], size: int, timeout: float) -> AsyncEngine:
    """An engine whose transactions begin as told: the driver's own way loses updates (database.md, section 6)."""
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=timeout,
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: object, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's connection has no common type
        cursor = connection.cursor()  # type: ignore[attr-defined]  # the driver's connection has no common type
        for pragma in (*PRAGMAS, *more):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: object) -> None:
        connection.exec_driver_sql(begin)  # type: ignore[attr-defined]  # SQLAlchemy types the hook's argument as object

    return engine


def migration_engine(url: str) -> AsyncEngine:
    """An engine for Alembic alone: one connection, no pool; SQLite keeps foreign keys off while tables are remade."""
    parsed = make_url(url)
    if not is_sqlite(parsed):
        return create_async_engine(
            parsed,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"server_settings": {"timezone": "UTC"}},
        )
    engine = create_async_engine(parsed, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: object, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # the driver's connection has no common type

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]  # SQLAlchemy types it as object

    return engine


async def begin_reading(connection: AsyncConnection) -> None:
    """Makes the coming transaction one consistent, read-only view of the database."""
    if not embedded(connection):
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


async def open_now(connection: AsyncConnection) -> None:
    """Begins the transaction that is to come, where that waits for the first statement."""
    if not embedded(connection):
        await connection.exec_driver_sql("select 1")


async def at_once(connection: AsyncConnection, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` does with the driver's connection to an embedded database, by one visit of the driver's thread.

    Every visit takes longer than most statements do. Raises: DBAPIError, as statements do.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, aiosqlite.Connection)
    try:
        run = driver._execute  # noqa: SLF001  # it has no public way to its thread
        found: T = await run(work, driver._conn)  # type: ignore[no-untyped-call]  # noqa: SLF001  # it says no types
    except sqlite3.Error as error:
        raise DBAPIError.instance("", None, error, sqlite3.Error, hide_parameters=True) from error
    return found


async def begin_glancing(connection: AsyncConnection) -> None:
    """Makes each statement a transaction by itself, where a transaction costs round trips."""
    if not embedded(connection):
        await connection.execution_options(isolation_level="AUTOCOMMIT")


def recordset(
    connection: AsyncConnection, name: str, columns: Mapping[str, str], alias: str
) -> str:
    """A FROM item whose rows are the JSON arrays of the bind parameter `name`.

    Shape: columns map a name to whole, text or identity.
    """
    if embedded(connection):
        reads = ", ".join(f"value->>{index} as {column}" for index, column in enumerate(columns))
        return f"(select {reads} from json_each(:{name})) as {alias}"  # noqa: S608  # names are constants of this package
    reads = ", ".join(
        f"(value->>{index})::{SQL_TYPES[kind]} as {column}"
        for index, (column, kind) in enumerate(columns.items())
    )
    # \\:\\: keeps SQLAlchemy from reading the cast as a bind parameter
    reads = reads.replace("::", "\\:\\:")
    # OFFSET 0 has each value read out of its JSON once, and not wherever the column is named, for every row it meets.
    return f"(select {reads} from json_array_elements(cast(:{name} as json)) as value offset 0) as {alias}"  # noqa: S608  # constants


def each(connection: AsyncConnection, rows: str, table: str, alias: str, where: str) -> str:
    """A FROM item: for each of the rows those of a table, looked up one by one, whatever a planner guesses of either.

    Without statistics, or with old ones, it would rather read all that the organization has.
    """
    if embedded(connection):
        return (
            f"{rows} cross join {table} as {alias} on {where}"  # the first table is the outer one
        )
    return f"{rows} cross join lateral (select * from {table} as {alias} where {where} offset 0) as {alias}"  # noqa: S608  # constants


def listed(connection: AsyncConnection, columns: str, query: str) -> str:
    """A column whose value is a JSON array with an array of those columns for each row of the query."""
    if embedded(connection):
        return f"(select json_group_array(json_array({columns})) from ({query}) as found)"  # noqa: S608  # constants
    rows = f"coalesce(json_agg(json_build_array({columns})), '[]')"
    return f"(select cast({rows} as text) from ({query}) as found)"  # noqa: S608  # constants


def among(
    connection: AsyncConnection, column: Column[str], values: Sequence[str]
) -> ColumnElement[bool]:
    """Whether the column is one of the texts: one bind parameter, however many they are."""
    found = bindparam(None, dumps(sorted(values)), Text())
    if embedded(connection):
        return column.in_(
            select(literal_column("value", Text())).select_from(func.json_each(found))
        )
    return column.in_(
        select(func.json_array_elements_text(cast(found, JSON)).column_valued("value"))
    )


def holds(connection: AsyncConnection, column: Column[bytes], part: bytes) -> ColumnElement[bool]:
    """Whether the bytes hold that part."""
    found = bindparam(None, part, LargeBinary())
    if embedded(connection):
        return func.instr(column, found) > 0
    return func.position(found.op("in")(column)) > 0
