"""`sightline demo`: a made-up company, ready to look at."""

import asyncio
import sys
from pathlib import Path
from shutil import which
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app import clock
from app.cli.serve import Port, free, run
from app.cli.support.local_service import ready, settings_for
from app.cli.support.logs import configuration
from app.cli.support.terminal import err, guarded, refusal, say
from app.demo.company import NAME
from app.demo.setup import OverError, Ready, prepare
from app.main import create_app
from app.settings import Settings
from app.store.sql import dialect

DEFAULT: Final = "sqlite+aiosqlite:///sightline-demo.db"
HOST: Final = "127.0.0.1"


@guarded
def demo(
    port: Port = 8000,
    database_url: Annotated[
        str, typer.Option("--database-url", help="Where the demo lives; a database of its own.")
    ] = DEFAULT,
) -> None:
    """Plays a made-up company's quarter up to today and serves it."""
    address = f"http://{HOST}:{port}"
    settings = settings_for(database_url).model_copy(update={"public_url": address})
    free(HOST, port)
    found = played(settings)
    welcome(address, found)
    run(create_app(settings), HOST, port, log_config=configuration(settings.log_format, "WARNING"))


def played(settings: Settings) -> Ready:
    """The demo, played up to now; a database file whose quarter is over is begun anew. Raises: CommandError."""
    ready(settings)
    try:
        return _played(settings)
    except OverError as over:
        file = dialect.file_of(settings.database_url)
        if file is None:
            raise refusal("conflict", f"{over.detail} Give the demo an empty database.") from None
        say(f"{over.detail} It begins anew.", "dim")
        for ending in ("", "-wal", "-shm"):
            Path(file + ending).unlink(missing_ok=True)
    ready(settings)
    return _played(settings)


def _played(settings: Settings) -> Ready:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(f"Playing the quarter of {NAME}", total=None)

        def shown(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        return asyncio.run(prepare(settings, clock.now(), shown=shown))


def welcome(address: str, found: Ready) -> None:
    """Prints where it is, the keys, and what is worth trying."""
    header = '-H "Authorization: Bearer $SIGHTLINE_API_KEY"'
    say()
    say(f"{NAME} is ready at {address}", "bold green")
    say(f"  read key   {found.read_key}")
    say(f"  admin key  {found.admin_key}")
    say("  Both are good for 24 hours; the next start makes new ones.", "dim")
    say()
    say("Try, in another terminal:", "bold")
    say(f"  export SIGHTLINE_URL={address} SIGHTLINE_API_KEY={found.read_key}")
    say(f'  curl -s {header} "{address}/v1/alignment"')
    say(f'  curl -s {header} "{address}/v1/alignment/ledger?limit=20"')
    say(f'  curl -s {header} "{address}{found.evidence}"')
    say(f"  {which('sightline') or Path(sys.executable).with_name('sightline')} alignment")
    say()
