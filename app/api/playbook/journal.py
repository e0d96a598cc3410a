"""The journal over HTTP: every change of configuration."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import Caller
from app.api.http.pagination import Pages, whole
from app.api.http.route import desk, lists
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import Count, Cursor, Day, FreeObject, Instant, text
from app.store.playbook import journal
from app.store.playbook.journal import Entry, JournalFilter

router = desk("journal")
Kind = Annotated[str, text(40, 1, r"^[a-z_]+$")]
Named = Annotated[str, text(140, 1)]
Actor = Annotated[str, text(300, 1)]
Action = Literal["create", "update", "restore", "archive", "rotate", "restate", "replay", "erase"]


class JournalEntry(Shown):
    """One change: who, when, what, before and after."""

    version: Annotated[Count, Field(description="The organization's version that the change made.")]
    at: Instant
    actor: Actor
    kind: Kind
    key: Named
    action: Action
    before: Annotated[FreeObject | None, Field(description="Null when there was nothing before.")]
    after: Annotated[FreeObject | None, Field(description="Null when there is nothing after.")]

    model_config = {
        "json_schema_extra": example(
            version=17,
            at="2026-10-01T09:00:00Z",
            actor="operator",
            kind="team",
            key="sales",
            action="update",
            before={"key": "sales", "name": "Sales", "function": "sales", "size": 12},
            after={"key": "sales", "name": "Sales", "function": "sales", "size": 14},
        )
    }


class JournalPage(Shown):
    """A page of the journal."""

    items: Annotated[list[JournalEntry], Field(max_length=200)]
    next_cursor: Cursor | None


def _show(entry: Entry) -> dict[str, Any]:  # Any: the members of a reply
    return {**{name: getattr(entry, name) for name in Entry.__slots__}, "version": entry.seq}


def _position(after: str) -> tuple[int, int]:
    seq, position = after.split(" ")
    return whole(seq), whole(position, 2**31)


@router.get("/v1/journal", **lists())
async def list_journal(
    call: Caller,
    response: Response,
    paging: Pages,
    kind: Annotated[
        Kind | SkipJsonSchema[None], Query(description="Only changes of this kind of thing.")
    ] = None,
    key: Annotated[
        Named | SkipJsonSchema[None], Query(description="Only changes of what has this key.")
    ] = None,
    actor: Annotated[
        Actor | SkipJsonSchema[None], Query(description="Only changes by this actor.")
    ] = None,
    first: Annotated[
        Day | SkipJsonSchema[None], Query(alias="from", description="From this day on.")
    ] = None,
    last: Annotated[
        Day | SkipJsonSchema[None], Query(alias="to", description="Up to and with this day.")
    ] = None,
) -> JournalPage:
    """Every change of configuration, and what was replayed or erased, newest first; never a secret."""
    after = paging.begin(_position)
    wanted = JournalFilter(kind, key, actor, first, last)
    async with call.service.database.reading() as connection:
        found = await journal.page(
            connection, call.actor.organization, wanted, after, paging.limit + 1
        )
    positions = [f"{entry.seq} {entry.position}" for entry in found]
    items, following = paging.cut(
        response, [JournalEntry.model_validate(_show(entry)) for entry in found], positions
    )
    return JournalPage(items=items, next_cursor=following)
