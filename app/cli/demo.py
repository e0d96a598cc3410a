"""`sightline demo`: play a fictional company's quarter and serve it."""

import asyncio
import sys
from pathlib import Path
from shutil import which
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app import clock
from app.cli.serve import Port, require_free_port, run_server
from app.cli.support.local_service import load_command_settings, prepare_schema
from app.cli.support.logs import logging_configuration
from app.cli.support.terminal import command_error, err, print_line, report_errors
from app.demo.company import COMPANY_NAME
from app.demo.setup import DemoAccess, QuarterOverError, prepare_demo
from app.main import create_app
from app.settings import Settings
from app.store.sql import dialect

DEFAULT_URL: Final = "sqlite+aiosqlite:///sightline-demo.db"
DEMO_HOST: Final = "127.0.0.1"


@report_errors
def demo(
    port: Port = 8000,
    database_url: Annotated[
        str,
        typer.Option("--database-url", help="The database of the demo. Use it for nothing else."),
    ] = DEFAULT_URL,
) -> None:
    """Play a fictional company's quarter up to today and serve it."""
    address = f"http://{DEMO_HOST}:{port}"
    settings = load_command_settings(database_url).model_copy(update={"public_url": address})
    require_free_port(DEMO_HOST, port)
    access = play_demo(settings)
    print_welcome(address, access)
    run_server(
        create_app(settings),
        DEMO_HOST,
        port,
        log_config=logging_configuration(settings.log_format, "WARNING"),
    )


def play_demo(settings: Settings) -> DemoAccess:
    """Play the demo up to now. Delete and replay a database file whose quarter has ended.

    Raises: CommandError.
    """
    prepare_schema(settings)
    try:
        return _play_with_progress(settings)
    except QuarterOverError as error:
        file = dialect.database_file(settings.database_url)
        if file is None:
            raise command_error(
                "conflict", f"{error.detail} Give the demo an empty database."
            ) from None
        print_line(f"{error.detail} It begins anew.", "dim")
        for ending in ("", "-wal", "-shm"):
            Path(file + ending).unlink(missing_ok=True)
    prepare_schema(settings)
    return _play_with_progress(settings)


def _play_with_progress(settings: Settings) -> DemoAccess:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(f"Playing the quarter of {COMPANY_NAME}", total=None)

        def show_progress(completed: int, total: int) -> None:
            progress.update(task, completed=completed, total=total)

        return asyncio.run(prepare_demo(settings, clock.utc_now(), show_progress=show_progress))


def print_welcome(address: str, access: DemoAccess) -> None:
    """Print the address, the keys, and commands to try."""
    header = '-H "Authorization: Bearer $SIGHTLINE_API_KEY"'
    print_line()
    print_line(f"{COMPANY_NAME} is ready at {address}", "bold green")
    print_line(f"  read key   {access.read_key}")
    print_line(f"  admin key  {access.admin_key}")
    print_line("  Both are good for 24 hours; the next start makes new ones.", "dim")
    print_line()
    print_line("Try, in another terminal:", "bold")
    print_line(f"  export SIGHTLINE_URL={address} SIGHTLINE_API_KEY={access.read_key}")
    print_line(f'  curl -s {header} "{address}/v1/alignment"')
    print_line(f'  curl -s {header} "{address}/v1/alignment/ledger?limit=20"')
    print_line(f'  curl -s {header} "{address}{access.evidence}"')
    print_line(f"  {which('sightline') or Path(sys.executable).with_name('sightline')} alignment")
    print_line()
