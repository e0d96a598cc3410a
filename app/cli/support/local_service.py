"""For the commands that need only the database: settings, a service without HTTP, and the schema it wants."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.cli.support.terminal import refusal
from app.main import make_service
from app.services.runtime.context import Service
from app.settings import Settings, load
from app.store.operations import migrations
from app.store.sql import dialect

T = TypeVar("T")
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="SQLite or PostgreSQL; else SIGHTLINE_DATABASE_URL.",
        show_default=False,
    ),
]


def settings_for(url: str | None) -> Settings:
    """The environment's settings, with the database that was asked for. Raises: ValidationError, CommandError."""
    settings = load(os.environ)
    settings = settings if url is None else settings.model_copy(update={"database_url": url})
    _check(settings.database_url)
    return settings


def _check(url: str) -> None:
    """Returns for an address of a database that we know. Raises: CommandError, without it: it may hold a password."""
    if not dialect.known(url):
        example = Settings.model_fields["database_url"].default
        raise refusal(
            "invalid-input",
            f"The database URL must be like {example} or postgresql+asyncpg://host/name",
        )
    file = dialect.file_of(url)
    if file and not Path(file).absolute().parent.is_dir():
        raise refusal(
            "invalid-input", f"There is no folder {Path(file).absolute().parent} for the database."
        )


def embedded(settings: Settings) -> bool:
    """Whether the database is a file of our own."""
    return dialect.file_of(settings.database_url) is not None


def ready(settings: Settings) -> None:
    """The schema is at head: embedded SQLite is brought there. Raises: CommandError on PostgreSQL that is not."""
    if embedded(settings):
        migrations.upgrade(settings.database_url)
    else:
        ensured(settings)


def ensured(settings: Settings) -> None:
    """Returns when the schema is at head. Raises: CommandError naming the command that brings it there."""
    found = asyncio.run(_current(settings))
    if found != migrations.head():
        state = (
            "has no schema yet"
            if found is None
            else f"is at revision {found}, not at {migrations.head()}"
        )
        raise refusal("conflict", f"The database {state}. Run: sightline db upgrade")


async def _current(settings: Settings) -> str | None:
    async with opened(settings) as service:
        return await migrations.current(service.database)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Service]:
    """A service whose connections are given back."""
    service = make_service(settings)
    try:
        yield service
    finally:
        await service.database.close()


def perform(url: str | None, work: Callable[[Service], Awaitable[T]]) -> T:
    """What `work` gives on a database whose schema is at head. Raises: CommandError, and whatever `work` does."""
    settings = settings_for(url)
    ready(settings)

    async def run() -> T:
        async with opened(settings) as service:
            return await work(service)

    return asyncio.run(run())
