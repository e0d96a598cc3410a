"""Objectives over HTTP."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import Call, Caller
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, ObjectiveKey, edited, find, page, written
from app.api.http.route import deletes, desk, lists, patches, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import (
    Cursor,
    Key,
    Name,
    Narrative,
    Positive,
    ShownNumber,
    default,
    unset,
)
from app.domain.playbook.objectives import Objective as ObjectiveValue
from app.domain.playbook.objectives import Responsibility
from app.domain.primitives.decimals import ONE
from app.services.playbook import configuration
from app.store.playbook.configuration import Stored, load

router = desk("objectives")
EXAMPLE = {
    "playbook": "fy26-q4",
    "title": "Win in the enterprise segment",
    "description": "",
    "priority": 5,
    "parent": None,
    "state": "active",
}
State = Literal["active", "paused"]


class Objective(Shown):
    """What the playbook is after."""

    key: Key
    playbook: Key
    title: Name
    description: Narrative
    priority: ShownNumber
    parent: Annotated[
        Key | None, Field(description="The objective above it; for navigation, not for weights.")
    ]
    state: Annotated[State, Field(description="Only active ones score.")]
    archived: bool

    model_config = {"json_schema_extra": example(key="win-enterprise", **EXAMPLE, archived=False)}


class ObjectivePage(Shown):
    """A page of objectives."""

    items: Annotated[list[Objective], Field(max_length=200)]
    next_cursor: Cursor | None


class ObjectivePut(Given):
    """An objective as it shall be."""

    playbook: Key
    title: Name
    description: Narrative = ""
    priority: Positive = default(ONE, 1)
    parent: Annotated[
        Key | None, Field(description="The objective above it; for navigation, not for weights.")
    ] = None
    state: Annotated[State, Field(description="Only active ones score.")] = "active"

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class ObjectivePatch(Given):
    """What shall change in an objective."""

    playbook: Key = unset()
    title: Name = unset()
    description: Narrative = unset()
    priority: Positive = unset()
    parent: Key | None = unset()
    state: State = unset()

    model_config = {"json_schema_extra": example(state="paused")}


def show(stored: Stored) -> Objective:
    """A objective on the wire."""
    return Objective.of(stored.value, archived=stored.archived)


@router.get("/v1/objectives", **lists())
async def list_objectives(
    call: Caller,
    response: Response,
    paging: Pages,
    playbook: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those of this playbook.")
    ] = None,
    team: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those in which it has a part.")
    ] = None,
    parent: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those under this objective.")
    ] = None,
    state: Annotated[
        State | SkipJsonSchema[None], Query(description="Only those in this state.")
    ] = None,
    archived: Archived = False,
) -> ObjectivePage:
    """The organization's objectives, by key."""
    equals = {"playbook": playbook, "parent": parent, "state": state}
    if team is None:
        return ObjectivePage(
            **await page(call, paging, response, "objective", show, equals, archived=archived)
        )
    found = await _of_team(call, team, archived=archived)
    wanted = [
        one
        for one in found
        if (paging.after is None or one.key > paging.after)
        and all(value is None or getattr(one, name) == value for name, value in equals.items())
    ]
    items, following = paging.cut(response, wanted, [one.key for one in wanted])
    return ObjectivePage(items=items, next_cursor=following)


async def _of_team(call: Call, team: str, *, archived: bool) -> list[Objective]:
    """The objectives in which a team has a responsibility, by key."""
    async with call.service.database.reading() as connection:
        loaded = await load(connection, call.actor.organization, ("objective", "responsibility"))
    gone = loaded.archived if archived else {}
    parts = [*loaded.responsibilities.values(), *gone.get("responsibility", {}).values()]
    named = {
        part.objective for part in parts if isinstance(part, Responsibility) and part.team == team
    }
    found = [
        Objective.of(one, archived=False) for key, one in loaded.objectives.items() if key in named
    ]
    found += [
        Objective.of(one, archived=True)
        for key, one in gone.get("objective", {}).items()
        if key in named
    ]
    return sorted(found, key=lambda one: one.key)


@router.get("/v1/objectives/{objective}", response_model=Objective, **reads())
async def get_objective(
    call: Caller,
    request: Request,
    response: Response,
    objective: ObjectiveKey,
    seen: IfNoneMatch = None,
) -> object:
    """One objective."""
    stored = await find(call, "objective", objective)
    return shown(request, response, show(stored), tag(stored.changed))


@router.put("/v1/objectives/{objective}", **puts("playbook:write"))
async def put_objective(
    call: Caller,
    request: Request,
    response: Response,
    objective: ObjectiveKey,
    body: ObjectivePut,
    precondition: Creation,
) -> Objective:
    """Creates the objective, or replaces it."""
    done = await configuration.put(
        call.service, call.actor, made(ObjectiveValue, body, key=objective), precondition
    )
    written(request, response, done)
    return Objective.of(done.value, archived=False)


@router.patch("/v1/objectives/{objective}", **patches("playbook:write"))
async def patch_objective(
    call: Caller,
    request: Request,
    response: Response,
    objective: ObjectiveKey,
    body: ObjectivePatch,
    precondition: Change,
) -> Objective:
    """Changes what the merge patch names."""
    edit = edited(body, ObjectiveValue)
    done = await configuration.patch(
        call.service, call.actor, "objective", objective, edit, precondition
    )
    written(request, response, done)
    return Objective.of(done.value, archived=False)


@router.delete("/v1/objectives/{objective}", **deletes("playbook:write"))
async def delete_objective(call: Caller, objective: ObjectiveKey, precondition: Change) -> None:
    """Archives the objective, with its key results and responsibilities."""
    await configuration.archive(call.service, call.actor, "objective", objective, precondition)
