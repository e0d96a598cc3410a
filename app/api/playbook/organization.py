"""The caller's organization over HTTP."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Call, Caller
from app.api.http.etags import Change, IfNoneMatch, shown, tag
from app.api.http.resources import edited, find, written
from app.api.http.route import desk, patches, reads
from app.api.http.schema_base import Given, Shown, example
from app.api.http.schema_types import Count, Key, Name, Scope, text, unset
from app.domain.playbook.configuration import Noun
from app.domain.playbook.organization import Organization as OrganizationValue
from app.services.playbook import configuration
from app.store.access import organization_version as cursor

router = desk("organization")
EXAMPLE = {"key": "acme", "name": "Acme", "time_zone": "Europe/Berlin"}
Zone = Annotated[str, text(64, 1), Field(description="An IANA name; fixed once events exist.")]


class Organization(Shown):
    """The tenant that the API key belongs to, and what the key may do in it."""

    key: Key
    name: Name
    time_zone: Zone
    version: Annotated[Count, Field(description="Rises with every write, events included.")]
    scopes: Annotated[list[Scope], Field(max_length=4, description="The scopes of the API key.")]
    team: Annotated[Key | None, Field(description="The team that the API key is bound to.")]
    source: Annotated[Key | None, Field(description="The source that the API key is bound to.")]

    model_config = {
        "json_schema_extra": example(
            **EXAMPLE, version=1042, scopes=["read"], team=None, source=None
        )
    }


class OrganizationPatch(Given):
    """What shall change in the organization."""

    name: Name = unset()
    time_zone: Zone = unset()

    model_config = {"json_schema_extra": example(name="Acme Corporation")}


async def _show(call: Call, noun: Noun) -> Organization:
    async with call.service.database.reading() as connection:
        version = await cursor.version(connection, call.actor.organization)
    actor = call.actor
    return Organization.of(
        noun, version=version, scopes=sorted(actor.scopes), team=actor.team, source=actor.source
    )


@router.get("/v1/organization", response_model=Organization, **reads())
async def get_organization(
    call: Caller, request: Request, response: Response, seen: IfNoneMatch = None
) -> object:
    """The organization, its version, and the scopes and binding of the API key."""
    stored = await find(call, "organization", "organization")
    reply = await _show(call, stored.value)
    return shown(request, response, reply, tag(stored.changed, reply))


@router.patch("/v1/organization", **patches("admin"))
async def patch_organization(
    call: Caller,
    request: Request,
    response: Response,
    body: OrganizationPatch,
    precondition: Change,
) -> Organization:
    """Changes what the merge patch names."""
    stored = await find(call, "organization", "organization")
    edit = edited(body, OrganizationValue)
    done = await configuration.patch(
        call.service, call.actor, "organization", stored.value.key, edit, precondition
    )
    reply = await _show(call, done.value)
    written(request, response, done, reply)
    return reply
