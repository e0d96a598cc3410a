"""Connections: consistent reads, single statements, and write transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.domain.primitives.errors import UnavailableError
from app.store.sql import dialect

Connection: TypeAlias = AsyncConnection

# SQLSTATE classes: insufficient resources, operator intervention (includes timeouts), locks,
# rollbacks, connections.
TRANSIENT_SQLSTATES = ("53", "57", "55", "40", "08")


@dataclass(frozen=True, slots=True)
class Database:
    """The database of a running service: one engine for writes and one for reads."""

    writer: AsyncEngine
    reader: AsyncEngine

    @asynccontextmanager
    async def read_transaction(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection with one consistent, read-only view of the database.

        Raises: UnavailableError when the database cannot be reached or is busy.
        """
        async with _TranslateTransientErrors(), self.reader.connect() as connection:
            await dialect.use_consistent_snapshot(connection)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def single_statement(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection for one reading statement, without the round trips of a transaction.

        Raises: UnavailableError when the database cannot be reached or is busy.
        """
        async with _TranslateTransientErrors(), self.reader.connect() as connection:
            await dialect.use_autocommit(connection)
            yield connection

    @asynccontextmanager
    async def write_transaction(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction, which commits when the block succeeds.

        Raises: UnavailableError when the database cannot be reached or is busy.
        """
        async with (
            _TranslateTransientErrors(),
            self.writer.connect() as connection,
            connection.begin(),
        ):
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self.writer.dispose()
        if self.reader is not self.writer:
            await self.reader.dispose()


async def begin(connection: AsyncConnection) -> None:
    """Begin the transaction on the server now, instead of with its first statement.

    Raises: UnavailableError when the database cannot be reached or is busy.
    """
    async with _TranslateTransientErrors():
        await dialect.begin_on_server(connection)


@asynccontextmanager
async def savepoint(connection: AsyncConnection) -> AsyncIterator[None]:
    """Run the block in a savepoint: when it fails, only its own writes are rolled back.

    Raises: UnavailableError when the database cannot be reached or is busy.
    """
    async with _TranslateTransientErrors(), connection.begin_nested():
        yield


def connect(
    url: str, *, pool_size: int = 5, pool_timeout: float = 5.0, statement_timeout: float = 30.0
) -> Database:
    """Return the database at `url`. Connections are opened when they are needed."""
    writer, reader = dialect.create_engines(
        url, pool_size=pool_size, pool_timeout=pool_timeout, statement_timeout=statement_timeout
    )
    return Database(writer, reader)


class _TranslateTransientErrors:
    """Raises UnavailableError instead of errors that can pass when the caller tries again."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, _type: object, error: BaseException | None, _traceback: object
    ) -> None:
        if isinstance(error, (PoolTimeoutError, OSError)) or (
            isinstance(error, DBAPIError) and _is_transient(error)
        ):
            raise UnavailableError(
                "The database cannot be reached or is busy; try again shortly."
            ) from error


def _is_transient(error: DBAPIError) -> bool:
    sqlstate = getattr(error.orig, "sqlstate", None)
    if sqlstate is not None:
        return str(sqlstate).startswith(TRANSIENT_SQLSTATES)
    return error.connection_invalidated or isinstance(error, OperationalError)
