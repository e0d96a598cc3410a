"""`sightline organizations`: made by the operator, by database."""

from typing import Annotated

import typer

from app.cli.database import DatabaseUrl, perform
from app.cli.terminal import AsJson, guarded, say, tell_json
from app.domain.teams import Organization
from app.flows import organizations

commands = typer.Typer(no_args_is_help=True, help="Organizations, by database.")


@commands.callback()
def group() -> None:
    """Organizations, by database."""


@commands.command()
@guarded
def create(
    key: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    name: Annotated[str, typer.Option(help="What people call it.")],
    time_zone: Annotated[str, typer.Option(help="IANA name; fixed once events exist.")] = "UTC",
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Makes an organization and prints its first admin API key, once."""
    text = perform(database_url, lambda service: organizations.create(service, Organization(key, name, time_zone)))
    if as_json:
        tell_json({"organization": key, "api_key": text})
        return
    say(f"The organization '{key}' is there. Its first admin key, shown this once:")
    say(text, "bold")
