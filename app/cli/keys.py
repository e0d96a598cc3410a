"""`sightline keys`: the operator's management of API keys, on the database."""

from datetime import datetime, timedelta
from typing import Annotated, Final

import typer
from rich.table import Table

from app.cli.support.local_service import DatabaseUrl, run_with_service
from app.cli.support.terminal import AsJson, out, print_json, print_line, report_errors
from app.domain.access.actor import SCOPES, Actor
from app.services.access import api_keys as api_keys_service
from app.services.access import organizations
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import ServiceContext
from app.store.access import api_keys as api_keys_store
from app.store.access.api_keys import StoredApiKey

commands = typer.Typer(no_args_is_help=True, help="API keys, directly on the database.")
PAGE_SIZE: Final = 200
MAX_NAME_LENGTH: Final = 200
OrganizationArgument = Annotated[
    str, typer.Argument(help="The organization's key.", metavar="ORGANIZATION")
]


def _check_name(name: str) -> str:
    """Return the name if the API would accept it, too. Raises: BadParameter."""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise typer.BadParameter(f"must have 1 to {MAX_NAME_LENGTH} characters")
    return name


@commands.command()
@report_errors
def create(
    organization: OrganizationArgument,
    name: Annotated[str, typer.Option(callback=_check_name, help="The purpose of the key.")],
    scope: Annotated[list[str], typer.Option(help=f"Repeatable: {', '.join(SCOPES)}.")],
    team: Annotated[str | None, typer.Option(help="The only team that it can write for.")] = None,
    source: Annotated[
        str | None, typer.Option(help="The only source that it can write for.")
    ] = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Default: it does not expire.")
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Issue an API key and print it, once."""

    async def issue_key(service: ServiceContext) -> tuple[StoredApiKey, str]:
        organization_id = await organizations.find_organization(service, organization)
        expires_at = (
            None if expires_in_days is None else service.clock() + timedelta(days=expires_in_days)
        )
        return await api_keys_service.issue_key(
            service,
            api_keys_service.operator_actor(organization_id),
            IssueKey(name, frozenset(scope), team, source, expires_at),
        )

    issued_key, secret = run_with_service(database_url, issue_key)
    if as_json:
        print_json({**_key_to_json(issued_key), "api_key": secret})
        return
    print_line(f"The key '{issued_key.name}' ({issued_key.id}), shown this once:")
    print_line(secret, "bold")


@commands.command("list")
@report_errors
def list_keys(
    organization: OrganizationArgument, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """List the keys that are not revoked, oldest first."""

    async def load_all_keys(service: ServiceContext) -> list[StoredApiKey]:
        organization_id = await organizations.find_organization(service, organization)
        api_keys: list[StoredApiKey] = []
        async with service.database.read_transaction() as connection:
            while True:
                after = (api_keys[-1].created_at, api_keys[-1].id) if api_keys else None
                page = await api_keys_store.list_api_keys(
                    connection, organization_id, after, PAGE_SIZE
                )
                api_keys += page
                if len(page) < PAGE_SIZE:
                    return api_keys

    api_keys = run_with_service(database_url, load_all_keys)
    if as_json:
        print_json({"items": [_key_to_json(api_key) for api_key in api_keys]})
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scopes", "bound to", "expires", "last used"):
        table.add_column(heading)
    for api_key in api_keys:
        binding = " ".join(
            filter(
                None,
                [
                    api_key.team and f"team {api_key.team}",
                    api_key.source and f"source {api_key.source}",
                ],
            )
        )
        table.add_row(
            api_key.id,
            api_key.name,
            ", ".join(api_key.scopes),
            binding,
            _format_day(api_key.expires_at),
            _format_day(api_key.last_used_at),
        )
    out.print(table)


@commands.command()
@report_errors
def revoke(
    organization: OrganizationArgument,
    key_id: Annotated[
        str, typer.Argument(help="The key's public id, as `list` shows it.", metavar="ID")
    ],
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a key. A running service refuses it within five seconds."""

    async def revoke_key(service: ServiceContext) -> None:
        organization_id = await organizations.find_organization(service, organization)
        await api_keys_service.revoke_key(
            service, Actor(organization_id, "operator", frozenset({"admin"})), key_id
        )

    run_with_service(database_url, revoke_key)
    if as_json:
        print_json({"revoked": key_id})
    else:
        print_line(f"The key {key_id} is revoked.")


def _key_to_json(key: StoredApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "team": key.team,
        "source": key.source,
        "expires_at": _format_instant(key.expires_at),
        "last_four": key.last_four,
        "created_at": _format_instant(key.created_at),
        "created_by": key.created_by,
        "last_used_at": _format_instant(key.last_used_at),
    }


def _format_instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


def _format_day(instant: datetime | None) -> str:
    return "never" if instant is None else instant.date().isoformat()
