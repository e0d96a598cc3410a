"""The endpoints of the alignment by team, by objective and by pair of teams."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response

from app.api.alignment.alignment import AlignmentResultDep
from app.api.alignment.alignment_schemas import (
    MAX_LISTED_LOSSES,
    TeamOverlap,
    TeamOverlapPage,
    frame_fields,
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
from app.api.http.etags import IfNoneMatch, short_digest, with_etag
from app.api.http.pagination import Paging, PagingDep
from app.api.http.resources import ObjectiveKey, TeamKey
from app.api.http.route import Contract, create_router, read_contract, route_contract
from app.api.http.schema_base import ResponseModel
from app.domain.primitives.errors import NotFoundError, unknown_key_message
from app.scoring.views import build_objective_views, build_team_pairs, build_team_views
from app.services.alignment.alignment import AlignmentResult

router = create_router("alignment")
View = TypeVar("View")


def _view_page(
    alignment_result: AlignmentResult,
    paging: Paging,
    views: Sequence[View],
    key_of: Callable[[View], str],
    to_model: Callable[[View], ResponseModel],
) -> dict[str, Any]:  # Any: the members of a page
    """Return the members of one page of views, which are sorted by key."""
    remaining_views = [
        view for view in views if paging.after is None or key_of(view) > paging.after
    ]
    page_views, next_cursor = paging.paginate(
        remaining_views, [key_of(view) for view in remaining_views]
    )
    return {
        **frame_fields(alignment_result),
        "items": [to_model(view) for view in page_views],
        "next_cursor": next_cursor,
    }


@router.get(
    "/v1/alignment/teams",
    **route_contract(Contract("read", problem_statuses=(404,), is_paginated=True)),
)
async def list_team_alignments(
    paging: PagingDep, alignment_result: AlignmentResultDep
) -> TeamAlignmentPage:
    """List the alignment of each team, by key."""
    return TeamAlignmentPage.model_validate(
        _view_page(
            alignment_result,
            paging,
            build_team_views(alignment_result.snapshot),
            lambda view: view.team,
            lambda view: to_team_alignment(view, MAX_LISTED_LOSSES),
        )
    )


@router.get("/v1/alignment/teams/{team}", response_model=TeamAlignment, **read_contract())
async def get_team_alignment(
    request: Request,
    response: Response,
    alignment_result: AlignmentResultDep,
    team: TeamKey,
    if_none_match: IfNoneMatch = None,
) -> object:
    """Return the alignment of one team, with all its losses."""
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
    paging: PagingDep, alignment_result: AlignmentResultDep
) -> ObjectiveAlignmentPage:
    """List the alignment of each active objective, by key."""
    return ObjectiveAlignmentPage.model_validate(
        _view_page(
            alignment_result,
            paging,
            build_objective_views(alignment_result.snapshot),
            lambda view: view.objective,
            lambda view: to_objective_alignment(view, MAX_LISTED_LOSSES),
        )
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
    """Return the alignment of one active objective, with all its losses."""
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
    paging: PagingDep, alignment_result: AlignmentResultDep
) -> TeamOverlapPage:
    """List how much of the work of two teams goes to the same objectives, for all pairs."""
    return TeamOverlapPage.model_validate(
        _view_page(
            alignment_result,
            paging,
            build_team_pairs(alignment_result.snapshot),
            lambda pair: f"{pair.first_team} {pair.second_team}",
            lambda pair: TeamOverlap(
                one=pair.first_team, other=pair.second_team, overlap=pair.overlap
            ),
        )
    )


def _find_view(views: dict[str, View], kind: str, key: str) -> View:
    """Return the view of a key. Raises: NotFoundError, naming the most similar key."""
    if key not in views:
        raise NotFoundError(unknown_key_message(kind, key, views))
    return views[key]
