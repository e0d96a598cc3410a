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
    framed,
    losses,
    show,
)
from app.api.alignment.comparison_schemas import (
    AlignmentChangesPage,
    AlignmentHistory,
    WhatIf,
    differences,
    history,
    what_if,
)
from app.api.alignment.view_schemas import (
    MOST,
    ObjectiveAlignment,
    ObjectiveAlignmentPage,
    TeamAlignment,
    TeamAlignmentPage,
    show_objective,
    show_team,
)
from app.api.http.authentication import Caller
from app.api.http.body import JSON, MIB
from app.api.http.etags import IfNoneMatch, digest, sent, shown, tag_of
from app.api.http.pagination import Pages, Paging, whole
from app.api.http.resources import ObjectiveKey, TeamKey
from app.api.http.route import Contract, declare, desk, reads, repeated
from app.api.http.schema_types import Day, Key
from app.api.playbook.document_schemas import PlaybookDocument, to_domain
from app.domain.primitives.errors import AlignmentChangedError, NotFoundError, unknown
from app.scoring.views import objective_views, pairs, team_views
from app.services.alignment import alignment, comparison
from app.services.alignment import history as alignment_history
from app.services.alignment.alignment import Answer
from app.services.runtime.context import Service

router = desk("alignment")
TEN = 10
View = TypeVar("View")


AsOf = Annotated[
    Day | SkipJsonSchema[None], Query(description="At the end of this day; without it, now.")
]
Known = Annotated[
    Day | SkipJsonSchema[None],
    Query(description="Using only what was recorded by the end of this day; without it, now."),
]


class Question(NamedTuple):
    """What is asked, as it was asked: None for what was not said."""

    playbook: str | None
    as_of: date | None
    known_at: date | None


async def _question(
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Any playbook, drafts too; without it the current one."),
    ] = None,
    as_of: AsOf = None,
    known_at: Known = None,
) -> Question:
    return Question(playbook, as_of, known_at)


Asks = Annotated[Question, Depends(_question)]


async def _answer(call: Caller, question: Asks) -> Answer:
    return await alignment.read(call.service, call.actor, *question)


Asked = Annotated[Answer, Depends(_answer)]
REPLY: Final = "alignment"


async def _again(request: Request) -> Response | None:
    """The reply to who asks again in the same words what is asked all day. None for any other question."""
    service: Service = request.app.state.service
    question = service.kept.find(REPLY, request.scope["query_string"], 0, Question)
    answer = (
        None if question is None else await alignment.kept(service, request.state.actor, *question)
    )
    reply = None if answer is None else answer.replies.get(REPLY)
    seen = request.headers.getlist("if-none-match")
    return sent(request, *reply) if reply is not None and seen in ([], [reply[1]]) else None


@router.get("/v1/alignment", response_model=Alignment, **reads("read", 404))
@repeated(_again)
async def get_alignment(
    call: Caller, request: Request, question: Asks, answer: Asked, seen: IfNoneMatch = None
) -> object:
    """How aligned the organization is: score, floor, coverage, components and the ten largest losses."""
    reply = answer.replies.get(REPLY)
    if reply is None:
        body = show(answer).model_dump_json().encode()
        reply = answer.replies[REPLY] = body, tag_of(body)
    # What the words of a question come to never changes: they are not read again.
    call.service.kept.keep(REPLY, request.scope["query_string"], 0, question, 1)
    return sent(request, *reply)


@router.get("/v1/alignment/ledger", **declare(Contract("read", problems=(404, 409), pages=True)))
async def get_ledger(response: Response, paging: Pages, answer: Asked) -> LedgerPage:
    """Every loss, largest first; with the score they sum to 1. A cursor of another version is a 409."""
    found = answer.alignment.losses
    mark = _mark(answer, [loss.points for loss in found])
    begin = _begin(paging.begin(_position), mark)
    some = found[begin : begin + paging.limit + 1]
    positions = [f"{mark} {begin + place + 1}" for place in range(len(some))]
    items, following = paging.cut(response, some, positions)
    return LedgerPage.model_validate(
        {
            **framed(answer),
            "score": answer.alignment.score,
            "floor": answer.alignment.floor,
            "items": losses(items),
            "next_cursor": following,
        }
    )


@router.get("/v1/alignment/history", **declare(Contract("read", problems=(404,))))
async def get_alignment_history(
    call: Caller,
    first: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="from", description="From this day on; without it, 89 days before."),
    ] = None,
    last: Annotated[
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
    known_at: Known = None,
) -> AlignmentHistory:
    """How aligned the organization was, day by day or week by week, each with its own day's configuration."""
    return history(
        await alignment_history.read(
            call.service, call.actor, first, last, step, playbook, known_at
        )
    )


@router.get("/v1/alignment/changes", **declare(Contract("read", problems=(404, 409), pages=True)))
async def get_alignment_changes(
    call: Caller,
    response: Response,
    paging: Pages,
    first: Annotated[
        Day, Query(alias="from", description="The day before: what stood at its end.")
    ],
    last: Annotated[
        Day | SkipJsonSchema[None],
        Query(alias="to", description="The day after; without it, today."),
    ] = None,
    playbook: Annotated[
        Key | SkipJsonSchema[None],
        Query(description="Of one playbook; without it, each day's current one."),
    ] = None,
    known_at: Known = None,
) -> AlignmentChangesPage:
    """What changed between the ends of two days: the difference of their ledgers, the largest change first."""
    found = await comparison.changes(call.service, call.actor, first, last, playbook, known_at)
    assert found.before is not None
    mark = _mark(found.after, [(one.before, one.after) for one in found.differences])
    begin = _begin(paging.begin(_position), mark)
    some = found.differences[begin : begin + paging.limit + 1]
    items, following = paging.cut(
        response, some, [f"{mark} {begin + n + 1}" for n in range(len(some))]
    )
    return AlignmentChangesPage.model_validate(
        {
            **framed(found.after),
            "before": show(found.before),
            "after": show(found.after),
            "items": differences(items),
            "next_cursor": following,
        }
    )


@router.post("/v1/alignment/what-if", **declare(Contract("read", JSON, 2 * MIB)))
async def ask_what_if(
    call: Caller,
    body: PlaybookDocument,
    as_of: AsOf = None,
    known_at: Known = None,
) -> WhatIf:
    """What the answer would be if the document were applied, against the same evidence. Nothing is stored."""
    return what_if(
        await comparison.what_if(call.service, call.actor, to_domain(body), as_of, known_at)
    )


def _mark(answer: Answer, content: object) -> str:
    """What a page is of: the version, the day, and the content, for a restated past has another at the same version."""
    frame = answer.alignment.frame
    return f"{answer.alignment.version} {frame.as_of.isoformat()} {sha256(repr(content).encode()).hexdigest()[:16]}"


def _position(after: str) -> tuple[str, int]:
    version, day, content, place = after.split(" ")
    return f"{whole(version)} {date.fromisoformat(day)} {content}", whole(place)


def _begin(after: tuple[str, int] | None, mark: str) -> int:
    """Where a page begins. Raises: AlignmentChangedError for a cursor of another answer."""
    if after is None:
        return 0
    was, place = after
    if was != mark:
        raise AlignmentChangedError(
            "The alignment has changed since the first page; start again without a cursor."
        )
    return place


def _page(
    answer: Answer,
    paging: Paging,
    response: Response,
    views: Sequence[View],
    key: Callable[[View], str],
) -> tuple[list[View], dict[str, Any]]:  # Any: the members of a page
    """The views of one page, by key, and what else the page says."""
    wanted = [view for view in views if paging.after is None or key(view) > paging.after]
    items, following = paging.cut(response, wanted, [key(view) for view in wanted])
    return items, {**framed(answer), "next_cursor": following}


@router.get("/v1/alignment/teams", **declare(Contract("read", problems=(404,), pages=True)))
async def list_team_alignments(
    response: Response, paging: Pages, answer: Asked
) -> TeamAlignmentPage:
    """The answer seen from each team, by key."""
    found, rest = _page(
        answer, paging, response, team_views(answer.snapshot), lambda view: view.team
    )
    return TeamAlignmentPage.model_validate(
        {**rest, "items": [show_team(view, TEN) for view in found]}
    )


@router.get("/v1/alignment/teams/{team}", response_model=TeamAlignment, **reads())
async def get_team_alignment(
    request: Request, response: Response, answer: Asked, team: TeamKey, seen: IfNoneMatch = None
) -> object:
    """The answer seen from one team, with its whole ledger."""
    view = _one({view.team: view for view in team_views(answer.snapshot)}, "team", team)
    reply = show_team(view, MOST)
    return shown(request, response, reply, f'"{digest(reply)}"')


@router.get("/v1/alignment/objectives", **declare(Contract("read", problems=(404,), pages=True)))
async def list_objective_alignments(
    response: Response, paging: Pages, answer: Asked
) -> ObjectiveAlignmentPage:
    """The answer seen from each active objective, by key."""
    found, rest = _page(
        answer, paging, response, objective_views(answer.snapshot), lambda view: view.objective
    )
    return ObjectiveAlignmentPage.model_validate(
        {**rest, "items": [show_objective(view, TEN) for view in found]}
    )


@router.get("/v1/alignment/objectives/{objective}", response_model=ObjectiveAlignment, **reads())
async def get_objective_alignment(
    request: Request,
    response: Response,
    answer: Asked,
    objective: ObjectiveKey,
    seen: IfNoneMatch = None,
) -> object:
    """The answer seen from one active objective, with its whole share of the ledger."""
    view = _one(
        {view.objective: view for view in objective_views(answer.snapshot)}, "objective", objective
    )
    reply = show_objective(view, MOST)
    return shown(request, response, reply, f'"{digest(reply)}"')


@router.get("/v1/alignment/pairs", **declare(Contract("read", problems=(404,), pages=True)))
async def list_team_overlaps(response: Response, paging: Pages, answer: Asked) -> TeamOverlapPage:
    """How much of the work of every two teams goes to the same objectives, by their keys."""
    found, rest = _page(
        answer, paging, response, pairs(answer.snapshot), lambda pair: f"{pair.one} {pair.other}"
    )
    items = [TeamOverlap(one=pair.one, other=pair.other, overlap=pair.overlap) for pair in found]
    return TeamOverlapPage.model_validate({**rest, "items": items})


def _one(views: dict[str, View], kind: str, key: str) -> View:
    """The view of that key. Raises: NotFoundError naming the nearest known one."""
    if key not in views:
        raise NotFoundError(unknown(kind, key, views))
    return views[key]
