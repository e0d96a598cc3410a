"""Fixtures of all tests: fresh migrated databases, and Hypothesis without deadlines."""

import logging
import os
import re
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.database_roles import create_service_role
from tests.support.databases import DatabaseRun, PostgresqlServer, copy_sqlite_template
from tests.support.postgres_server import PostgresqlMissingError

DATABASE_RUN_KEY = pytest.StashKey[DatabaseRun]()
SECRET_PATTERN = re.compile(r"sightline_[0-9A-Za-z]{60}|whsec_[0-9A-Za-z+/]{32}")


class SecretLogHandler(logging.Handler):
    """Collects log lines that contain a key or a secret."""

    def __init__(self) -> None:
        super().__init__()
        self.leaked_lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.getMessage()} {record.__dict__}"
        self.leaked_lines += [line] if SECRET_PATTERN.search(line) else []


SECRET_LOG_HANDLER = SecretLogHandler()

# On a shared machine a slow example is no failure. CI repeats the same examples on every run;
# developers get new ones.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_configure(config: pytest.Config) -> None:
    logging.getLogger().addHandler(SECRET_LOG_HANDLER)
    logging.getLogger("sightline").setLevel(logging.INFO)
    if not hasattr(config, "workerinput"):
        config.stash[DATABASE_RUN_KEY] = DatabaseRun()


def pytest_unconfigure(config: pytest.Config) -> None:
    if DATABASE_RUN_KEY in config.stash:
        config.stash[DATABASE_RUN_KEY].close()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    skip_reason = (
        config.stash[DATABASE_RUN_KEY].get_skip_reason()
        if DATABASE_RUN_KEY in config.stash
        else None
    )
    if skip_reason:
        terminalreporter.section("HALF OF THE TESTS DID NOT RUN: no PostgreSQL", red=True)
        terminalreporter.line(skip_reason)


@pytest.fixture(autouse=True)
def _no_secret_is_logged() -> Iterator[None]:
    """No test may log an issued key or a secret."""
    SECRET_LOG_HANDLER.leaked_lines.clear()
    yield
    assert SECRET_LOG_HANDLER.leaked_lines == []


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgresqlServer]:
    try:
        server = PostgresqlServer()
    except PostgresqlMissingError as error:
        if os.environ.get("SIGHTLINE_REQUIRE_POSTGRESQL") or os.environ.get("CI"):
            pytest.fail(f"no PostgreSQL, and this run requires one: {error}")
        pytest.skip(f"no PostgreSQL: {error}")
    yield server
    server.close()


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """A migrated SQLite database for this test, in a folder of its own."""
    database_path = copy_sqlite_template()
    yield f"sqlite+aiosqlite:///{database_path}"
    shutil.rmtree(database_path.parent)


@pytest.fixture
def postgresql_url(_postgresql: PostgresqlServer) -> Iterator[str]:
    """A migrated PostgreSQL database for this test."""
    database_name = _postgresql.acquire_database()
    yield _postgresql.get_database_url(database_name)
    _postgresql.drop_database(database_name)


@pytest.fixture
def service_url(postgresql_url: str) -> Iterator[str]:
    """The PostgreSQL database, as the role that the service uses."""
    with create_service_role(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database for this test, which runs once for each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))
