"""Sign-offs over HTTP: a team's signature under one revision."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.etags import Change, Creation
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, AsOf, PlaybookKey, TeamKey, find, page, written
from app.api.http.route import deletes, desk, lists, puts
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import Cursor, Key, Name, Small, integer
from app.domain.playbook.playbooks import Signoff as SignoffValue
from app.services.playbook import playbooks
from app.store.playbook.configuration import Stored

router = desk("playbooks")
EXAMPLE = {"revision": 3, "by": "Ada"}


class Signoff(Shown):
    """A team's signature under one revision."""

    playbook: Key
    team: Key
    revision: Small
    by: Name
    archived: bool

    model_config = {
        "json_schema_extra": example(playbook="fy26-q4", team="sales", **EXAMPLE, archived=False)
    }


class SignoffPage(Shown):
    """A page of sign-offs."""

    items: Annotated[list[Signoff], Field(max_length=200)]
    next_cursor: Cursor | None


class SignoffPut(Given):
    """Who signs which revision for the team; only the current one can be signed."""

    revision: Annotated[int, integer(1, 2**31 - 1)]
    by: Name

    model_config = {"json_schema_extra": example(**EXAMPLE)}


def show(stored: Stored) -> Signoff:
    """A sign-off on the wire."""
    return Signoff.of(stored.value, archived=stored.archived)


@router.get("/v1/playbooks/{playbook}/signoffs", **lists())
async def list_signoffs(
    call: Caller,
    response: Response,
    playbook: PlaybookKey,
    paging: Pages,
    archived: Archived = False,
    as_of: AsOf = None,
) -> SignoffPage:
    """The sign-offs of a playbook, by team."""
    await find(call, "playbook", playbook, as_of)
    where = {"playbook": playbook}
    return SignoffPage(
        **await page(call, paging, response, "signoff", show, where, archived=archived, as_of=as_of)
    )


@router.put("/v1/playbooks/{playbook}/signoffs/{team}", **puts("playbook:write"))
async def put_signoff(
    call: Caller,
    request: Request,
    response: Response,
    playbook: PlaybookKey,
    team: TeamKey,
    body: SignoffPut,
    precondition: Creation,
) -> Signoff:
    """Signs the current revision for the team. Needs a key bound to the team, or an admin key."""
    noun = made(SignoffValue, body, playbook=playbook, team=team)
    done = await playbooks.sign(call.service, call.actor, noun, precondition)
    written(request, response, done)
    return Signoff.of(done.value, archived=False)


@router.delete("/v1/playbooks/{playbook}/signoffs/{team}", **deletes("playbook:write"))
async def delete_signoff(
    call: Caller, playbook: PlaybookKey, team: TeamKey, precondition: Change
) -> None:
    """Withdraws the sign-off. Needs a key bound to the team, or an admin key."""
    await playbooks.withdraw(call.service, call.actor, "signoff", playbook, team, precondition)
