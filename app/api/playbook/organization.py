"""The endpoints of the caller's organization."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.etags import IfNoneMatch, UpdatePreconditionDep, entity_tag, with_etag
from app.api.http.resources import find_resource, merge_patch, set_write_headers
from app.api.http.route import create_router, patch_contract, read_contract
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example
from app.api.http.schema_types import Count, Key, Name, Scope, optional_member, text
from app.domain.playbook.configuration import Resource
from app.services.playbook import configuration as configuration_service
from app.store.access import organization_version

router = create_router("organization")
EXAMPLE = {"key": "acme", "name": "Acme", "time_zone": "Europe/Berlin"}
TimeZone = Annotated[str, text(64, 1), Field(description="An IANA name; fixed once events exist.")]


class Organization(ResponseModel):
    """The tenant that the API key belongs to, and the permissions of the key."""

    key: Key
    name: Name
    time_zone: TimeZone
    version: Annotated[Count, Field(description="Increases with every write, including events.")]
    scopes: Annotated[list[Scope], Field(max_length=4, description="The scopes of the API key.")]
    team: Annotated[Key | None, Field(description="The team that the API key is bound to.")]
    source: Annotated[Key | None, Field(description="The source that the API key is bound to.")]

    model_config = {
        "json_schema_extra": json_schema_example(
            **EXAMPLE, version=1042, scopes=["read"], team=None, source=None
        )
    }


class OrganizationPatch(RequestModel):
    """The changes of the organization."""

    name: Name = optional_member()
    time_zone: TimeZone = optional_member()

    model_config = {"json_schema_extra": json_schema_example(name="Acme Corporation")}


async def _to_organization(context: RequestContext, resource: Resource) -> Organization:
    async with context.service.database.read_transaction() as connection:
        version = await organization_version.current_version(connection, context.actor.organization)
    actor = context.actor
    return Organization.from_domain(
        resource, version=version, scopes=sorted(actor.scopes), team=actor.team, source=actor.source
    )


@router.get("/v1/organization", response_model=Organization, **read_contract())
async def get_organization(
    context: ContextDep, response: Response, if_none_match: IfNoneMatch = None
) -> object:
    """Return the organization, its version, and the scopes and binding of the API key."""
    stored = await find_resource(context, "organization", "organization")
    reply = await _to_organization(context, stored.resource)
    return with_etag(context.request, response, reply, entity_tag(stored.changed_version, reply))


@router.patch("/v1/organization", **patch_contract("admin"))
async def patch_organization(
    context: ContextDep,
    response: Response,
    body: OrganizationPatch,
    precondition: UpdatePreconditionDep,
) -> Organization:
    """Change the members in the merge patch."""
    stored = await find_resource(context, "organization", "organization")
    written = await configuration_service.patch_resource(
        context.service,
        context.actor,
        "organization",
        stored.resource.key,
        merge_patch(body),
        precondition,
    )
    reply = await _to_organization(context, written.resource)
    set_write_headers(context, response, written, reply)
    return reply
