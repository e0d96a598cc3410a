"""`sightline organizations`: create and delete organizations, on the database."""

from typing import Annotated

import typer
from rich.progress import Progress, TextColumn

from app.cli.support.local_service import DatabaseUrl, run_with_service
from app.cli.support.terminal import (
    AsJson,
    command_error,
    err,
    print_json,
    print_line,
    report_errors,
)
from app.domain.playbook.organization import Organization
from app.services.access import organizations

commands = typer.Typer(no_args_is_help=True, help="Organizations, directly on the database.")


@commands.callback()
def group() -> None:
    """Create and delete organizations, directly on the database."""


@commands.command()
@report_errors
def create(
    key: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
    name: Annotated[str, typer.Option(help="The name that people read.")],
    time_zone: Annotated[
        str, typer.Option(help="IANA name. It cannot change once events exist.")
    ] = "UTC",
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Create an organization and print its first admin API key, once."""
    api_key = run_with_service(
        database_url,
        lambda service: organizations.create_organization(
            service, Organization(key, name, time_zone)
        ),
    )
    if as_json:
        print_json({"organization": key, "api_key": api_key})
        return
    print_line(f"The organization '{key}' is there. Its first admin key, shown this once:")
    print_line(api_key, "bold")


@commands.command()
@report_errors
def delete(
    key: Annotated[str, typer.Argument(help="The organization's key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Delete an organization with everything that it recorded, permanently.

    Only the owner of the tables can.
    """
    run_with_service(database_url, lambda service: organizations.find_organization(service, key))
    if not yes and as_json:
        raise command_error("conflict", f"Deleting '{key}' with all that it recorded needs --yes.")
    if not yes:
        typer.confirm(
            f"Delete '{key}' with all that it ever recorded, for good?", abort=True, err=True
        )
    with Progress(
        TextColumn("{task.description}"), console=err, transient=True, disable=not err.is_terminal
    ) as progress:
        task = progress.add_task(f"Deleting '{key}'", total=None)

        def show_progress(deleted_rows: int) -> None:
            progress.update(task, description=f"Deleting '{key}': {deleted_rows} rows are gone")

        deleted_rows = run_with_service(
            database_url,
            lambda service: organizations.delete_organization(service, key, show_progress),
        )
    if as_json:
        print_json({"deleted": key, "rows": deleted_rows})
    else:
        print_line(f"The organization '{key}' is gone, with {deleted_rows} rows.")
