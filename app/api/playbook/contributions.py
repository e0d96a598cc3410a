"""Contributions over HTTP: a team's part in writing the playbook."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import ContextDep
from app.api.http.etags import UpdatePreconditionDep, WritePreconditionDep
from app.api.http.pagination import PagingDep
from app.api.http.resources import (
    AsOf,
    IncludeArchived,
    PlaybookKey,
    TeamKey,
    find_resource,
    list_page,
    set_write_headers,
)
from app.api.http.route import create_router, delete_contract, list_contract, put_contract
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import Cursor, Key, Name, Note
from app.domain.playbook.playbooks import Contribution as ContributionValue
from app.services.playbook import playbooks
from app.store.playbook.configuration import StoredResource

router = create_router("playbooks")
EXAMPLE = {"by": "Ada", "note": "Wrote the part on onboarding"}


class Contribution(ResponseModel):
    """A team's part in writing the playbook."""

    playbook: Key
    team: Key
    by: Name
    note: Note
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            playbook="fy26-q4", team="sales", **EXAMPLE, archived=False
        )
    }


class ContributionPage(ResponseModel):
    """A page of contributions."""

    items: Annotated[list[Contribution], Field(max_length=200)]
    next_cursor: Cursor | None


class ContributionPut(RequestModel):
    """Who contributed for the team."""

    by: Name
    note: Note = ""

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


def to_contribution(stored: StoredResource) -> Contribution:
    """A contribution on the wire."""
    return Contribution.from_domain(stored.resource, archived=stored.is_archived)


@router.get("/v1/playbooks/{playbook}/contributions", **list_contract())
async def list_contributions(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    paging: PagingDep,
    archived: IncludeArchived = False,
    as_of: AsOf = None,
) -> ContributionPage:
    """The contributions of a playbook, by team."""
    await find_resource(context, "playbook", playbook, as_of)
    equals = {"playbook": playbook}
    return ContributionPage(
        **await list_page(
            context,
            paging,
            response,
            "contribution",
            to_contribution,
            equals,
            archived=archived,
            as_of=as_of,
        )
    )


@router.put("/v1/playbooks/{playbook}/contributions/{team}", **put_contract("playbook:write"))
async def put_contribution(
    context: ContextDep,
    request: Request,
    response: Response,
    playbook: PlaybookKey,
    team: TeamKey,
    body: ContributionPut,
    precondition: WritePreconditionDep,
) -> Contribution:
    """Says that the team has contributed. Needs a key bound to the team, or an admin key."""
    contribution = to_domain(ContributionValue, body, playbook=playbook, team=team)
    write_result = await playbooks.record_contribution(
        context.service, context.actor, contribution, precondition
    )
    set_write_headers(request, response, write_result)
    return Contribution.from_domain(write_result.resource, archived=False)


@router.delete("/v1/playbooks/{playbook}/contributions/{team}", **delete_contract("playbook:write"))
async def delete_contribution(
    context: ContextDep, playbook: PlaybookKey, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Withdraws the contribution. Needs a key bound to the team, or an admin key."""
    await playbooks.withdraw_participation(
        context.service, context.actor, "contribution", playbook, team, precondition
    )
