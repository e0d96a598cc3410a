"""Fresh migrated databases for tests: each kind is migrated once in a run, then copied for every test that asks."""

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

from tests.support import postgres

RUN = "PYTEST_SIGHTLINE_RUN"  # the folder that the processes of one run (pytest-xdist's workers) share
ROOT = Path(__file__).parents[2]
T = TypeVar("T")


class Run:
    """One test run, as its controller holds it. Its server ends when the lock is released, by `close` or by death."""

    def __init__(self) -> None:
        self.folder = postgres.quick_folder("sightline-tests-")
        os.environ[RUN] = str(self.folder)
        self._lock: IO[bytes] = (self.folder / "lock").open("wb")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def missing(self) -> str | None:
        """Why the PostgreSQL half was left out. None when it was not."""
        refusal = self.folder / "server.refused"
        return refusal.read_text(encoding="utf-8") if refusal.exists() else None

    def close(self) -> None:
        """Nothing of the run is left: a server that was given keeps no template either."""
        given = os.environ.get("TEST_DATABASE_URL")
        if given and (self.folder / "template").exists():
            admin = Admin(given)
            admin.wait(admin.drop(_once("template", str)))
            admin.close()
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def migrate(url: str) -> None:
    """The database at `url` is at the newest revision."""
    # In a process of its own: Alembic runs a loop, and so may the test that asks.
    command = [
        sys.executable,
        "-c",
        "import sys; from app.store.migrations import upgrade; upgrade(sys.argv[1])",
        url,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"the migrations failed:\n{done.stdout}{done.stderr}"
        raise RuntimeError(message)


def sqlite_copy() -> Path:
    """A migrated SQLite database in a folder of its own."""
    template = _once("sqlite", _sqlite_template)
    target = Path(tempfile.mkdtemp(dir=os.environ[RUN])) / "sightline.db"
    shutil.copyfile(template, target)
    return target


def _sqlite_template() -> str:
    file = Path(os.environ[RUN]) / "template.db"
    migrate(f"sqlite+aiosqlite:///{file}")
    # A log that was not folded back into the file would be missing from the copies.
    assert not file.with_name("template.db-wal").exists(), "the migration left its connection open"
    return str(file)


class Admin:
    """One connection to the server's maintenance database, on a loop of its own so that any test can use it."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url).set(drivername="postgresql+asyncpg")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._turn = asyncio.Lock()  # a connection does one thing at a time
        dsn = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = self.wait(self._begin(asyncpg.connect(dsn)))

    def create(self, name: str, template: str) -> "Future[None]":
        """The database is a copy of its template, when the future is done."""
        return self._begin(
            self._execute(f'create database "{name}" template "{template}" strategy file_copy')
        )

    def drop(self, name: str) -> "Future[None]":
        """The database is gone, whoever still uses it, when the future is done."""
        return self._begin(self._execute(f'drop database if exists "{name}" with (force)'))

    def address(self, name: str) -> str:
        """The address of that database on this server."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def close(self) -> None:
        """What was begun is done, and the connection closed."""
        self.wait(self._begin(self._quit()))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, begun: "Future[T]") -> T:
        """What it came to, within a minute."""
        return begun.result(60)

    def _begin(self, work: Coroutine[object, object, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _execute(self, sql: str) -> None:
        async with self._turn:
            await self._connection.execute(sql)

    async def _quit(self) -> None:
        async with self._turn:
            await self._connection.close()


class Postgresql:
    """The run's server, for one process of it. The next test's database is copied while the present test runs."""

    def __init__(self) -> None:
        self._admin = Admin(os.environ.get("TEST_DATABASE_URL") or _once("server", _server))
        self._template = _once("template", self._make_template)
        self._names = (f"t_{os.getpid()}_{n}" for n in count())
        self._next = self._prepare()

    def fresh(self) -> str:
        """The name of a migrated database that nobody has used."""
        name, begun = self._next
        self._admin.wait(begun)
        self._next = self._prepare()
        return name

    def address(self, name: str) -> str:
        """Where that database is."""
        return self._admin.address(name)

    def drop(self, name: str) -> None:
        """That database goes, in its own time."""
        self._admin.drop(name)

    def close(self) -> None:
        """No database of this process is left."""
        self._admin.drop(self._next[0])
        self._admin.close()

    def _prepare(self) -> "tuple[str, Future[None]]":
        name = next(self._names)
        return name, self._admin.create(name, self._template)

    def _make_template(self) -> str:
        name = f"sightline_template_{os.getpid()}"
        self._admin.wait(self._admin.create(name, "template0"))
        migrate(self._admin.address(name))
        return name


def _server() -> str:
    return postgres.start(Path(os.environ[RUN]))


def _once(name: str, make: Callable[[], str]) -> str:
    """What `make` returned to the process of the run that asked first. Raises: MissingError, as it did then."""
    folder = Path(os.environ[RUN])
    made, refused = folder / name, folder / f"{name}.refused"
    with (folder / f"{name}.lock").open("wb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if refused.exists():
            raise postgres.MissingError(refused.read_text(encoding="utf-8"))
        if not made.exists():
            try:
                answer = make()
            except postgres.MissingError as refusal:
                refused.write_text(str(refusal), encoding="utf-8")
                raise
            made.write_text(answer, encoding="utf-8")
        return made.read_text(encoding="utf-8")
