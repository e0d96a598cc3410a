"""Contributions over HTTP: a team's part in writing the playbook."""

from typing import Annotated

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Caller
from app.api.http.etags import Change, Creation
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, AsOf, PlaybookKey, TeamKey, find, page, written
from app.api.http.route import deletes, desk, lists, puts
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import Cursor, Key, Name, Note
from app.domain.playbook.playbooks import Contribution as ContributionValue
from app.services.playbook import playbooks
from app.store.playbook.configuration import Stored

router = desk("playbooks")
EXAMPLE = {"by": "Ada", "note": "Wrote the part on onboarding"}


class Contribution(Shown):
    """A team's part in writing the playbook."""

    playbook: Key
    team: Key
    by: Name
    note: Note
    archived: bool

    model_config = {
        "json_schema_extra": example(playbook="fy26-q4", team="sales", **EXAMPLE, archived=False)
    }


class ContributionPage(Shown):
    """A page of contributions."""

    items: Annotated[list[Contribution], Field(max_length=200)]
    next_cursor: Cursor | None


class ContributionPut(Given):
    """Who contributed for the team."""

    by: Name
    note: Note = ""

    model_config = {"json_schema_extra": example(**EXAMPLE)}


def show(stored: Stored) -> Contribution:
    """A contribution on the wire."""
    return Contribution.of(stored.value, archived=stored.archived)


@router.get("/v1/playbooks/{playbook}/contributions", **lists())
async def list_contributions(
    call: Caller,
    response: Response,
    playbook: PlaybookKey,
    paging: Pages,
    archived: Archived = False,
    as_of: AsOf = None,
) -> ContributionPage:
    """The contributions of a playbook, by team."""
    await find(call, "playbook", playbook, as_of)
    where = {"playbook": playbook}
    return ContributionPage(
        **await page(
            call, paging, response, "contribution", show, where, archived=archived, as_of=as_of
        )
    )


@router.put("/v1/playbooks/{playbook}/contributions/{team}", **puts("playbook:write"))
async def put_contribution(
    call: Caller,
    request: Request,
    response: Response,
    playbook: PlaybookKey,
    team: TeamKey,
    body: ContributionPut,
    precondition: Creation,
) -> Contribution:
    """Says that the team has contributed. Needs a key bound to the team, or an admin key."""
    noun = made(ContributionValue, body, playbook=playbook, team=team)
    done = await playbooks.contribute(call.service, call.actor, noun, precondition)
    written(request, response, done)
    return Contribution.of(done.value, archived=False)


@router.delete("/v1/playbooks/{playbook}/contributions/{team}", **deletes("playbook:write"))
async def delete_contribution(
    call: Caller, playbook: PlaybookKey, team: TeamKey, precondition: Change
) -> None:
    """Withdraws the contribution. Needs a key bound to the team, or an admin key."""
    await playbooks.withdraw(call.service, call.actor, "contribution", playbook, team, precondition)
