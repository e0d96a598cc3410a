"""Teams over HTTP."""

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
    TeamKey,
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
from app.api.http.schema_types import (
    Cursor,
    Key,
    Name,
    Positive,
    ShownNumber,
    defaulted_member,
    optional_member,
)
from app.domain.playbook.organization import Team as TeamValue
from app.domain.primitives.decimals import FIXED_SCALE
from app.services.playbook import configuration
from app.store.playbook.configuration import StoredResource

router = create_router("teams")
EXAMPLE = {"name": "Sales", "function": "sales", "size": 12}


class Team(ResponseModel):
    """People who deliver together."""

    key: Key
    name: Name
    function: Annotated[Key, Field(description="sales, marketing, operations, executive, ...")]
    size: Annotated[ShownNumber, Field(description="How many people.")]
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(key="sales", **EXAMPLE, archived=False)
    }


class TeamPage(ResponseModel):
    """A page of teams."""

    items: Annotated[list[Team], Field(max_length=200)]
    next_cursor: Cursor | None


class TeamPut(RequestModel):
    """A team as it shall be."""

    name: Name
    function: Annotated[Key, Field(description="sales, marketing, operations, executive, ...")]
    size: Positive = defaulted_member(FIXED_SCALE, 1)

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class TeamPatch(RequestModel):
    """What shall change in a team."""

    name: Name = optional_member()
    function: Key = optional_member()
    size: Positive = optional_member()

    model_config = {"json_schema_extra": json_schema_example(size=14)}


def to_team(stored: StoredResource) -> Team:
    """A team on the wire."""
    return Team.from_domain(stored.resource, archived=stored.is_archived)


@router.get("/v1/teams", **list_contract())
async def list_teams(
    context: ContextDep, response: Response, paging: PagingDep, archived: IncludeArchived = False
) -> TeamPage:
    """The organization's teams, by key."""
    return TeamPage(
        **await list_page(context, paging, response, "team", to_team, {}, archived=archived)
    )


@router.get("/v1/teams/{team}", response_model=Team, **read_contract())
async def get_team(
    context: ContextDep,
    request: Request,
    response: Response,
    team: TeamKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """One team."""
    stored = await find_resource(context, "team", team)
    return with_etag(request, response, to_team(stored), entity_tag(stored.changed_version))


@router.put("/v1/teams/{team}", **put_contract("playbook:write"))
async def put_team(
    context: ContextDep,
    request: Request,
    response: Response,
    team: TeamKey,
    body: TeamPut,
    precondition: WritePreconditionDep,
) -> Team:
    """Creates the team, or replaces it."""
    write_result = await configuration.put_resource(
        context.service, context.actor, to_domain(TeamValue, body, key=team), precondition
    )
    set_write_headers(request, response, write_result)
    return Team.from_domain(write_result.resource, archived=False)


@router.patch("/v1/teams/{team}", **patch_contract("playbook:write"))
async def patch_team(
    context: ContextDep,
    request: Request,
    response: Response,
    team: TeamKey,
    body: TeamPatch,
    precondition: UpdatePreconditionDep,
) -> Team:
    """Changes what the merge patch names."""
    write_result = await configuration.patch_resource(
        context.service, context.actor, "team", team, merge_patch(body, TeamValue), precondition
    )
    set_write_headers(request, response, write_result)
    return Team.from_domain(write_result.resource, archived=False)


@router.delete("/v1/teams/{team}", **delete_contract("playbook:write"))
async def delete_team(
    context: ContextDep, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Archives the team; a team with load-bearing responsibilities is needed, and stays."""
    await configuration.archive_resource(context.service, context.actor, "team", team, precondition)
