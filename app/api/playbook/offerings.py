"""Offerings over HTTP."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
    entity_tag,
    with_etag,
)
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    IncludeArchived,
    OfferingKey,
    find_resource,
    list_page,
    merge_patch,
    set_write_headers,
)
from app.api.http.route import (
    create_router,
    delete_contract,
    list_contract,
    patch_contract,
    put_contract,
    read_contract,
)
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import Cursor, Day, Key, Name, optional_member
from app.domain.playbook.offerings import Offering as OfferingValue
from app.services.playbook import configuration
from app.store.playbook.configuration import StoredResource

router = create_router("offerings")
EXAMPLE = {
    "name": "Onboarding Plus",
    "available_from": "2026-01-01",
    "retired_on": None,
    "team": "operations",
}
RETIRED_DESCRIPTION = (
    "The first day on which it can no longer be delivered; null while there is none."
)


class Offering(ResponseModel):
    """Something that can be sold, and between which days it can be delivered."""

    key: Key
    name: Name
    available_from: Annotated[Day, Field(description="The first day on which it can be delivered.")]
    retired_on: Annotated[Day | None, Field(description=RETIRED_DESCRIPTION)]
    team: Annotated[Key | None, Field(description="The team that delivers it.")]
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(key="onboarding-plus", **EXAMPLE, archived=False)
    }


class OfferingPage(ResponseModel):
    """A page of offerings."""

    items: Annotated[list[Offering], Field(max_length=200)]
    next_cursor: Cursor | None


class OfferingPut(RequestModel):
    """An offering as it shall be."""

    name: Name
    available_from: Annotated[Day, Field(description="The first day on which it can be delivered.")]
    retired_on: Annotated[Day | None, Field(description=RETIRED_DESCRIPTION)] = None
    team: Annotated[Key | None, Field(description="The team that delivers it.")] = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class OfferingPatch(RequestModel):
    """What shall change in an offering."""

    name: Name = optional_member()
    available_from: Day = optional_member()
    retired_on: Day | None = optional_member()
    team: Key | None = optional_member()

    model_config = {"json_schema_extra": json_schema_example(retired_on="2027-01-01")}


def to_offering(stored: StoredResource) -> Offering:
    """A offering on the wire."""
    return Offering.from_domain(stored.resource, archived=stored.is_archived)


@router.get("/v1/offerings", **list_contract())
async def list_offerings(
    context: ContextDep, response: Response, paging: PagingDep, archived: IncludeArchived = False
) -> OfferingPage:
    """The organization's offerings, by key."""
    return OfferingPage(
        **await list_page(context, paging, response, "offering", to_offering, {}, archived=archived)
    )


@router.get("/v1/offerings/{offering}", response_model=Offering, **read_contract())
async def get_offering(
    context: ContextDep,
    request: Request,
    response: Response,
    offering: OfferingKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """One offering."""
    stored = await find_resource(context, "offering", offering)
    return with_etag(request, response, to_offering(stored), entity_tag(stored.changed_version))


@router.put("/v1/offerings/{offering}", **put_contract("playbook:write"))
async def put_offering(
    context: ContextDep,
    request: Request,
    response: Response,
    offering: OfferingKey,
    body: OfferingPut,
    precondition: WritePreconditionDep,
) -> Offering:
    """Creates the offering, or replaces it."""
    write_result = await configuration.put_resource(
        context.service, context.actor, to_domain(OfferingValue, body, key=offering), precondition
    )
    set_write_headers(request, response, write_result)
    return Offering.from_domain(write_result.resource, archived=False)


@router.patch("/v1/offerings/{offering}", **patch_contract("playbook:write"))
async def patch_offering(
    context: ContextDep,
    request: Request,
    response: Response,
    offering: OfferingKey,
    body: OfferingPatch,
    precondition: UpdatePreconditionDep,
) -> Offering:
    """Changes what the merge patch names."""
    apply_patch = merge_patch(body, OfferingValue)
    write_result = await configuration.patch_resource(
        context.service, context.actor, "offering", offering, apply_patch, precondition
    )
    set_write_headers(request, response, write_result)
    return Offering.from_domain(write_result.resource, archived=False)


@router.delete("/v1/offerings/{offering}", **delete_contract("playbook:write"))
async def delete_offering(
    context: ContextDep, offering: OfferingKey, precondition: UpdatePreconditionDep
) -> None:
    """Archives the offering."""
    await configuration.archive_resource(
        context.service, context.actor, "offering", offering, precondition
    )
