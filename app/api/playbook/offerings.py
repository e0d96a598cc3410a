"""Offerings over HTTP."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, OfferingKey, edited, find, page, written
from app.api.http.route import deletes, desk, lists, patches, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import Cursor, Day, Key, Name, unset
from app.domain.playbook.offerings import Offering as OfferingValue
from app.services.playbook import configuration
from app.store.playbook.configuration import Stored

router = desk("offerings")
EXAMPLE = {
    "name": "Onboarding Plus",
    "available_from": "2026-01-01",
    "retired_on": None,
    "team": "operations",
}
RETIRED = "The first day on which it can no longer be delivered; null while there is none."


class Offering(Shown):
    """Something that can be sold, and between which days it can be delivered."""

    key: Key
    name: Name
    available_from: Annotated[Day, Field(description="The first day on which it can be delivered.")]
    retired_on: Annotated[Day | None, Field(description=RETIRED)]
    team: Annotated[Key | None, Field(description="The team that delivers it.")]
    archived: bool

    model_config = {"json_schema_extra": example(key="onboarding-plus", **EXAMPLE, archived=False)}


class OfferingPage(Shown):
    """A page of offerings."""

    items: Annotated[list[Offering], Field(max_length=200)]
    next_cursor: Cursor | None


class OfferingPut(Given):
    """An offering as it shall be."""

    name: Name
    available_from: Annotated[Day, Field(description="The first day on which it can be delivered.")]
    retired_on: Annotated[Day | None, Field(description=RETIRED)] = None
    team: Annotated[Key | None, Field(description="The team that delivers it.")] = None

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class OfferingPatch(Given):
    """What shall change in an offering."""

    name: Name = unset()
    available_from: Day = unset()
    retired_on: Day | None = unset()
    team: Key | None = unset()

    model_config = {"json_schema_extra": example(retired_on="2027-01-01")}


def show(stored: Stored) -> Offering:
    """A offering on the wire."""
    return Offering.of(stored.value, archived=stored.archived)


@router.get("/v1/offerings", **lists())
async def list_offerings(
    call: Caller, response: Response, paging: Pages, archived: Archived = False
) -> OfferingPage:
    """The organization's offerings, by key."""
    return OfferingPage(
        **await page(call, paging, response, "offering", show, {}, archived=archived)
    )


@router.get("/v1/offerings/{offering}", response_model=Offering, **reads())
async def get_offering(
    call: Caller,
    request: Request,
    response: Response,
    offering: OfferingKey,
    seen: IfNoneMatch = None,
) -> object:
    """One offering."""
    stored = await find(call, "offering", offering)
    return shown(request, response, show(stored), tag(stored.changed))


@router.put("/v1/offerings/{offering}", **puts("playbook:write"))
async def put_offering(
    call: Caller,
    request: Request,
    response: Response,
    offering: OfferingKey,
    body: OfferingPut,
    precondition: Creation,
) -> Offering:
    """Creates the offering, or replaces it."""
    done = await configuration.put(
        call.service, call.actor, made(OfferingValue, body, key=offering), precondition
    )
    written(request, response, done)
    return Offering.of(done.value, archived=False)


@router.patch("/v1/offerings/{offering}", **patches("playbook:write"))
async def patch_offering(
    call: Caller,
    request: Request,
    response: Response,
    offering: OfferingKey,
    body: OfferingPatch,
    precondition: Change,
) -> Offering:
    """Changes what the merge patch names."""
    edit = edited(body, OfferingValue)
    done = await configuration.patch(
        call.service, call.actor, "offering", offering, edit, precondition
    )
    written(request, response, done)
    return Offering.of(done.value, archived=False)


@router.delete("/v1/offerings/{offering}", **deletes("playbook:write"))
async def delete_offering(call: Caller, offering: OfferingKey, precondition: Change) -> None:
    """Archives the offering."""
    await configuration.archive(call.service, call.actor, "offering", offering, precondition)
