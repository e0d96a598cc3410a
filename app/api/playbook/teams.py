"""The endpoints of teams."""

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
    TeamKey,
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
    """A team to create or replace."""

    name: Name
    function: Annotated[Key, Field(description="sales, marketing, operations, executive, ...")]
    size: Positive = defaulted_member(FIXED_SCALE, 1)

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class TeamPatch(RequestModel):
    """The changes of a team."""

    name: Name = optional_member()
    function: Key = optional_member()
    size: Positive = optional_member()

    model_config = {"json_schema_extra": json_schema_example(size=14)}


TEAMS = KeyedResource("team", Team)


@router.get("/v1/teams", **list_contract())
async def list_teams(
    context: ContextDep, paging: PagingDep, archived: IncludeArchived = False
) -> TeamPage:
    """List the teams, by key."""
    return TeamPage(**await TEAMS.list_page(context, paging, {}, archived=archived))


@router.get("/v1/teams/{team}", response_model=Team, **read_contract())
async def get_team(
    context: ContextDep,
    response: Response,
    team: TeamKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one team."""
    return await TEAMS.get_resource(context, response, team)


@router.put("/v1/teams/{team}", **put_contract("playbook:write"))
async def put_team(
    context: ContextDep,
    response: Response,
    team: TeamKey,
    body: TeamPut,
    precondition: WritePreconditionDep,
) -> Team:
    """Create or replace the team."""
    team_value = to_domain(TeamValue, body, key=team)
    return await TEAMS.put_resource(context, response, team_value, precondition)


@router.patch("/v1/teams/{team}", **patch_contract("playbook:write"))
async def patch_team(
    context: ContextDep,
    response: Response,
    team: TeamKey,
    body: TeamPatch,
    precondition: UpdatePreconditionDep,
) -> Team:
    """Change the members in the merge patch."""
    return await TEAMS.patch_resource(context, response, team, body, precondition)


@router.delete("/v1/teams/{team}", **delete_contract("playbook:write"))
async def delete_team(
    context: ContextDep, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the team. A team with accepted responsibilities that have weight is in use."""
    await TEAMS.archive_resource(context, team, precondition)
