"""For the commands that need only the database: settings, a service without HTTP, and the schema it wants."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app import settings as environment
from app.cli.support.terminal import command_error
from app.main import make_service
from app.services.runtime.context import ServiceContext
from app.settings import Settings
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


def load_settings(url: str | None) -> Settings:
    """The environment's settings, with the database that was asked for. Raises: ValidationError, CommandError."""
    settings = environment.load_settings(os.environ)
    settings = settings if url is None else settings.model_copy(update={"database_url": url})
    _check_url(settings.database_url)
    return settings


def _check_url(url: str) -> None:
    """Returns for an address of a database that we know. Raises: CommandError, without it: it may hold a password."""
    if not dialect.is_supported_url(url):
        example = Settings.model_fields["database_url"].default
        raise command_error(
            "invalid-input",
            f"The database URL must be like {example} or postgresql+asyncpg://host/name",
        )
    file = dialect.database_file(url)
    if file and not Path(file).absolute().parent.is_dir():
        raise command_error(
            "invalid-input", f"There is no folder {Path(file).absolute().parent} for the database."
        )


def is_embedded(settings: Settings) -> bool:
    """Whether the database is a file of our own."""
    return dialect.database_file(settings.database_url) is not None


def prepare_schema(settings: Settings) -> None:
    """The schema is at head: embedded SQLite is brought there. Raises: CommandError on PostgreSQL that is not."""
    if is_embedded(settings):
        migrations.upgrade_database(settings.database_url)
    else:
        require_current_schema(settings)


def require_current_schema(settings: Settings) -> None:
    """Returns when the schema is at head. Raises: CommandError naming the command that brings it there."""
    revision = asyncio.run(_current_revision(settings))
    if revision != migrations.head_revision():
        state = (
            "has no schema yet"
            if revision is None
            else f"is at revision {revision}, not at {migrations.head_revision()}"
        )
        raise command_error("conflict", f"The database {state}. Run: sightline db upgrade")


async def _current_revision(settings: Settings) -> str | None:
    async with open_service(settings) as service:
        return await migrations.current_revision(service.database)


@asynccontextmanager
async def open_service(settings: Settings) -> AsyncIterator[ServiceContext]:
    """A service whose connections are given back."""
    service = make_service(settings)
    try:
        yield service
    finally:
        await service.database.close()


def run_with_service(url: str | None, action: Callable[[ServiceContext], Awaitable[T]]) -> T:
    """What `work` gives on a database whose schema is at head. Raises: CommandError, and whatever `work` does."""
    settings = load_settings(url)
    prepare_schema(settings)

    async def run() -> T:
        async with open_service(settings) as service:
            return await action(service)

    return asyncio.run(run())
