"""The endpoints of responsibilities: a team's part in an objective."""

from typing import Annotated, Literal

from fastapi import Response
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.body import JSON
from app.api.http.etags import (
    IfNoneMatch,
    UpdatePreconditionDep,
    WritePreconditionDep,
)
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    AsOf,
    IncludeArchived,
    KeyedResource,
    ObjectiveKey,
    TeamKey,
    find_resource,
)
from app.api.http.route import (
    Contract,
    create_router,
    delete_contract,
    list_contract,
    put_contract,
    read_contract,
    route_contract,
)
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import (
    Cursor,
    Key,
    Name,
    Note,
    Positive,
    ShownNumber,
    StrictBoolean,
    defaulted_member,
)
from app.domain.playbook.objectives import Responsibility as ResponsibilityValue
from app.domain.primitives.decimals import FIXED_SCALE
from app.services.playbook import playbooks
from app.services.playbook.playbooks import ResponsibilityAnswer

router = create_router("objectives")
Role = Literal["accountable", "responsible", "consulted", "informed"]
Status = Literal["proposed", "accepted", "declined"]
EXAMPLE = {"role": "accountable", "share": 50}


class Responsibility(ResponseModel):
    """A team's part in an objective."""

    objective: Key
    team: Key
    role: Role
    share: ShownNumber
    status: Annotated[
        Status,
        Field(description="Only accepted accountable or responsible ones have weight."),
    ]
    by: Annotated[Note, Field(description="Who accepted or declined it for the team.")]
    note: Note
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            objective="win-enterprise",
            team="sales",
            **EXAMPLE,
            status="accepted",
            by="Ada",
            note="",
            archived=False,
        )
    }


class ResponsibilityPage(ResponseModel):
    """A page of responsibilities."""

    items: Annotated[list[Responsibility], Field(max_length=200)]
    next_cursor: Cursor | None


class ResponsibilityPut(RequestModel):
    """A responsibility to propose. A new role or share must be accepted again."""

    role: Role
    share: Positive = defaulted_member(FIXED_SCALE, 1)

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


class AcceptancePut(RequestModel):
    """The team's answer to a proposed responsibility."""

    accepted: StrictBoolean
    by: Name
    note: Note = ""

    model_config = {"json_schema_extra": json_schema_example(accepted=True, by="Ada", note="")}


RESPONSIBILITIES = KeyedResource("responsibility", Responsibility)


@router.get("/v1/objectives/{objective}/responsibilities", **list_contract())
async def list_responsibilities(
    context: ContextDep,
    objective: ObjectiveKey,
    paging: PagingDep,
    archived: IncludeArchived = False,
    as_of: AsOf = None,
) -> ResponsibilityPage:
    """List the responsibilities in an objective, by team."""
    await find_resource(context, "objective", objective, as_of)
    equals = {"objective": objective}
    return ResponsibilityPage(
        **await RESPONSIBILITIES.list_page(context, paging, equals, archived=archived, as_of=as_of)
    )


@router.get(
    "/v1/objectives/{objective}/responsibilities/{team}",
    response_model=Responsibility,
    **read_contract(),
)
async def get_responsibility(
    context: ContextDep,
    response: Response,
    objective: ObjectiveKey,
    team: TeamKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return one team's part in an objective."""
    return await RESPONSIBILITIES.get_resource(context, response, f"{objective}/{team}")


@router.put("/v1/objectives/{objective}/responsibilities/{team}", **put_contract("playbook:write"))
async def put_responsibility(
    context: ContextDep,
    response: Response,
    objective: ObjectiveKey,
    team: TeamKey,
    body: ResponsibilityPut,
    precondition: WritePreconditionDep,
) -> Responsibility:
    """Propose a part to the team, or change it."""
    await find_resource(context, "objective", objective)
    responsibility = to_domain(ResponsibilityValue, body, objective=objective, team=team)
    return await RESPONSIBILITIES.put_resource(context, response, responsibility, precondition)


@router.delete(
    "/v1/objectives/{objective}/responsibilities/{team}", **delete_contract("playbook:write")
)
async def delete_responsibility(
    context: ContextDep, objective: ObjectiveKey, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Archive the team's part."""
    await RESPONSIBILITIES.archive_resource(context, f"{objective}/{team}", precondition)


@router.put(
    "/v1/objectives/{objective}/responsibilities/{team}/acceptance",
    **route_contract(Contract("playbook:write", JSON, problem_statuses=(409, 412), has_etag=True)),
)
async def put_acceptance(
    context: ContextDep,
    response: Response,
    objective: ObjectiveKey,
    team: TeamKey,
    body: AcceptancePut,
    precondition: UpdatePreconditionDep,
) -> Responsibility:
    """Accept or decline for the team. Requires a key bound to the team, or an admin key."""
    answer = ResponsibilityAnswer(objective, team, body.accepted, body.by, body.note)
    written = await playbooks.record_answer(context.service, context.actor, answer, precondition)
    return RESPONSIBILITIES.reply_to_write(context, response, written)
