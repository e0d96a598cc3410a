"""For the commands: a runner, and Larkfield's first weeks, served."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.demo.company import Quarter
from app.demo.setup import prepare
from app.main import create_app
from app.settings import Settings
from tests.support.databases import sqlite_copy
from tests.support.serving import served

NOW = datetime(2026, 10, 14, 20, tzinfo=UTC)
Run = Callable[..., Result]


@dataclass(frozen=True)
class Larkfield:
    url: str
    read_key: str
    admin_key: str


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("SIGHTLINE_URL", "SIGHTLINE_API_KEY", "SIGHTLINE_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def sightline() -> Run:
    """Runs `sightline` with these arguments."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    return run


@pytest.fixture(scope="session")
def _larkfield() -> Iterator[Larkfield]:
    database = sqlite_copy()
    settings = Settings(database_url=f"sqlite+aiosqlite:///{database}")
    found = asyncio.run(prepare(settings, NOW, Quarter(date(2026, 9, 28))))
    with served(create_app(settings, lambda: NOW)) as url:
        yield Larkfield(url, found.read_key, found.admin_key)
    shutil.rmtree(database.parent)


@pytest.fixture
def larkfield(_larkfield: Larkfield, monkeypatch: pytest.MonkeyPatch) -> Larkfield:
    """A running service, and the environment of someone with a read key for it."""
    monkeypatch.setenv("SIGHTLINE_URL", _larkfield.url)
    monkeypatch.setenv("SIGHTLINE_API_KEY", _larkfield.read_key)
    return _larkfield
