"""The endpoints of the statements of a team about a playbook: contributions and sign-offs."""

from datetime import date
from typing import Annotated, Any

from fastapi import Response
from pydantic import Field

from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.etags import UpdatePreconditionDep, WritePreconditionDep
from app.api.http.pagination import Paging, PagingDep
from app.api.http.resources import (
    AsOf,
    IncludeArchived,
    KeyedResource,
    PlaybookKey,
    TeamKey,
    find_resource,
)
from app.api.http.route import create_router, delete_contract, list_contract, put_contract
from app.api.http.schema_base import RequestModel, ResponseModel, json_schema_example, to_domain
from app.api.http.schema_types import Cursor, Int32, Key, Name, Note, integer
from app.domain.playbook.playbooks import Contribution as ContributionValue
from app.domain.playbook.playbooks import Signoff as SignoffValue
from app.services.playbook import playbooks

router = create_router("playbooks")
EXAMPLE_CONTRIBUTION = {"by": "Ada", "note": "Wrote the part on onboarding"}
EXAMPLE_SIGNOFF = {"revision": 3, "by": "Ada"}


class Contribution(ResponseModel):
    """A team's part in writing the playbook."""

    playbook: Key
    team: Key
    by: Name
    note: Note
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            playbook="fy26-q4", team="sales", **EXAMPLE_CONTRIBUTION, archived=False
        )
    }


class ContributionPage(ResponseModel):
    """A page of contributions."""

    items: Annotated[list[Contribution], Field(max_length=200)]
    next_cursor: Cursor | None


class ContributionPut(RequestModel):
    """A contribution to record."""

    by: Name
    note: Note = ""

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_CONTRIBUTION)}


class Signoff(ResponseModel):
    """A team's signature under one revision."""

    playbook: Key
    team: Key
    revision: Int32
    by: Name
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            playbook="fy26-q4", team="sales", **EXAMPLE_SIGNOFF, archived=False
        )
    }


class SignoffPage(ResponseModel):
    """A page of sign-offs."""

    items: Annotated[list[Signoff], Field(max_length=200)]
    next_cursor: Cursor | None


class SignoffPut(RequestModel):
    """A sign-off. Only the current revision can be signed."""

    revision: Annotated[int, integer(1, 2**31 - 1)]
    by: Name

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_SIGNOFF)}


CONTRIBUTIONS = KeyedResource("contribution", Contribution)
SIGNOFFS = KeyedResource("signoff", Signoff)


async def _list_statements(
    context: RequestContext,
    paging: Paging,
    statements: KeyedResource[Contribution] | KeyedResource[Signoff],
    playbook: str,
    *,
    archived: bool,
    as_of: date | None,
) -> dict[str, Any]:  # Any: the members of a page
    await find_resource(context, "playbook", playbook, as_of)
    return await statements.list_page(
        context, paging, {"playbook": playbook}, archived=archived, as_of=as_of
    )


@router.get("/v1/playbooks/{playbook}/contributions", **list_contract())
async def list_contributions(
    context: ContextDep,
    playbook: PlaybookKey,
    paging: PagingDep,
    archived: IncludeArchived = False,
    as_of: AsOf = None,
) -> ContributionPage:
    """List the contributions to a playbook, by team."""
    return ContributionPage(
        **await _list_statements(
            context, paging, CONTRIBUTIONS, playbook, archived=archived, as_of=as_of
        )
    )


@router.put("/v1/playbooks/{playbook}/contributions/{team}", **put_contract("playbook:write"))
async def put_contribution(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    team: TeamKey,
    body: ContributionPut,
    precondition: WritePreconditionDep,
) -> Contribution:
    """Record that the team contributed. Requires a key bound to the team, or an admin key."""
    contribution = to_domain(ContributionValue, body, playbook=playbook, team=team)
    written = await playbooks.record_contribution(
        context.service, context.actor, contribution, precondition
    )
    return CONTRIBUTIONS.reply_to_write(context, response, written)


@router.delete("/v1/playbooks/{playbook}/contributions/{team}", **delete_contract("playbook:write"))
async def delete_contribution(
    context: ContextDep, playbook: PlaybookKey, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Withdraw the contribution. Requires a key bound to the team, or an admin key."""
    await playbooks.withdraw_participation(
        context.service, context.actor, "contribution", playbook, team, precondition
    )


@router.get("/v1/playbooks/{playbook}/signoffs", **list_contract())
async def list_signoffs(
    context: ContextDep,
    playbook: PlaybookKey,
    paging: PagingDep,
    archived: IncludeArchived = False,
    as_of: AsOf = None,
) -> SignoffPage:
    """List the sign-offs of a playbook, by team."""
    return SignoffPage(
        **await _list_statements(
            context, paging, SIGNOFFS, playbook, archived=archived, as_of=as_of
        )
    )


@router.put("/v1/playbooks/{playbook}/signoffs/{team}", **put_contract("playbook:write"))
async def put_signoff(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    team: TeamKey,
    body: SignoffPut,
    precondition: WritePreconditionDep,
) -> Signoff:
    """Sign the current revision. Requires a key bound to the team, or an admin key."""
    signoff = to_domain(SignoffValue, body, playbook=playbook, team=team)
    written = await playbooks.record_signoff(context.service, context.actor, signoff, precondition)
    return SIGNOFFS.reply_to_write(context, response, written)


@router.delete("/v1/playbooks/{playbook}/signoffs/{team}", **delete_contract("playbook:write"))
async def delete_signoff(
    context: ContextDep, playbook: PlaybookKey, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Withdraw the sign-off. Requires a key bound to the team, or an admin key."""
    await playbooks.withdraw_participation(
        context.service, context.actor, "signoff", playbook, team, precondition
    )
