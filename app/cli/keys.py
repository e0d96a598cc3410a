"""`sightline keys`: API keys, by database, for whoever runs the service."""

from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from app.cli.support.local_service import DatabaseUrl, perform
from app.cli.support.terminal import AsJson, guarded, out, say, tell_json
from app.domain.access.actor import SCOPES, Actor
from app.services.access import api_keys as keys
from app.services.access import organizations
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import Service
from app.store.access import api_keys as kept
from app.store.access.api_keys import ApiKey

commands = typer.Typer(no_args_is_help=True, help="API keys, by database.")
PAGE: Final = 200
LONGEST: Final = 200
Owner = Annotated[str, typer.Argument(help="The organization's key.", metavar="ORGANIZATION")]


def _named(name: str) -> str:
    """The name, where the API would take it too. Raises: BadParameter."""
    if not 1 <= len(name) <= LONGEST:
        raise typer.BadParameter(f"must have 1 to {LONGEST} characters")
    return name


@commands.command()
@guarded
def create(
    organization: Owner,
    name: Annotated[str, typer.Option(callback=_named, help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(help=f"Repeatable: {', '.join(SCOPES)}.")],
    team: Annotated[str | None, typer.Option(help="The one team that it may write for.")] = None,
    source: Annotated[
        str | None, typer.Option(help="The one source that it may write for.")
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Else it never expires.")
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Issues an API key and prints it, once."""

    async def issue(service: Service) -> tuple[ApiKey, str]:
        identity = await organizations.find(service, organization)
        expires = (
            None if expires_in_days is None else service.clock() + timedelta(days=expires_in_days)
        )
        return await keys.issue(
            service,
            keys.operator(identity),
            IssueKey(name, frozenset(scope), team, source, expires),
        )

    key, text = perform(database_url, issue)
    if as_json:
        tell_json({**_shown(key), "api_key": text})
        return
    say(f"The key '{key.name}' ({key.id}), shown this once:")
    say(text, "bold")


@commands.command("list")
@guarded
def list_(organization: Owner, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Lists the keys that are not revoked, oldest first."""

    async def pages(service: Service) -> list[ApiKey]:
        identity = await organizations.find(service, organization)
        found: list[ApiKey] = []
        async with service.database.reading() as connection:
            while True:
                after = (found[-1].created_at, found[-1].id) if found else None
                page = await kept.page(connection, identity, after, PAGE)
                found += page
                if len(page) < PAGE:
                    return found

    found = perform(database_url, pages)
    if as_json:
        tell_json({"items": [_shown(key) for key in found]})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scopes", "bound to", "expires", "last used"):
        table.add_column(heading)
    for key in found:
        bound = " ".join(
            filter(None, [key.team and f"team {key.team}", key.source and f"source {key.source}"])
        )
        table.add_row(
            key.id,
            key.name,
            ", ".join(key.scopes),
            bound,
            _day(key.expires_at),
            _day(key.last_used_at),
        )
    out.print(table)


@commands.command()
@guarded
def revoke(
    organization: Owner,
    key_id: Annotated[
        str, typer.Argument(help="The key's public id, as `list` shows it.", metavar="ID")
    ],
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Revokes a key; a running service refuses it within five seconds."""

    async def gone(service: Service) -> None:
        identity = await organizations.find(service, organization)
        await keys.revoke(service, Actor(identity, "operator", frozenset({"admin"})), key_id)

    perform(database_url, gone)
    if as_json:
        tell_json({"revoked": key_id})
    else:
        say(f"The key {key_id} is revoked.")


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "team": key.team,
        "source": key.source,
        "expires_at": _instant(key.expires_at),
        "last_four": key.last_four,
        "created_at": _instant(key.created_at),
        "created_by": key.created_by,
        "last_used_at": _instant(key.last_used_at),
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _day(at: datetime | None) -> str:
    return "never" if at is None else at.date().isoformat()
