"""The endpoints of the alignment: score, ledger, history, and views by team and objective."""

from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Annotated, Final, Literal, NamedTuple, TypeVar

from fastapi import Depends, Query, Response
from pydantic.json_schema import SkipJsonSchema

from app.api.alignment.alignment_schemas import (
    Alignment,
    LedgerPage,
    frame_fields,
    to_alignment,
    to_losses,
)
from app.api.alignment.comparison_schemas import (
    AlignmentChangesPage,
    AlignmentHistory,
    WhatIf,
    to_differences,
    to_history,
    to_what_if,
)
from app.api.http.authentication import ContextDep, RequestContext
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, body_etag, json_with_etag
from app.api.http.pagination import Paging, PagingDep, parse_integer
from app.api.http.route import Contract, create_router, route_contract
from app.api.http.schema_types import Day, Key
from app.api.playbook.document_schemas import PlaybookDocument, to_document
from app.domain.primitives.errors import AlignmentChangedError
from app.services.alignment import alignment, comparison, history
from app.services.alignment.alignment import AlignmentResult
from app.services.alignment.history import HistoryQuery

router = create_router("alignment")
LedgerRow = TypeVar("LedgerRow")

AsOf = Annotated[
    Day | SkipJsonSchema[None],
    Query(description="The day at whose end it is computed. Default: now."),
]
KnownAt = Annotated[
    Day | SkipJsonSchema[None],
    Query(description="Use only what was recorded by the end of this day. Default: now."),
]


class AlignmentQuery(NamedTuple):
    """The query parameters of an alignment; None for those that were left out."""

    playbook: str | None
    as_of: date | None
    known_at: date | None


async def _read_query(
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Any playbook, also a draft. Default: the current one."),
    ] = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> AlignmentQuery:
    return AlignmentQuery(playbook, as_of, known_at)


AlignmentQueryDep = Annotated[AlignmentQuery, Depends(_read_query)]


async def _load_alignment(context: ContextDep, query: AlignmentQueryDep) -> AlignmentResult:
    return await alignment.get_alignment(context.service, context.actor, *query)


AlignmentResultDep = Annotated[AlignmentResult, Depends(_load_alignment)]
REPLY_CACHE: Final = "alignment"


async def _find_cached_reply(context: RequestContext) -> Response | None:
    """Return the cached reply to a query string that was sent before, or None.

    A query string always means the same `AlignmentQuery`, so its parsing is cached without a
    version. The reply itself is cached at the alignment, which has one.
    """
    query = context.service.answer_cache.get(
        REPLY_CACHE, context.request.scope["query_string"], 0, AlignmentQuery
    )
    if query is None:
        return None
    alignment_result = await alignment.get_cached(context.service, context.actor, *query)
    if alignment_result is None or REPLY_CACHE not in alignment_result.cached_replies:
        return None
    body, etag = alignment_result.cached_replies[REPLY_CACHE]
    if context.request.headers.getlist("if-none-match") not in ([], [etag]):
        return None  # other tags are parsed, and may be refused, by the endpoint
    return json_with_etag(context.request, body, etag)


@router.get(
    "/v1/alignment",
    response_model=Alignment,
    **route_contract(
        Contract(
            "read",
            problem_statuses=(404,),
            has_etag=True,
            find_cached_reply=_find_cached_reply,
        )
    ),
)
async def get_alignment(
    context: ContextDep,
    query: AlignmentQueryDep,
    alignment_result: AlignmentResultDep,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Compute the alignment: score, floor, coverage, components and the ten largest losses."""
    reply = alignment_result.cached_replies.get(REPLY_CACHE)
    if reply is None:
        body = to_alignment(alignment_result).model_dump_json().encode()
        reply = body, body_etag(body)
        alignment_result.cached_replies[REPLY_CACHE] = reply
    context.service.answer_cache.put(
        REPLY_CACHE, context.request.scope["query_string"], 0, query, 1
    )
    return json_with_etag(context.request, *reply)


@router.get(
    "/v1/alignment/ledger",
    **route_contract(Contract("read", problem_statuses=(404, 409), is_paginated=True)),
)
async def get_ledger(paging: PagingDep, alignment_result: AlignmentResultDep) -> LedgerPage:
    """List all losses, largest first. Score and losses sum to 1.

    A cursor of another version of the ledger is a 409.
    """
    ledger = alignment_result.alignment.losses
    page_losses, next_cursor = _paginate_ledger(
        alignment_result, paging, ledger, [loss.points for loss in ledger]
    )
    return LedgerPage.model_validate(
        {
            **frame_fields(alignment_result),
            "score": alignment_result.alignment.score,
            "floor": alignment_result.alignment.floor,
            "items": to_losses(page_losses),
            "next_cursor": next_cursor,
        }
    )


@router.get("/v1/alignment/history", **route_contract(Contract("read", problem_statuses=(404,))))
async def get_alignment_history(
    context: ContextDep,
    first_day: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="from", description="The first day. Default: 89 days before the last."),
    ] = None,
    last_day: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="to", description="The last day. Default: today."),
    ] = None,
    step: Annotated[
        Literal["day", "week"],
        Query(description="One point a day, or one every seventh day back from the last."),
    ] = "day",
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="The playbook. Default: the current one of each day."),
    ] = None,
    known_at: KnownAt = None,
) -> AlignmentHistory:
    """Compute the score of every day or week, with the configuration of each day."""
    return to_history(
        await history.get_history(
            context.service,
            context.actor,
            HistoryQuery(first_day, last_day, step, playbook, known_at),
        )
    )


@router.get(
    "/v1/alignment/changes",
    **route_contract(Contract("read", problem_statuses=(404, 409), is_paginated=True)),
)
async def get_alignment_changes(
    context: ContextDep,
    paging: PagingDep,
    first_day: Annotated[
        Day, Query(alias="from", description="The day at whose end the comparison starts.")
    ],
    last_day: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="to", description="The day at whose end the comparison ends. Default: today."),
    ] = None,
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="The playbook. Default: the current one of each day."),
    ] = None,
    known_at: KnownAt = None,
) -> AlignmentChangesPage:
    """Compare the ledgers at the end of two days, the largest change first."""
    compared = await comparison.compare_days(
        context.service, context.actor, first_day, last_day, playbook, known_at
    )
    assert compared.before is not None
    page_differences, next_cursor = _paginate_ledger(
        compared.after,
        paging,
        compared.differences,
        [
            (difference.points_before, difference.points_after)
            for difference in compared.differences
        ],
    )
    return AlignmentChangesPage.model_validate(
        {
            **frame_fields(compared.after),
            "before": to_alignment(compared.before),
            "after": to_alignment(compared.after),
            "items": to_differences(page_differences),
            "next_cursor": next_cursor,
        }
    )


@router.post("/v1/alignment/what-if", **route_contract(Contract("read", JSON, 2 * MIB)))
async def ask_what_if(
    context: ContextDep,
    body: PlaybookDocument,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> WhatIf:
    """Compute the alignment with the document applied, on the same evidence. Nothing is stored."""
    return to_what_if(
        await comparison.evaluate_what_if(
            context.service, context.actor, to_document(body), as_of, known_at
        )
    )


def _paginate_ledger(
    alignment_result: AlignmentResult, paging: Paging, ledger: Sequence[LedgerRow], points: object
) -> tuple[list[LedgerRow], str | None]:
    """Return the entries of one page of a ledger, and the next cursor.

    A cursor is an index into the ledger, and the fingerprint of that ledger. The fingerprint has
    the version, the day and the points. The version alone is not enough, because the restatement
    of a metric changes a past day without a new version.

    Raises: AlignmentChangedError for a cursor of another ledger.
    """
    frame = alignment_result.alignment.frame
    points_digest = sha256(repr(points).encode()).hexdigest()[:16]
    fingerprint = f"{alignment_result.alignment.version} {frame.as_of.isoformat()} {points_digest}"
    position = paging.start_position(_parse_position)
    start = 0
    if position is not None:
        cursor_fingerprint, start = position
        if cursor_fingerprint != fingerprint:
            raise AlignmentChangedError(
                "The alignment has changed since the first page; start again without a cursor."
            )
    candidates = ledger[start : start + paging.limit + 1]
    positions = [f"{fingerprint} {start + offset + 1}" for offset in range(len(candidates))]
    return paging.paginate(candidates, positions)


def _parse_position(cursor_position: str) -> tuple[str, int]:
    version, day, points_digest, index = cursor_position.split(" ")
    fingerprint = f"{parse_integer(version)} {date.fromisoformat(day)} {points_digest}"
    return fingerprint, parse_integer(index)
