"""The endpoints of offerings."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
)
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    IncludeArchived,
    KeyedResource,
    OfferingKey,
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
    """A product or service, with the days on which it can be delivered."""

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
    """An offering to create or replace."""

    name: Name
    available_from: Annotated[Day, Field(description="The first day on which it can be delivered.")]
    retired_on: Annotated[Day | None, Field(description=RETIRED_DESCRIPTION)] = None
    team: Annotated[Key | None, Field(description="The team that delivers it.")] = None

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class OfferingPatch(RequestModel):
    """The changes of an offering."""

    name: Name = optional_member()
    available_from: Day = optional_member()
    retired_on: Day | None = optional_member()
    team: Key | None = optional_member()

    model_config = {"json_schema_extra": json_schema_example(retired_on="2027-01-01")}


OFFERINGS = KeyedResource("offering", Offering)


@router.get("/v1/offerings", **list_contract())
async def list_offerings(
    context: ContextDep, paging: PagingDep, archived: IncludeArchived = False
) -> OfferingPage:
    """List the offerings, by key."""
    return OfferingPage(**await OFFERINGS.list_page(context, paging, {}, archived=archived))


@router.get("/v1/offerings/{offering}", response_model=Offering, **read_contract())
async def get_offering(
    context: ContextDep,
    response: Response,
    offering: OfferingKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one offering."""
    return await OFFERINGS.get_resource(context, response, offering)


@router.put("/v1/offerings/{offering}", **put_contract("playbook:write"))
async def put_offering(
    context: ContextDep,
    response: Response,
    offering: OfferingKey,
    body: OfferingPut,
    precondition: WritePreconditionDep,
) -> Offering:
    """Create or replace the offering."""
    offering_value = to_domain(OfferingValue, body, key=offering)
    return await OFFERINGS.put_resource(context, response, offering_value, precondition)


@router.patch("/v1/offerings/{offering}", **patch_contract("playbook:write"))
async def patch_offering(
    context: ContextDep,
    response: Response,
    offering: OfferingKey,
    body: OfferingPatch,
    precondition: UpdatePreconditionDep,
) -> Offering:
    """Change the members in the merge patch."""
    return await OFFERINGS.patch_resource(context, response, offering, body, precondition)


@router.delete("/v1/offerings/{offering}", **delete_contract("playbook:write"))
async def delete_offering(
    context: ContextDep, offering: OfferingKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the offering."""
    await OFFERINGS.archive_resource(context, offering, precondition)
