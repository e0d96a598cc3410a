"""Settings, schema and a service without HTTP, for commands that need only the database."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from app.cli.support.terminal import command_error
from app.main import make_service
from app.services.runtime.context import ServiceContext
from app.settings import Settings, load_settings
from app.store.operations import migrations
from app.store.sql import dialect

T = TypeVar("T")
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        help="URL of SQLite or PostgreSQL. Default: SIGHTLINE_DATABASE_URL.",
        show_default=False,
    ),
]


def load_command_settings(url: str | None) -> Settings:
    """Return the environment's settings, with the database of the option.

    Raises: ValidationError, CommandError.
    """
    settings = load_settings(os.environ)
    settings = settings if url is None else settings.model_copy(update={"database_url": url})
    _check_url(settings.database_url)
    return settings


def _check_url(url: str) -> None:
    """Check that the database is supported.

    Raises: CommandError that does not show the address, which may hold a password.
    """
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
    """Return whether the database is a file."""
    return dialect.database_file(settings.database_url) is not None


def prepare_schema(settings: Settings) -> None:
    """Upgrade embedded SQLite to head. On PostgreSQL, check that the schema is at head.

    Raises: CommandError when it is not.
    """
    if is_embedded(settings):
        migrations.upgrade_database(settings.database_url)
    else:
        require_current_schema(settings)


def require_current_schema(settings: Settings) -> None:
    """Check that the schema is at head. Raises: CommandError that names the command to run."""
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
    """Yield a service, and close its connections afterwards."""
    service = make_service(settings)
    try:
        yield service
    finally:
        await service.database.close()


def run_with_service(url: str | None, action: Callable[[ServiceContext], Awaitable[T]]) -> T:
    """Run an action on a database whose schema is at head. Return its result.

    Raises: CommandError, and what the action raises.
    """
    settings = load_command_settings(url)
    prepare_schema(settings)

    async def run() -> T:
        async with open_service(settings) as service:
            return await action(service)

    return asyncio.run(run())
