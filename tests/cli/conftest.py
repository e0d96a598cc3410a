"""Fixtures for tests of commands: a runner, and a service with the demo's first weeks."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.demo.company import Quarter
from app.demo.setup import prepare_demo
from app.main import create_app
from app.settings import Settings
from tests.support.databases import copy_sqlite_template
from tests.support.http_server import serve_application

NOW = datetime(2026, 10, 14, 20, tzinfo=UTC)
Run = Callable[..., Result]


@dataclass(frozen=True)
class DemoService:
    url: str
    read_key: str
    admin_key: str


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for variable_name in ("SIGHTLINE_URL", "SIGHTLINE_API_KEY", "SIGHTLINE_DATABASE_URL"):
        monkeypatch.delenv(variable_name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


@pytest.fixture
def sightline() -> Run:
    """A function that runs `sightline` with arguments."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=stdin)

    return run


@pytest.fixture(scope="session")
def _served_demo() -> Iterator[DemoService]:
    database = copy_sqlite_template()
    settings = Settings(database_url=f"sqlite+aiosqlite:///{database}")
    prepared = asyncio.run(prepare_demo(settings, NOW, Quarter(date(2026, 9, 28))))
    with serve_application(create_app(settings, lambda: NOW)) as url:
        yield DemoService(url, prepared.read_key, prepared.admin_key)
    shutil.rmtree(database.parent)


@pytest.fixture
def demo_service(_served_demo: DemoService, monkeypatch: pytest.MonkeyPatch) -> DemoService:
    """A running service. The environment holds its address and a read key."""
    monkeypatch.setenv("SIGHTLINE_URL", _served_demo.url)
    monkeypatch.setenv("SIGHTLINE_API_KEY", _served_demo.read_key)
    return _served_demo
