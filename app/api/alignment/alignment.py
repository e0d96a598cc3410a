"""The computed answer over HTTP: the score, its ledger, and the views on it."""

from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

from fastapi import Depends, Query, Request, Response
from pydantic.json_schema import SkipJsonSchema

from app.api.alignment.alignment_schemas import (
    Alignment,
    LedgerPage,
    TeamOverlap,
    TeamOverlapPage,
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
from app.api.alignment.view_schemas import (
    MAX_ENTITIES,
    ObjectiveAlignment,
    ObjectiveAlignmentPage,
    TeamAlignment,
    TeamAlignmentPage,
    to_objective_alignment,
    to_team_alignment,
)
from app.api.http.authentication import ContextDep
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, body_etag, json_with_etag, short_digest, with_etag
from app.api.http.pagination import Paging, PagingDep, parse_integer
from app.api.http.resources import ObjectiveKey, TeamKey
from app.api.http.route import (
    Contract,
    create_router,
    read_contract,
    route_contract,
    with_cached_reply,
)
from app.api.http.schema_types import Day, Key
from app.api.playbook.document_schemas import PlaybookDocument, to_document
from app.domain.primitives.errors import AlignmentChangedError, NotFoundError, unknown_key_message
from app.scoring.views import build_objective_views, build_team_pairs, build_team_views
from app.services.alignment import alignment, comparison
from app.services.alignment import history as alignment_history
from app.services.alignment.alignment import AlignmentResult
from app.services.runtime.context import ServiceContext

router = create_router("alignment")
MAX_LISTED_LOSSES = 10
View = TypeVar("View")


AsOf = Annotated[
    Day | SkipJsonSchema[None], Query(description="At the end of this day; without it, now.")
]
KnownAt = Annotated[
    Day | SkipJsonSchema[None],
    Query(description="Using only what was recorded by the end of this day; without it, now."),
]


class AlignmentQuery(NamedTuple):
    """What is asked, as it was asked: None for what was not said."""

    playbook: str | None
    as_of: date | None
    known_at: date | None


async def _read_query(
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Any playbook, drafts too; without it the current one."),
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


async def _get_cached_reply(request: Request) -> Response | None:
    """The reply to who asks again in the same words what is asked all day. None for any other question."""
    service: ServiceContext = request.app.state.service
    query = service.answer_cache.get(REPLY_CACHE, request.scope["query_string"], 0, AlignmentQuery)
    alignment_result = (
        None if query is None else await alignment.get_cached(service, request.state.actor, *query)
    )
    reply = None if alignment_result is None else alignment_result.cached_replies.get(REPLY_CACHE)
    if_none_match = request.headers.getlist("if-none-match")
    return (
        json_with_etag(request, *reply)
        if reply is not None and if_none_match in ([], [reply[1]])
        else None
    )


@router.get("/v1/alignment", response_model=Alignment, **read_contract("read", 404))
@with_cached_reply(_get_cached_reply)
async def get_alignment(
    context: ContextDep,
    request: Request,
    query: AlignmentQueryDep,
    alignment_result: AlignmentResultDep,
    if_none_match: IfNoneMatch = None,
) -> object:
    """How aligned the organization is: score, floor, coverage, components and the ten largest losses."""
    reply = alignment_result.cached_replies.get(REPLY_CACHE)
    if reply is None:
        body = to_alignment(alignment_result).model_dump_json().encode()
        reply = alignment_result.cached_replies[REPLY_CACHE] = body, body_etag(body)
    # What the words of a question come to never changes: they are not read again.
    context.service.answer_cache.put(REPLY_CACHE, request.scope["query_string"], 0, query, 1)
    return json_with_etag(request, *reply)


@router.get(
    "/v1/alignment/ledger",
    **route_contract(Contract("read", problem_statuses=(404, 409), is_paginated=True)),
)
async def get_ledger(
    response: Response, paging: PagingDep, alignment_result: AlignmentResultDep
) -> LedgerPage:
    """Every loss, largest first; with the score they sum to 1. A cursor of another version is a 409."""
    ledger = alignment_result.alignment.losses
    fingerprint = _result_fingerprint(alignment_result, [loss.points for loss in ledger])
    start = _start_index(paging.start_position(_parse_position), fingerprint)
    candidates = ledger[start : start + paging.limit + 1]
    positions = [f"{fingerprint} {start + offset + 1}" for offset in range(len(candidates))]
    page_losses, next_cursor = paging.paginate(response, candidates, positions)
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
        Query(alias="from", description="From this day on; without it, 89 days before."),
    ] = None,
    last_day: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="to", description="The last day; without it, today."),
    ] = None,
    step: Annotated[
        Literal["day", "week"],
        Query(description="A point each day, or every seventh day back from the last one."),
    ] = "day",
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Of one playbook; without it, each day's current one."),
    ] = None,
    known_at: KnownAt = None,
) -> AlignmentHistory:
    """How aligned the organization was, day by day or week by week, each with its own day's configuration."""
    return to_history(
        await alignment_history.get_history(
            context.service, context.actor, first_day, last_day, step, playbook, known_at
        )
    )


@router.get(
    "/v1/alignment/changes",
    **route_contract(Contract("read", problem_statuses=(404, 409), is_paginated=True)),
)
async def get_alignment_changes(
    context: ContextDep,
    response: Response,
    paging: PagingDep,
    first_day: Annotated[
        Day, Query(alias="from", description="The day before: what stood at its end.")
    ],
    last_day: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="to", description="The day after; without it, today."),
    ] = None,
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Of one playbook; without it, each day's current one."),
    ] = None,
    known_at: KnownAt = None,
) -> AlignmentChangesPage:
    """What changed between the ends of two days: the difference of their ledgers, the largest change first."""
    compared = await comparison.compare_days(
        context.service, context.actor, first_day, last_day, playbook, known_at
    )
    assert compared.before is not None
    fingerprint = _result_fingerprint(
        compared.after,
        [
            (difference.points_before, difference.points_after)
            for difference in compared.differences
        ],
    )
    start = _start_index(paging.start_position(_parse_position), fingerprint)
    candidates = compared.differences[start : start + paging.limit + 1]
    page_differences, next_cursor = paging.paginate(
        response,
        candidates,
        [f"{fingerprint} {start + offset + 1}" for offset in range(len(candidates))],
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
    """What the answer would be if the document were applied, against the same evidence. Nothing is stored."""
    return to_what_if(
        await comparison.evaluate_what_if(
            context.service, context.actor, to_document(body), as_of, known_at
        )
    )


def _result_fingerprint(alignment_result: AlignmentResult, content: object) -> str:
    """What a page is of: the version, the day, and the content, for a restated past has another at the same version."""
    frame = alignment_result.alignment.frame
    return f"{alignment_result.alignment.version} {frame.as_of.isoformat()} {sha256(repr(content).encode()).hexdigest()[:16]}"


def _parse_position(cursor_position: str) -> tuple[str, int]:
    version, day, content, index = cursor_position.split(" ")
    return f"{parse_integer(version)} {date.fromisoformat(day)} {content}", parse_integer(index)


def _start_index(position: tuple[str, int] | None, fingerprint: str) -> int:
    """Where a page begins. Raises: AlignmentChangedError for a cursor of another answer."""
    if position is None:
        return 0
    cursor_fingerprint, index = position
    if cursor_fingerprint != fingerprint:
        raise AlignmentChangedError(
            "The alignment has changed since the first page; start again without a cursor."
        )
    return index


def _paginate_views(
    alignment_result: AlignmentResult,
    paging: Paging,
    response: Response,
    views: Sequence[View],
    key_of: Callable[[View], str],
) -> tuple[list[View], dict[str, Any]]:  # Any: the members of a page
    """The views of one page, by key, and what else the page says."""
    remaining_views = [
        view for view in views if paging.after is None or key_of(view) > paging.after
    ]
    page_views, next_cursor = paging.paginate(
        response, remaining_views, [key_of(view) for view in remaining_views]
    )
    return page_views, {**frame_fields(alignment_result), "next_cursor": next_cursor}


@router.get(
    "/v1/alignment/teams",
    **route_contract(Contract("read", problem_statuses=(404,), is_paginated=True)),
)
async def list_team_alignments(
    response: Response, paging: PagingDep, alignment_result: AlignmentResultDep
) -> TeamAlignmentPage:
    """The answer seen from each team, by key."""
    views, page_fields = _paginate_views(
        alignment_result,
        paging,
        response,
        build_team_views(alignment_result.snapshot),
        lambda view: view.team,
    )
    return TeamAlignmentPage.model_validate(
        {**page_fields, "items": [to_team_alignment(view, MAX_LISTED_LOSSES) for view in views]}
    )


@router.get("/v1/alignment/teams/{team}", response_model=TeamAlignment, **read_contract())
async def get_team_alignment(
    request: Request,
    response: Response,
    alignment_result: AlignmentResultDep,
    team: TeamKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """The answer seen from one team, with its whole ledger."""
    view = _find_view(
        {view.team: view for view in build_team_views(alignment_result.snapshot)}, "team", team
    )
    reply = to_team_alignment(view, MAX_ENTITIES)
    return with_etag(request, response, reply, f'"{short_digest(reply)}"')


@router.get(
    "/v1/alignment/objectives",
    **route_contract(Contract("read", problem_statuses=(404,), is_paginated=True)),
)
async def list_objective_alignments(
    response: Response, paging: PagingDep, alignment_result: AlignmentResultDep
) -> ObjectiveAlignmentPage:
    """The answer seen from each active objective, by key."""
    views, page_fields = _paginate_views(
        alignment_result,
        paging,
        response,
        build_objective_views(alignment_result.snapshot),
        lambda view: view.objective,
    )
    return ObjectiveAlignmentPage.model_validate(
        {
            **page_fields,
            "items": [to_objective_alignment(view, MAX_LISTED_LOSSES) for view in views],
        }
    )


@router.get(
    "/v1/alignment/objectives/{objective}", response_model=ObjectiveAlignment, **read_contract()
)
async def get_objective_alignment(
    request: Request,
    response: Response,
    alignment_result: AlignmentResultDep,
    objective: ObjectiveKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """The answer seen from one active objective, with its whole share of the ledger."""
    view = _find_view(
        {view.objective: view for view in build_objective_views(alignment_result.snapshot)},
        "objective",
        objective,
    )
    reply = to_objective_alignment(view, MAX_ENTITIES)
    return with_etag(request, response, reply, f'"{short_digest(reply)}"')


@router.get(
    "/v1/alignment/pairs",
    **route_contract(Contract("read", problem_statuses=(404,), is_paginated=True)),
)
async def list_team_overlaps(
    response: Response, paging: PagingDep, alignment_result: AlignmentResultDep
) -> TeamOverlapPage:
    """How much of the work of every two teams goes to the same objectives, by their keys."""
    overlaps, page_fields = _paginate_views(
        alignment_result,
        paging,
        response,
        build_team_pairs(alignment_result.snapshot),
        lambda pair: f"{pair.first_team} {pair.second_team}",
    )
    page_overlaps = [
        TeamOverlap(one=pair.first_team, other=pair.second_team, overlap=pair.overlap)
        for pair in overlaps
    ]
    return TeamOverlapPage.model_validate({**page_fields, "items": page_overlaps})


def _find_view(views: dict[str, View], kind: str, key: str) -> View:
    """The view of that key. Raises: NotFoundError naming the nearest known one."""
    if key not in views:
        raise NotFoundError(unknown_key_message(kind, key, views))
    return views[key]
