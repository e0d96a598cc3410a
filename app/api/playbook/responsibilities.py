"""Responsibilities over HTTP: a team's part in an objective."""

from typing import Annotated, Literal

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.body import JSON
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, AsOf, ObjectiveKey, TeamKey, find, page, written
from app.api.http.route import Contract, declare, deletes, desk, lists, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import Cursor, Key, Name, Note, Positive, ShownNumber, Yes, default
from app.domain.playbook.objectives import Responsibility as ResponsibilityValue
from app.domain.primitives.decimals import ONE
from app.services.playbook import configuration, playbooks
from app.store.playbook.configuration import Stored

router = desk("objectives")
Role = Literal["accountable", "responsible", "consulted", "informed"]
Status = Literal["proposed", "accepted", "declined"]
EXAMPLE = {"role": "accountable", "share": 50}


class Responsibility(Shown):
    """A team's part in an objective."""

    objective: Key
    team: Key
    role: Role
    share: ShownNumber
    status: Annotated[
        Status,
        Field(description="Only accepted ones that are accountable or responsible carry weight."),
    ]
    by: Annotated[Note, Field(description="Who accepted or declined it for the team.")]
    note: Note
    archived: bool

    model_config = {
        "json_schema_extra": example(
            objective="win-enterprise",
            team="sales",
            **EXAMPLE,
            status="accepted",
            by="Ada",
            note="",
            archived=False,
        )
    }


class ResponsibilityPage(Shown):
    """A page of responsibilities."""

    items: Annotated[list[Responsibility], Field(max_length=200)]
    next_cursor: Cursor | None


class ResponsibilityPut(Given):
    """A responsibility as it shall be; another role or share has to be accepted anew."""

    role: Role
    share: Positive = default(ONE, 1)

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class AcceptancePut(Given):
    """Whether the team takes it."""

    accepted: Yes
    by: Name
    note: Note = ""

    model_config = {"json_schema_extra": example(accepted=True, by="Ada", note="")}


def show(stored: Stored) -> Responsibility:
    """A responsibility on the wire."""
    return Responsibility.of(stored.value, archived=stored.archived)


@router.get("/v1/objectives/{objective}/responsibilities", **lists())
async def list_responsibilities(
    call: Caller,
    response: Response,
    objective: ObjectiveKey,
    paging: Pages,
    archived: Archived = False,
    as_of: AsOf = None,
) -> ResponsibilityPage:
    """The responsibilities in an objective, by team."""
    await find(call, "objective", objective, as_of)
    where = {"objective": objective}
    return ResponsibilityPage(
        **await page(
            call, paging, response, "responsibility", show, where, archived=archived, as_of=as_of
        )
    )


@router.get(
    "/v1/objectives/{objective}/responsibilities/{team}", response_model=Responsibility, **reads()
)
async def get_responsibility(
    call: Caller,
    request: Request,
    response: Response,
    objective: ObjectiveKey,
    team: TeamKey,
    seen: IfNoneMatch = None,
) -> object:
    """One team's part in an objective."""
    stored = await find(call, "responsibility", f"{objective}/{team}")
    return shown(request, response, show(stored), tag(stored.changed))


@router.put("/v1/objectives/{objective}/responsibilities/{team}", **puts("playbook:write"))
async def put_responsibility(
    call: Caller,
    request: Request,
    response: Response,
    objective: ObjectiveKey,
    team: TeamKey,
    body: ResponsibilityPut,
    precondition: Creation,
) -> Responsibility:
    """Proposes a part to the team, or changes it."""
    await find(call, "objective", objective)
    noun = made(ResponsibilityValue, body, objective=objective, team=team)
    done = await configuration.put(call.service, call.actor, noun, precondition)
    written(request, response, done)
    return Responsibility.of(done.value, archived=False)


@router.delete("/v1/objectives/{objective}/responsibilities/{team}", **deletes("playbook:write"))
async def delete_responsibility(
    call: Caller, objective: ObjectiveKey, team: TeamKey, precondition: Change
) -> None:
    """Archives the team's part."""
    await configuration.archive(
        call.service, call.actor, "responsibility", f"{objective}/{team}", precondition
    )


@router.put(
    "/v1/objectives/{objective}/responsibilities/{team}/acceptance",
    **declare(Contract("playbook:write", JSON, problems=(409, 412), etag=True)),
)
async def put_acceptance(
    call: Caller,
    request: Request,
    response: Response,
    objective: ObjectiveKey,
    team: TeamKey,
    body: AcceptancePut,
    precondition: Change,
) -> Responsibility:
    """Says for the team whether it takes its part; needs a key bound to the team, or an admin key."""
    done = await playbooks.accept(
        call.service,
        call.actor,
        objective,
        team,
        accepted=body.accepted,
        by=body.by,
        note=body.note,
        precondition=precondition,
    )
    written(request, response, done)
    return Responsibility.of(done.value, archived=False)
