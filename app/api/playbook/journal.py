"""The endpoint of the journal: every change of configuration."""

from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.api.http.authentication import ContextDep
from app.api.http.pagination import PagingDep, parse_integer
from app.api.http.route import create_router, list_contract
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import Count, Cursor, Day, FreeObject, Instant, text
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter, JournalRecord

router = create_router("journal")
ResourceKind = Annotated[str, text(40, 1, r"^[a-z_]+$")]
ResourceKey = Annotated[str, text(140, 1)]
ActorName = Annotated[str, text(300, 1)]
Action = Literal["create", "update", "restore", "archive", "rotate", "restate", "replay", "erase"]


class JournalEntry(ResponseModel):
    """One change of the configuration."""

    version: Annotated[Count, Field(description="The organization's version after the change.")]
    at: Instant
    actor: ActorName
    kind: ResourceKind
    key: ResourceKey
    action: Action
    before: Annotated[FreeObject | None, Field(description="Null if there was nothing before.")]
    after: Annotated[FreeObject | None, Field(description="Null if there is nothing after.")]

    model_config = {
        "json_schema_extra": json_schema_example(
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


class JournalPage(ResponseModel):
    """A page of the journal."""

    items: Annotated[list[JournalEntry], Field(max_length=200)]
    next_cursor: Cursor | None


def _to_entry_fields(change: JournalRecord) -> dict[str, Any]:  # Any: the members of a reply
    return {
        **{slot_name: getattr(change, slot_name) for slot_name in JournalRecord.__slots__},
        "version": change.seq,
    }


def _parse_position(cursor_position: str) -> tuple[int, int]:
    seq, position = cursor_position.split(" ")
    return parse_integer(seq), parse_integer(position, 2**31)


@router.get("/v1/journal", **list_contract())
async def list_journal(
    context: ContextDep,
    paging: PagingDep,
    *,
    kind: Annotated[
        ResourceKind | SkipJsonSchema[None],
        Query(description="Only changes of this kind."),
    ] = None,
    key: Annotated[
        ResourceKey | SkipJsonSchema[None], Query(description="Only changes of this key.")
    ] = None,
    actor: Annotated[
        ActorName | SkipJsonSchema[None], Query(description="Only changes by this actor.")
    ] = None,
    first_day: Annotated[
        Day | SkipJsonSchema[None], Query(alias="from", description="The first day.")
    ] = None,
    last_day: Annotated[
        Day | SkipJsonSchema[None], Query(alias="to", description="The last day.")
    ] = None,
) -> JournalPage:
    """List changes of configuration, replays and erasures, newest first, without secrets."""
    after = paging.start_position(_parse_position)
    journal_filter = JournalFilter(kind, key, actor, first_day, last_day)
    async with context.service.database.read_transaction() as connection:
        changes = await journal.list_journal_records(
            connection, context.actor.organization, journal_filter, after, paging.limit + 1
        )
    positions = [f"{change.seq} {change.position}" for change in changes]
    page_entries, next_cursor = paging.paginate(
        [JournalEntry.model_validate(_to_entry_fields(change)) for change in changes],
        positions,
    )
    return JournalPage(items=page_entries, next_cursor=next_cursor)
