"""The endpoints of objectives."""

from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
)
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    IncludeArchived,
    KeyedResource,
    ObjectiveKey,
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
from app.api.http.schema_types import (
    Cursor,
    Key,
    Name,
    Narrative,
    Positive,
    ShownNumber,
    defaulted_member,
    optional_member,
)
from app.domain.playbook.objectives import Objective as ObjectiveValue
from app.domain.playbook.objectives import Responsibility
from app.domain.primitives.decimals import FIXED_SCALE
from app.store.playbook.configuration import load_configuration

router = create_router("objectives")
EXAMPLE = {
    "playbook": "fy26-q4",
    "title": "Win in the enterprise segment",
    "description": "",
    "priority": 5,
    "parent": None,
    "state": "active",
}
State = Literal["active", "paused"]


class Objective(ResponseModel):
    """An objective of a playbook."""

    key: Key
    playbook: Key
    title: Name
    description: Narrative
    priority: ShownNumber
    parent: Annotated[
        Key | None, Field(description="The objective above it; for navigation, not for weights.")
    ]
    state: Annotated[State, Field(description="Only active objectives are scored.")]
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(key="win-enterprise", **EXAMPLE, archived=False)
    }


class ObjectivePage(ResponseModel):
    """A page of objectives."""

    items: Annotated[list[Objective], Field(max_length=200)]
    next_cursor: Cursor | None


class ObjectivePut(RequestModel):
    """An objective to create or replace."""

    playbook: Key
    title: Name
    description: Narrative = ""
    priority: Positive = defaulted_member(FIXED_SCALE, 1)
    parent: Annotated[
        Key | None, Field(description="The objective above it; for navigation, not for weights.")
    ] = None
    state: Annotated[State, Field(description="Only active objectives are scored.")] = "active"

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class ObjectivePatch(RequestModel):
    """The changes of an objective."""

    playbook: Key = optional_member()
    title: Name = optional_member()
    description: Narrative = optional_member()
    priority: Positive = optional_member()
    parent: Key | None = optional_member()
    state: State = optional_member()

    model_config = {"json_schema_extra": json_schema_example(state="paused")}


OBJECTIVES = KeyedResource("objective", Objective)


@router.get("/v1/objectives", **list_contract())
async def list_objectives(
    context: ContextDep,
    paging: PagingDep,
    *,
    playbook: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those of this playbook.")
    ] = None,
    team: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Only those in which this team has a responsibility."),
    ] = None,
    parent: Annotated[
        Key | SkipJsonSchema[None], Query(description="Only those under this objective.")
    ] = None,
    state: Annotated[
        State | SkipJsonSchema[None], Query(description="Only those in this state.")
    ] = None,
    archived: IncludeArchived = False,
) -> ObjectivePage:
    """List the objectives, by key."""
    equals = {"playbook": playbook, "parent": parent, "state": state}
    if team is None:
        return ObjectivePage(
            **await OBJECTIVES.list_page(context, paging, equals, archived=archived)
        )
    team_objectives = await _list_by_team(context, team, archived=archived)
    matches = [
        candidate
        for candidate in team_objectives
        if (paging.after is None or candidate.key > paging.after)
        and all(
            expected is None or getattr(candidate, filter_name) == expected
            for filter_name, expected in equals.items()
        )
    ]
    page_objectives, next_cursor = paging.paginate(
        matches, [candidate.key for candidate in matches]
    )
    return ObjectivePage(items=page_objectives, next_cursor=next_cursor)


async def _list_by_team(context: RequestContext, team: str, *, archived: bool) -> list[Objective]:
    """Return the objectives in which a team has a responsibility, by key."""
    async with context.service.database.read_transaction() as connection:
        configuration_subset = await load_configuration(
            connection, context.actor.organization, ("objective", "responsibility")
        )
    archived_resources = configuration_subset.archived if archived else {}
    responsibilities = [
        *configuration_subset.responsibilities.values(),
        *archived_resources.get("responsibility", {}).values(),
    ]
    objective_keys = {
        responsibility.objective
        for responsibility in responsibilities
        if isinstance(responsibility, Responsibility) and responsibility.team == team
    }
    team_objectives = [
        Objective.from_domain(objective, archived=False)
        for objective_key, objective in configuration_subset.objectives.items()
        if objective_key in objective_keys
    ]
    team_objectives += [
        Objective.from_domain(objective, archived=True)
        for objective_key, objective in archived_resources.get("objective", {}).items()
        if objective_key in objective_keys
    ]
    return sorted(team_objectives, key=lambda objective: objective.key)


@router.get("/v1/objectives/{objective}", response_model=Objective, **read_contract())
async def get_objective(
    context: ContextDep,
    response: Response,
    objective: ObjectiveKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one objective."""
    return await OBJECTIVES.get_resource(context, response, objective)


@router.put("/v1/objectives/{objective}", **put_contract("playbook:write"))
async def put_objective(
    context: ContextDep,
    response: Response,
    objective: ObjectiveKey,
    body: ObjectivePut,
    precondition: WritePreconditionDep,
) -> Objective:
    """Create or replace the objective."""
    objective_value = to_domain(ObjectiveValue, body, key=objective)
    return await OBJECTIVES.put_resource(context, response, objective_value, precondition)


@router.patch("/v1/objectives/{objective}", **patch_contract("playbook:write"))
async def patch_objective(
    context: ContextDep,
    response: Response,
    objective: ObjectiveKey,
    body: ObjectivePatch,
    precondition: UpdatePreconditionDep,
) -> Objective:
    """Change the members in the merge patch."""
    return await OBJECTIVES.patch_resource(context, response, objective, body, precondition)


@router.delete("/v1/objectives/{objective}", **delete_contract("playbook:write"))
async def delete_objective(
    context: ContextDep, objective: ObjectiveKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the objective with its key results and responsibilities."""
    await OBJECTIVES.archive_resource(context, objective, precondition)
