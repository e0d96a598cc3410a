"""`sightline db`: migrations, and the health of schema and roll-ups."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from app.cli.support.local_service import DatabaseUrl, ensured, perform, settings_for
from app.cli.support.terminal import AsJson, err, guarded, refusal, say, tell_json
from app.services.operations import retention
from app.services.operations import rollup_check as maintenance
from app.services.runtime.context import Service
from app.store.operations import migrations
from app.store.operations import privileges as owner
from app.store.sql.database import connect

commands = typer.Typer(
    no_args_is_help=True, help="Migrations, and the health of schema and roll-ups."
)
Differences = dict[str, Mapping[str, int]]


@commands.command()
@guarded
def upgrade(
    service_role: Annotated[
        str | None,
        typer.Option(
            help="PostgreSQL: the role that the service runs as; it is granted all but to change events."
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Brings the schema to the newest revision, as its owner; a role that served before the upgrade serves after it."""
    url = settings_for(database_url).database_url
    migrations.upgrade(url)
    granted = asyncio.run(_grant(url, service_role))
    if as_json:
        tell_json({"revision": migrations.head(), "service_roles": granted})
        return
    say(f"The schema is at revision {migrations.head()}.")
    for role in granted:
        say(f"The service may run as {role}, which can neither change nor delete an event.")


async def _grant(url: str, role: str | None) -> list[str]:
    database = connect(url)
    try:
        async with database.writing() as connection:
            return await owner.grant_service(connection, role)
    finally:
        await database.close()


@commands.command()
@guarded
def check(database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Says whether the schema is at head, the roll-ups are as the events say, and the tables as the journal does."""
    settings = settings_for(database_url)
    ensured(settings)
    drift = migrations.drift(settings.database_url)
    if drift is not None:
        raise refusal("conflict", f"The schema is not as the program expects. {drift}")
    found = perform(
        database_url,
        lambda service: _each(service, "Comparing roll-ups", compare=True, journal=True),
    )
    restating = perform(database_url, maintenance.restating)
    for key, (days, done) in restating.items() if not as_json else ():
        say(
            f"{key}: history is being restated, {done} of {days} days are done (sightline db rebuild finishes it)"
        )
    _report(found, as_json=as_json, revision=migrations.head(), restating=restating)


@commands.command()
@guarded
def rebuild(
    check: Annotated[
        bool,
        typer.Option("--check", help="Only say what differs; exit code 1 when something does."),
    ] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Makes the roll-ups anew from the events, an organization at a time."""
    title = "Comparing roll-ups" if check else "Rebuilding roll-ups"
    found = perform(database_url, lambda service: _each(service, title, compare=check))
    if check:
        _report(found, as_json=as_json)
    elif as_json:
        tell_json({"organizations": found})
    else:
        mended = sum(any(each.values()) for each in found.values())
        say(
            f"The roll-ups of {len(found)} organization(s) are as the events say; {mended} had to be mended."
        )


@commands.command()
@guarded
def trim(
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=3650, help="Else SIGHTLINE_RAW_RETENTION_DAYS.", show_default=False
        ),
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Empties the raw bodies of old deliveries; what they said stands, but they cannot be replayed any more."""
    kept = days or settings_for(database_url).raw_retention_days

    async def work(service: Service) -> dict[str, int]:
        return {
            key: await retention.trim(service, each, kept)
            for key, each in await maintenance.organizations(service)
        }

    found = perform(database_url, work)
    if as_json:
        tell_json({"days": kept, "emptied": found})
    else:
        say(
            f"The bodies of {sum(found.values())} deliveries older than {kept} days are kept no longer."
        )


async def _each(
    service: Service, title: str, *, compare: bool, journal: bool = False
) -> Differences:
    """What differs, or differed, for each organization, shown as it goes."""
    everyone: Sequence[tuple[str, UUID]] = await maintenance.organizations(service)
    found: Differences = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(title, total=len(everyone))
        for key, identity in everyone:
            if compare:
                found[key] = await maintenance.differences(service, identity)
                if journal:
                    found[key] = {
                        **found[key],
                        "journal": await maintenance.unjournaled(service, identity),
                    }
            else:
                _, found[key] = await maintenance.restore(service, identity)
            progress.advance(task)
    return found


def _report(
    found: Differences,
    *,
    as_json: bool,
    revision: str | None = None,
    restating: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Prints what differs. Raises: typer.Exit with code 1 when something does."""
    wrong = {
        key: {name: rows for name, rows in each.items() if rows} for key, each in found.items()
    }
    wrong = {key: each for key, each in wrong.items() if each}
    if as_json:
        under_way = {
            key: {"days": days, "days_done": done}
            for key, (days, done) in (restating or {}).items()
        }
        more = {"revision": revision, "restating": under_way} if revision else {}
        tell_json({"ok": not wrong, "organizations": found, **more})
    elif not wrong:
        at = f"The schema is at head ({revision}), and the" if revision else "The"
        say(f"{at} roll-ups of {len(found)} organization(s) are as the events say.")
    for key, each in wrong.items() if not as_json else ():
        for name, rows in each.items():
            source = "journal says" if name == "journal" else "events say"
            say(f"{key}: {rows} row(s) of '{name}' are not as the {source}")
    if wrong:
        if not as_json:
            say("Mend them with: sightline db rebuild")
        raise typer.Exit(1)
