"""What every test may ask for: a fresh migrated database of either kind, and Hypothesis without a stopwatch."""

import logging
import os
import re
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.databases import Postgresql, Run, sqlite_copy
from tests.support.postgres import MissingError
from tests.support.roles import serving

RUN = pytest.StashKey[Run]()
SECRET = re.compile(r"sightline_[0-9A-Za-z]{60}|whsec_[0-9A-Za-z+/]{32}")


class Reader(logging.Handler):
    """Reads all that the service logs, and keeps the lines with a key or a secret in them."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.getMessage()} {record.__dict__}"
        self.told += [line] if SECRET.search(line) else []


READER = Reader()

# Machines are shared: a slow example is no failure. CI must not fail by luck, developers may find something new.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev")
)


def pytest_configure(config: pytest.Config) -> None:
    logging.getLogger().addHandler(READER)
    logging.getLogger("sightline").setLevel(logging.INFO)
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = Run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    missing = config.stash[RUN].missing() if RUN in config.stash else None
    if missing:
        terminalreporter.section("HALF OF THE TESTS DID NOT RUN: no PostgreSQL", red=True)
        terminalreporter.line(missing)


@pytest.fixture(autouse=True)
def _no_secret_is_logged() -> Iterator[None]:
    """Whatever a test does: no key that the service issued and no secret is in any line of its log."""
    READER.told.clear()
    yield
    assert READER.told == []


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[Postgresql]:
    try:
        server = Postgresql()
    except MissingError as missing:
        if os.environ.get("SIGHTLINE_REQUIRE_POSTGRESQL") or os.environ.get("CI"):
            pytest.fail(f"no PostgreSQL, and this run requires one: {missing}")
        pytest.skip(f"no PostgreSQL: {missing}")
    yield server
    server.close()


@pytest.fixture
def sqlite_url() -> Iterator[str]:
    """A migrated SQLite database of this test's own, in a folder of its own."""
    database = sqlite_copy()
    yield f"sqlite+aiosqlite:///{database}"
    shutil.rmtree(database.parent)


@pytest.fixture
def postgresql_url(_postgresql: Postgresql) -> Iterator[str]:
    """A migrated PostgreSQL database of this test's own."""
    name = _postgresql.fresh()
    yield _postgresql.address(name)
    _postgresql.drop(name)


@pytest.fixture
def service_url(postgresql_url: str) -> Iterator[str]:
    """That database, as the role that the service is given sees it."""
    with serving(postgresql_url) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own, the test running once on each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))
