"""The command line: `sightline`."""

from typing import Final

import typer

from app.cli import alignment, db, demo, documents, keys, openapi, organizations, serve, sources

application: Final = typer.Typer(
    name="sightline",
    help="Measures how aligned an organization is, from what was observed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.command()(serve.serve)
application.command()(demo.demo)
application.add_typer(organizations.commands, name="organizations")
application.add_typer(keys.commands, name="keys")
application.add_typer(db.commands, name="db")
application.command()(documents.apply)
application.command()(documents.document)
application.command()(sources.sources)
application.command()(alignment.alignment)
application.command()(openapi.openapi)


def main() -> None:
    """Runs the command that the arguments name."""
    application()
