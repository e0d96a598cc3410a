"""Playbooks over HTTP."""

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from fastapi import Request, Response
from pydantic import Field

from app.api.http.authentication import Call, Caller
from app.api.http.etags import Change, Creation, IfNoneMatch, shown, tag
from app.api.http.pagination import Pages
from app.api.http.resources import Archived, PlaybookKey, edited, find, page, written
from app.api.http.route import Contract, declare, deletes, desk, lists, patches, puts, reads
from app.api.http.schema_base import Given, Shown, example, made
from app.api.http.schema_types import Cursor, Day, Instant, Key, Name, Narrative, Small, unset
from app.domain.playbook.configuration import Noun
from app.domain.playbook.lifecycle import unpublished
from app.domain.playbook.playbooks import Playbook as PlaybookValue
from app.services.playbook import configuration, playbooks
from app.services.playbook.configuration import Written
from app.store.playbook.configuration import Stored, load

router = desk("playbooks")
COVERED: Final = ("playbook", "objective", "key_result", "responsibility", "revision")
EXAMPLE = {
    "title": "Win the enterprise",
    "narrative": "",
    "starts_on": "2026-10-01",
    "ends_on": "2026-12-31",
}
STATE = {
    "state": "published",
    "revision": 3,
    "published_at": "2026-09-28T08:00:00Z",
    "unpublished_changes": 0,
}


class Playbook(Shown):
    """A strategy for a period."""

    key: Key
    title: Name
    narrative: Narrative
    starts_on: Day
    ends_on: Annotated[Day, Field(description="The last day that belongs to it.")]
    state: Literal["draft", "published", "closed"]
    revision: Annotated[Small, Field(description="0 before the first publishing.")]
    published_at: Instant | None
    unpublished_changes: Annotated[
        Small, Field(description="How many of its parts differ from the revision.")
    ]
    archived: bool

    model_config = {"json_schema_extra": example(key="fy26-q4", **EXAMPLE, **STATE, archived=False)}


class PlaybookPage(Shown):
    """A page of playbooks."""

    items: Annotated[list[Playbook], Field(max_length=200)]
    next_cursor: Cursor | None


class PlaybookPut(Given):
    """A playbook as it shall be; it takes effect at once and shows as unpublished until the next publishing."""

    title: Name
    narrative: Narrative = ""
    starts_on: Day
    ends_on: Annotated[Day, Field(description="The last day that belongs to it.")]

    model_config = {"json_schema_extra": example(**EXAMPLE)}


class PlaybookPatch(Given):
    """What shall change in a playbook."""

    title: Name = unset()
    narrative: Narrative = unset()
    starts_on: Day = unset()
    ends_on: Day = unset()

    model_config = {"json_schema_extra": example(title="Win and keep the enterprise")}


async def _unpublished(call: Call, keys: Iterable[str]) -> dict[str, int]:
    """How many unpublished changes each of those playbooks has; none for one that is archived."""
    async with call.service.database.reading() as connection:
        found = await load(connection, call.actor.organization, COVERED)
    return {key: unpublished(found, key) if key in found.playbooks else 0 for key in keys}


async def _show(call: Call, noun: Noun) -> Playbook:
    count = await _unpublished(call, [noun.key])
    return Playbook.of(noun, archived=False, unpublished_changes=count[noun.key])


async def _reply(call: Call, response: Response, done: Written) -> Playbook:
    reply = await _show(call, done.value)
    written(call.request, response, done, reply)
    return reply


@router.get("/v1/playbooks", **lists())
async def list_playbooks(
    call: Caller, response: Response, paging: Pages, archived: Archived = False
) -> PlaybookPage:
    """The organization's playbooks, by key."""

    def same(stored: Stored) -> Stored:
        return stored

    found = await page(call, paging, response, "playbook", same, {}, archived=archived)
    counts = await _unpublished(call, [stored.value.key for stored in found["items"]])
    items = [
        Playbook.of(
            stored.value, archived=stored.archived, unpublished_changes=counts[stored.value.key]
        )
        for stored in found["items"]
    ]
    return PlaybookPage(items=items, next_cursor=found["next_cursor"])


@router.get("/v1/playbooks/{playbook}", response_model=Playbook, **reads())
async def get_playbook(
    call: Caller,
    request: Request,
    response: Response,
    playbook: PlaybookKey,
    seen: IfNoneMatch = None,
) -> object:
    """One playbook."""
    stored = await find(call, "playbook", playbook)
    reply = await _show(call, stored.value)
    return shown(request, response, reply, tag(stored.changed, reply))


@router.put("/v1/playbooks/{playbook}", **puts("playbook:write"))
async def put_playbook(
    call: Caller,
    response: Response,
    playbook: PlaybookKey,
    body: PlaybookPut,
    precondition: Creation,
) -> Playbook:
    """Creates the playbook as a draft, or replaces what it says; its state and revision stay."""
    noun = made(PlaybookValue, body, key=playbook)
    return await _reply(
        call, response, await configuration.put(call.service, call.actor, noun, precondition)
    )


@router.patch("/v1/playbooks/{playbook}", **patches("playbook:write"))
async def patch_playbook(
    call: Caller,
    response: Response,
    playbook: PlaybookKey,
    body: PlaybookPatch,
    precondition: Change,
) -> Playbook:
    """Changes what the merge patch names."""
    edit = edited(body, PlaybookValue)
    done = await configuration.patch(
        call.service, call.actor, "playbook", playbook, edit, precondition
    )
    return await _reply(call, response, done)


@router.delete("/v1/playbooks/{playbook}", **deletes("playbook:write"))
async def delete_playbook(call: Caller, playbook: PlaybookKey, precondition: Change) -> None:
    """Archives the playbook; its objectives go first."""
    await configuration.archive(call.service, call.actor, "playbook", playbook, precondition)


@router.post(
    "/v1/playbooks/{playbook}/publish",
    **declare(Contract("playbook:write", problems=(409,), etag=True)),
)
async def publish_playbook(call: Caller, response: Response, playbook: PlaybookKey) -> Playbook:
    """Publishes the next revision; without a change since the last one that one is answered."""
    return await _reply(call, response, await playbooks.publish(call.service, call.actor, playbook))


@router.post(
    "/v1/playbooks/{playbook}/close",
    **declare(Contract("playbook:write", problems=(409,), etag=True)),
)
async def close_playbook(call: Caller, response: Response, playbook: PlaybookKey) -> Playbook:
    """Closes a published playbook."""
    return await _reply(call, response, await playbooks.close(call.service, call.actor, playbook))
