"""Teams over HTTP."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, TeamKey, edited, find, page, written
from app.api.http.route import deletes, desk, lists, patches, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import Cursor, Key, Name, Positive, ShownNumber, default, unset
from app.domain.playbook.organization import Team as TeamValue
from app.domain.primitives.decimals import ONE
from app.services.playbook import configuration
from app.store.playbook.configuration import Stored

router = desk("teams")
EXAMPLE = {"name": "Sales", "function": "sales", "size": 12}


class Team(Shown):
    """People who deliver together."""

    key: Key
    name: Name
    function: Annotated[Key, Field(description="sales, marketing, operations, executive, ...")]
    size: Annotated[ShownNumber, Field(description="How many people.")]
    archived: bool

    model_config = {"json_schema_extra": example(key="sales", **EXAMPLE, archived=False)}


class TeamPage(Shown):
    """A page of teams."""

    items: Annotated[list[Team], Field(max_length=200)]
    next_cursor: Cursor | None


class TeamPut(Given):
    """A team as it shall be."""

    name: Name
    function: Annotated[Key, Field(description="sales, marketing, operations, executive, ...")]
    size: Positive = default(ONE, 1)

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class TeamPatch(Given):
    """What shall change in a team."""

    name: Name = unset()
    function: Key = unset()
    size: Positive = unset()

    model_config = {"json_schema_extra": example(size=14)}


def show(stored: Stored) -> Team:
    """A team on the wire."""
    return Team.of(stored.value, archived=stored.archived)


@router.get("/v1/teams", **lists())
async def list_teams(
    call: Caller, response: Response, paging: Pages, archived: Archived = False
) -> TeamPage:
    """The organization's teams, by key."""
    return TeamPage(**await page(call, paging, response, "team", show, {}, archived=archived))


@router.get("/v1/teams/{team}", response_model=Team, **reads())
async def get_team(
    call: Caller, request: Request, response: Response, team: TeamKey, seen: IfNoneMatch = None
) -> object:
    """One team."""
    stored = await find(call, "team", team)
    return shown(request, response, show(stored), tag(stored.changed))


@router.put("/v1/teams/{team}", **puts("playbook:write"))
async def put_team(
    call: Caller,
    request: Request,
    response: Response,
    team: TeamKey,
    body: TeamPut,
    precondition: Creation,
) -> Team:
    """Creates the team, or replaces it."""
    done = await configuration.put(
        call.service, call.actor, made(TeamValue, body, key=team), precondition
    )
    written(request, response, done)
    return Team.of(done.value, archived=False)


@router.patch("/v1/teams/{team}", **patches("playbook:write"))
async def patch_team(
    call: Caller,
    request: Request,
    response: Response,
    team: TeamKey,
    body: TeamPatch,
    precondition: Change,
) -> Team:
    """Changes what the merge patch names."""
    done = await configuration.patch(
        call.service, call.actor, "team", team, edited(body, TeamValue), precondition
    )
    written(request, response, done)
    return Team.of(done.value, archived=False)


@router.delete("/v1/teams/{team}", **deletes("playbook:write"))
async def delete_team(call: Caller, team: TeamKey, precondition: Change) -> None:
    """Archives the team; a team with load-bearing responsibilities is needed, and stays."""
    await configuration.archive(call.service, call.actor, "team", team, precondition)
