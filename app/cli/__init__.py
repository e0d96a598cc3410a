"""The command line interface `sightline`."""

from typing import Final

import typer

from app.cli import (
    alignment,
    db,
    demo,
    documents,
    events,
    keys,
    openapi,
    organizations,
    serve,
    sources,
)

app: Final = typer.Typer(
    name="sightline",
    help="Measure how aligned an organization is, from recorded events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(demo.demo)
app.add_typer(organizations.commands, name="organizations")
app.add_typer(keys.commands, name="keys")
app.add_typer(db.commands, name="db")
app.command()(documents.apply)
app.command()(documents.document)
app.add_typer(events.commands, name="events")
app.add_typer(sources.commands, name="sources")
app.command()(alignment.alignment)
app.command()(openapi.openapi)


def main() -> None:
    """Run the command that the arguments name."""
    app()
