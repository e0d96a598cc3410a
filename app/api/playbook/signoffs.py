"""Sign-offs over HTTP: a team's signature under one revision."""

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
from app.api.http.schema_types import Cursor, Int32, Key, Name, integer
from app.domain.playbook.playbooks import Signoff as SignoffValue
from app.services.playbook import playbooks
from app.store.playbook.configuration import StoredResource

router = create_router("playbooks")
EXAMPLE = {"revision": 3, "by": "Ada"}


class Signoff(ResponseModel):
    """A team's signature under one revision."""

    playbook: Key
    team: Key
    revision: Int32
    by: Name
    archived: bool

    model_config = {
        "json_schema_extra": json_schema_example(
            playbook="fy26-q4", team="sales", **EXAMPLE, archived=False
        )
    }


class SignoffPage(ResponseModel):
    """A page of sign-offs."""

    items: Annotated[list[Signoff], Field(max_length=200)]
    next_cursor: Cursor | None


class SignoffPut(RequestModel):
    """Who signs which revision for the team; only the current one can be signed."""

    revision: Annotated[int, integer(1, 2**31 - 1)]
    by: Name

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE)}


def to_signoff(stored: StoredResource) -> Signoff:
    """A sign-off on the wire."""
    return Signoff.from_domain(stored.resource, archived=stored.is_archived)


@router.get("/v1/playbooks/{playbook}/signoffs", **list_contract())
async def list_signoffs(
    context: ContextDep,
    response: Response,
    playbook: PlaybookKey,
    paging: PagingDep,
    archived: IncludeArchived = False,
    as_of: AsOf = None,
) -> SignoffPage:
    """The sign-offs of a playbook, by team."""
    await find_resource(context, "playbook", playbook, as_of)
    equals = {"playbook": playbook}
    return SignoffPage(
        **await list_page(
            context, paging, response, "signoff", to_signoff, equals, archived=archived, as_of=as_of
        )
    )


@router.put("/v1/playbooks/{playbook}/signoffs/{team}", **put_contract("playbook:write"))
async def put_signoff(
    context: ContextDep,
    request: Request,
    response: Response,
    playbook: PlaybookKey,
    team: TeamKey,
    body: SignoffPut,
    precondition: WritePreconditionDep,
) -> Signoff:
    """Signs the current revision for the team. Needs a key bound to the team, or an admin key."""
    signoff = to_domain(SignoffValue, body, playbook=playbook, team=team)
    write_result = await playbooks.record_signoff(
        context.service, context.actor, signoff, precondition
    )
    set_write_headers(request, response, write_result)
    return Signoff.from_domain(write_result.resource, archived=False)


@router.delete("/v1/playbooks/{playbook}/signoffs/{team}", **delete_contract("playbook:write"))
async def delete_signoff(
    context: ContextDep, playbook: PlaybookKey, team: TeamKey, precondition: UpdatePreconditionDep
) -> None:
    """Withdraws the sign-off. Needs a key bound to the team, or an admin key."""
    await playbooks.withdraw_participation(
        context.service, context.actor, "signoff", playbook, team, precondition
    )
