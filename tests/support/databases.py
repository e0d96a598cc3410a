"""Fresh migrated databases: each kind is migrated once per run and copied for every test."""

import asyncio
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import IO, TypeVar

import asyncpg
from sqlalchemy.engine import make_url

from tests.support import postgres_server

# The folder that the processes of one run (the workers of pytest-xdist) share.
RUN_FOLDER_VARIABLE = "PYTEST_SIGHTLINE_RUN"
ROOT = Path(__file__).parents[2]
MIGRATION_CODE = (
    "import sys; from app.store.operations.migrations import upgrade_database; "
    "upgrade_database(sys.argv[1])"
)
T = TypeVar("T")


class DatabaseRun:
    """One test run, owned by the main process.

    Its server stops when the lock is released: by `close`, or because the process ends.
    """

    def __init__(self) -> None:
        self.folder = postgres_server.create_fast_folder("sightline-tests-")
        os.environ[RUN_FOLDER_VARIABLE] = str(self.folder)
        self._lock_file: IO[bytes] = (self.folder / "lock").open("wb")
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)

    def get_skip_reason(self) -> str | None:
        """Return the reason why the PostgreSQL tests were skipped, or None."""
        error_file = self.folder / "server.refused"
        return error_file.read_text(encoding="utf-8") if error_file.exists() else None

    def close(self) -> None:
        """Delete all data of the run, including the template on a server that was given."""
        server_url = os.environ.get("TEST_DATABASE_URL")
        if server_url and (self.folder / "template").exists():
            admin = DatabaseAdministrator(server_url)
            admin.wait_for(admin.drop_database(_run_once("template", str)))
            admin.close()
        self._lock_file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def migrate(url: str) -> None:
    """Migrate the database at `url` to the newest revision."""
    # A separate process, because Alembic runs an event loop, and the calling test may run one too.
    command = [
        sys.executable,
        "-c",
        MIGRATION_CODE,
        url,
    ]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        message = f"the migrations failed:\n{process.stdout}{process.stderr}"
        raise RuntimeError(message)


def copy_sqlite_template() -> Path:
    """Copy the migrated SQLite database into a new folder."""
    template = _run_once("sqlite", _create_sqlite_template)
    target = Path(tempfile.mkdtemp(dir=os.environ[RUN_FOLDER_VARIABLE])) / "sightline.db"
    shutil.copyfile(template, target)
    return target


def _create_sqlite_template() -> str:
    path = Path(os.environ[RUN_FOLDER_VARIABLE]) / "template.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    # The copies would miss a write-ahead log that was not merged into the file.
    assert not path.with_name("template.db-wal").exists(), "the migration left its connection open"
    return str(path)


class DatabaseAdministrator:
    """One connection to the maintenance database, on its own event loop, for any test."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url).set(drivername="postgresql+asyncpg")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._lock = asyncio.Lock()  # a connection executes one statement at a time
        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = self.wait_for(self._schedule(asyncpg.connect(dsn)))

    def create_database(self, name: str, template: str) -> "Future[None]":
        """Start to copy the template. The database exists when the future is done."""
        return self._schedule(
            self._execute(f'create database "{name}" template "{template}" strategy file_copy')
        )

    def drop_database(self, name: str) -> "Future[None]":
        """Start to drop the database and disconnect its users."""
        return self._schedule(self._execute(f'drop database if exists "{name}" with (force)'))

    def get_database_url(self, name: str) -> str:
        """Return the URL of the database on this server."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        """Wait for pending statements and close the connection."""
        self.wait_for(self._schedule(self._close_connection()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait_for(self, future: "Future[T]") -> T:
        """Wait for the outcome for at most a minute."""
        return future.result(60)

    def _schedule(self, coroutine: Coroutine[object, object, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    async def _execute(self, sql: str) -> None:
        async with self._lock:
            await self._connection.execute(sql)

    async def _close_connection(self) -> None:
        async with self._lock:
            await self._connection.close()


class PostgresqlServer:
    """The server of the run, for one of its processes.

    It copies the next test's database while the current test runs.
    """

    def __init__(self) -> None:
        self._administrator = DatabaseAdministrator(
            os.environ.get("TEST_DATABASE_URL") or _run_once("server", _start_server)
        )
        self._template = _run_once("template", self._create_template)
        self._database_names = (f"t_{os.getpid()}_{n}" for n in count())
        self._next_database = self._prepare_database()

    def acquire_database(self) -> str:
        """Return the name of an unused migrated database."""
        database_name, future = self._next_database
        self._administrator.wait_for(future)
        self._next_database = self._prepare_database()
        return database_name

    def get_database_url(self, name: str) -> str:
        """Return the URL of the database."""
        return self._administrator.get_database_url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database in the background."""
        self._administrator.drop_database(name)

    def close(self) -> None:
        """Drop the prepared database and disconnect."""
        self._administrator.drop_database(self._next_database[0])
        self._administrator.close()

    def _prepare_database(self) -> "tuple[str, Future[None]]":
        database_name = next(self._database_names)
        return database_name, self._administrator.create_database(database_name, self._template)

    def _create_template(self) -> str:
        template_name = f"sightline_template_{os.getpid()}"
        self._administrator.wait_for(
            self._administrator.create_database(template_name, "template0")
        )
        migrate(self._administrator.get_database_url(template_name))
        return template_name


def _start_server() -> str:
    return postgres_server.start_server(Path(os.environ[RUN_FOLDER_VARIABLE]))


def _run_once(name: str, create: Callable[[], str]) -> str:
    """Return the output of `create`, which only the first process of the run calls.

    Raises: PostgresqlMissingError in every process if it was raised in the first one.
    """
    folder = Path(os.environ[RUN_FOLDER_VARIABLE])
    output_file = folder / name
    error_file = folder / f"{name}.refused"
    with (folder / f"{name}.lock").open("wb") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        if error_file.exists():
            raise postgres_server.PostgresqlMissingError(error_file.read_text(encoding="utf-8"))
        if not output_file.exists():
            try:
                output = create()
            except postgres_server.PostgresqlMissingError as error:
                error_file.write_text(str(error), encoding="utf-8")
                raise
            output_file.write_text(output, encoding="utf-8")
        return output_file.read_text(encoding="utf-8")
