"""`sightline organizations`: made by the operator, by database."""

from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from app.cli.support.local_service import DatabaseUrl, perform
from app.cli.support.terminal import AsJson, err, guarded, refusal, say, tell_json
from app.domain.playbook.organization import Organization
from app.services.access import organizations

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
    text = perform(
        database_url,
        lambda service: organizations.create(service, Organization(key, name, time_zone)),
    )
    if as_json:
        tell_json({"organization": key, "api_key": text})
        return
    say(f"The organization '{key}' is there. Its first admin key, shown this once:")
    say(text, "bold")


@commands.command()
@guarded
def delete(
    key: Annotated[str, typer.Argument(help="The organization's key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Deletes an organization with all that it ever recorded, for good; as the owner of the tables."""
    perform(database_url, lambda service: organizations.find(service, key))
    if not yes and as_json:
        raise refusal("conflict", f"Deleting '{key}' with all that it recorded needs --yes.")
    if not yes:
        typer.confirm(
            f"Delete '{key}' with all that it ever recorded, for good?", abort=True, err=True
        )
    with Progress(
        TextColumn("{task.description}"), console=err, transient=True, disable=not err.is_terminal
    ) as shown:
        task = shown.add_task(f"Deleting '{key}'", total=None)

        def note(gone: int) -> None:
            shown.update(task, description=f"Deleting '{key}': {gone} rows are gone")

        gone = perform(database_url, lambda service: organizations.delete(service, key, note))
    if as_json:
        tell_json({"deleted": key, "rows": gone})
    else:
        say(f"The organization '{key}' is gone, with {gone} rows.")
