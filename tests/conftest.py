"""What every test may ask for: a fresh migrated database of either kind, and Hypothesis without a stopwatch."""

import os
import shutil
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.databases import Postgresql, Run, sqlite_copy
from tests.support.postgres import MissingError

RUN = pytest.StashKey[Run]()

# Machines are shared: a slow example is no failure. CI must not fail by luck, developers may find something new.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.stash[RUN] = Run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    missing = config.stash[RUN].missing() if RUN in config.stash else None
    if missing:
        terminalreporter.section("HALF OF THE TESTS DID NOT RUN: no PostgreSQL", red=True)
        terminalreporter.line(missing)


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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own, the test running once on each kind."""
    return str(request.getfixturevalue(f"{request.param}_url"))
