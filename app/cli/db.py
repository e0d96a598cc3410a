"""`sightline db`: migrations, checks of the schema and the roll-ups, and retention."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.support.local_service import (
    DatabaseUrl,
    load_command_settings,
    require_current_schema,
    run_with_service,
)
from app.cli.support.terminal import (
    AsJson,
    command_error,
    err,
    print_json,
    print_line,
    report_errors,
)
from app.services.operations import retention, rollup_check
from app.services.runtime.context import ServiceContext
from app.store.operations import migrations, privileges
from app.store.sql.database import connect

commands = typer.Typer(
    no_args_is_help=True, help="Migrations, checks of the schema and the roll-ups, and retention."
)
RollupDifferences = dict[str, Mapping[str, int]]


@commands.command()
@report_errors
def upgrade(
    service_role: Annotated[
        str | None,
        typer.Option(
            help="PostgreSQL: the role of the service. It can neither change nor delete events."
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Upgrade the schema to the newest revision, as the owner of the tables.

    A role that could run the service before the upgrade can run it afterwards.
    """
    url = load_command_settings(database_url).database_url
    migrations.upgrade_database(url)
    granted_roles = asyncio.run(_grant_service_role(url, service_role))
    if as_json:
        print_json({"revision": migrations.head_revision(), "service_roles": granted_roles})
        return
    print_line(f"The schema is at revision {migrations.head_revision()}.")
    for role in granted_roles:
        print_line(f"The service may run as {role}, which can neither change nor delete an event.")


async def _grant_service_role(url: str, role: str | None) -> list[str]:
    database = connect(url)
    try:
        async with database.write_transaction() as connection:
            return await privileges.grant_service(connection, role)
    finally:
        await database.close()


@commands.command()
@report_errors
def check(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Check that the schema is at head, roll-ups match the events, and tables match the journal."""
    settings = load_command_settings(database_url)
    require_current_schema(settings)
    drift = migrations.describe_drift(settings.database_url)
    if drift is not None:
        raise command_error("conflict", f"The schema is not as the program expects. {drift}")
    differences = run_with_service(
        database_url,
        lambda service: _check_each(
            service, "Comparing roll-ups", compare_only=True, with_journal=True
        ),
    )
    restating = run_with_service(database_url, rollup_check.list_restatements)
    for organization_key, (days, days_done) in restating.items() if not as_json else ():
        print_line(
            f"{organization_key}: history is being restated, {days_done} of {days} days are done "
            "(sightline db rebuild finishes it)"
        )
    _report_differences(
        differences, as_json=as_json, revision=migrations.head_revision(), restating=restating
    )


@commands.command()
@report_errors
def rebuild(
    check: Annotated[
        bool,
        typer.Option("--check", help="Only compare. Exit with code 1 when something differs."),
    ] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild the roll-ups from the events, one organization at a time."""
    title = "Comparing roll-ups" if check else "Rebuilding roll-ups"
    differences = run_with_service(
        database_url, lambda service: _check_each(service, title, compare_only=check)
    )
    if check:
        _report_differences(differences, as_json=as_json)
    elif as_json:
        print_json({"organizations": differences})
    else:
        repaired_count = sum(any(tables.values()) for tables in differences.values())
        print_line(
            f"The roll-ups of {len(differences)} organization(s) are as the events say; "
            f"{repaired_count} had to be mended."
        )


@commands.command()
@report_errors
def trim(
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3650,
            help="The age of the bodies. Default: SIGHTLINE_RAW_RETENTION_DAYS.",
            show_default=False,
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Empty the raw bodies of old deliveries.

    Their events stay, but they cannot be replayed any more.
    """
    retention_days = days or load_command_settings(database_url).raw_retention_days

    async def trim_all(service: ServiceContext) -> dict[str, int]:
        return {
            organization_key: await retention.empty_old_bodies(
                service, organization_id, retention_days
            )
            for organization_key, organization_id in await rollup_check.list_organizations(service)
        }

    emptied = run_with_service(database_url, trim_all)
    if as_json:
        print_json({"days": retention_days, "emptied": emptied})
    else:
        print_line(
            f"The bodies of {sum(emptied.values())} deliveries older than {retention_days} days "
            "are kept no longer."
        )


async def _check_each(
    service: ServiceContext, title: str, *, compare_only: bool, with_journal: bool = False
) -> RollupDifferences:
    """Compare or rebuild the roll-ups of each organization, with a progress bar.

    Return the differences.
    """
    all_organizations: Sequence[tuple[str, UUID]] = await rollup_check.list_organizations(service)
    differences: RollupDifferences = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(title, total=len(all_organizations))
        for organization_key, organization_id in all_organizations:
            if compare_only:
                differences[organization_key] = await rollup_check.count_rollup_differences(
                    service, organization_id
                )
                if with_journal:
                    differences[organization_key] = {
                        **differences[organization_key],
                        "journal": await rollup_check.count_journal_differences(
                            service, organization_id
                        ),
                    }
            else:
                _, differences[organization_key] = await rollup_check.rebuild_rollups(
                    service, organization_id
                )
            progress.advance(task)
    return differences


def _report_differences(
    differences: RollupDifferences,
    *,
    as_json: bool,
    revision: str | None = None,
    restating: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Print the differences. Raises: typer.Exit with code 1 when there are any."""
    nonempty = {
        organization_key: {table_name: rows for table_name, rows in tables.items() if rows}
        for organization_key, tables in differences.items()
    }
    nonempty = {organization_key: tables for organization_key, tables in nonempty.items() if tables}
    if as_json:
        restatements = {
            organization_key: {"days": days, "days_done": days_done}
            for organization_key, (days, days_done) in (restating or {}).items()
        }
        schema_fields = {"revision": revision, "restating": restatements} if revision else {}
        print_json({"ok": not nonempty, "organizations": differences, **schema_fields})
    elif not nonempty:
        prefix = f"The schema is at head ({revision}), and the" if revision else "The"
        print_line(
            f"{prefix} roll-ups of {len(differences)} organization(s) are as the events say."
        )
    for organization_key, tables in nonempty.items() if not as_json else ():
        for table_name, rows in tables.items():
            source = "journal says" if table_name == "journal" else "events say"
            print_line(
                f"{organization_key}: {rows} row(s) of '{table_name}' are not as the {source}"
            )
    if nonempty:
        if not as_json:
            print_line("Mend them with: sightline db rebuild")
        raise typer.Exit(1)
