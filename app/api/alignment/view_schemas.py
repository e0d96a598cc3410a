"""The answer seen from one team or one objective, as it stands on the wire."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.alignment.alignment_schemas import (
    FRAME,
    LOSS,
    ComponentName,
    Framed,
    Loss,
    Score,
    Total,
    losses,
)
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import Address, Cursor, Day, Fraction, Key, Small
from app.domain.primitives.decimals import number
from app.scoring.effort import Work
from app.scoring.evidence_links import address
from app.scoring.key_result_progress import Standing
from app.scoring.views import Bearing, ObjectiveView, TeamView

MOST = 10_000
TEAM: dict[str, Any] = {  # Any: JSON values
    "team": "sales",
    "components": [{"name": "focus", "score": 0.69, "coverage": 1.0, "applies": True}],
    "busy": True,
    "productive": None,
    "silent": False,
    "bears": [{"objective": "win-enterprise", "role": "accountable", "share": 0.5}],
    "work": {
        "events": 120,
        "effort": 120,
        "shares": [{"objective": "win-enterprise", "share": 0.69}],
        "off_playbook": 0.31,
        "other_playbook": 0.0,
    },
    "losses": [LOSS],
}
OBJECTIVE: dict[str, Any] = {  # Any: JSON values
    "objective": "win-enterprise",
    "weight": 0.5,
    "attainment": 0.8,
    "coverage": 1.0,
    "key_results": [
        {
            "key_result": "arr-2m",
            "metric": "enterprise-arr",
            "value": 760_000,
            "baseline": 0,
            "target": 2_000_000,
            "progress": 0.38,
            "expected": 0.58,
            "attainment": 0.8,
        }
    ],
    "freshness": 1.0,
    "days_since": 2,
    "newest": "2026-11-21",
    "stale": False,
    "shared_responsibility": 1.0,
    "bearers": [{"team": "sales", "role": "accountable", "share": 0.5}],
    "evidence": "/v1/events?refreshes=win-enterprise&from=2026-10-01&to=2026-11-23&as_of=2026-11-23",
    "losses": [],
}
Losses = Annotated[
    list[Loss], Field(max_length=MOST, description="Largest first; in a list only the ten largest.")
]


class TeamComponent(Shown):
    """A component narrowed to one team."""

    name: ComponentName
    score: Score
    coverage: Fraction
    applies: bool


class BorneObjective(Shown):
    """An objective that a team bears."""

    objective: Key
    role: Literal["accountable", "responsible"]
    share: Annotated[Fraction, Field(description="Its part of all that bear the objective.")]


class ObjectiveBearer(Shown):
    """A team that bears an objective."""

    team: Key
    role: Literal["accountable", "responsible"]
    share: Annotated[Fraction, Field(description="Its part of all that bear the objective.")]


class WorkShare(Shown):
    """The part of a team's work that went to an objective."""

    objective: Key
    share: Fraction


class TeamWork(Shown):
    """Where a team's work went over the focus days."""

    events: Small
    effort: Total
    shares: Annotated[list[WorkShare], Field(max_length=MOST)]
    off_playbook: Annotated[Fraction, Field(description="What served no objective.")]
    other_playbook: Annotated[Fraction, Field(description="What served another playbook.")]


class TeamAlignment(Shown):
    """The answer seen from one team."""

    team: Key
    components: Annotated[list[TeamComponent], Field(max_length=8)]
    busy: Annotated[
        bool | None, Field(description="Whether its attention per head is at or above the median.")
    ]
    productive: Annotated[
        bool | None, Field(description="Whether its productivity is a half or more.")
    ]
    silent: Annotated[
        bool, Field(description="Whether it bears an objective and nothing was heard of it.")
    ]
    bears: Annotated[list[BorneObjective], Field(max_length=MOST)]
    work: Annotated[TeamWork | None, Field(description="Null with too few events to say anything.")]
    losses: Losses

    model_config = {"json_schema_extra": example(**TEAM)}


class TeamAlignmentPage(Framed):
    """A page of teams."""

    items: Annotated[list[TeamAlignment], Field(max_length=200)]
    next_cursor: Cursor | None

    model_config = {"json_schema_extra": example(**FRAME, items=[TEAM], next_cursor=None)}


class KeyResultStanding(Shown):
    """How far a key result has come."""

    key_result: Key
    metric: Key
    value: Annotated[Total | None, Field(description="Null without an event that makes it.")]
    baseline: Total
    target: Total
    progress: Fraction
    expected: Annotated[Fraction, Field(description="How far it should be by now.")]
    attainment: Fraction


class ObjectiveAlignment(Shown):
    """The answer seen from one objective."""

    objective: Key
    weight: Annotated[Fraction, Field(description="Its part of the playbook.")]
    attainment: Fraction
    coverage: Fraction
    key_results: Annotated[list[KeyResultStanding], Field(max_length=MOST)]
    freshness: Fraction
    days_since: Annotated[Small, Field(description="Days since any evidence.")]
    newest: Annotated[Day | None, Field(description="The newest day with evidence.")]
    stale: Annotated[bool, Field(description="Whether it gathers dust, whatever its progress.")]
    shared_responsibility: Fraction
    bearers: Annotated[list[ObjectiveBearer], Field(max_length=MOST)]
    evidence: Annotated[Address, Field(description="What lists its events.")]
    losses: Losses

    model_config = {"json_schema_extra": example(**OBJECTIVE)}


class ObjectiveAlignmentPage(Framed):
    """A page of objectives."""

    items: Annotated[list[ObjectiveAlignment], Field(max_length=200)]
    next_cursor: Cursor | None

    model_config = {"json_schema_extra": example(**FRAME, items=[OBJECTIVE], next_cursor=None)}


def show_team(view: TeamView, most: int) -> TeamAlignment:
    """A team's view on the wire, with so many losses."""
    return TeamAlignment.model_validate(
        {
            "team": view.team,
            "components": [
                {name: getattr(figure, name) for name in TeamComponent.model_fields}
                for figure in view.figures
            ],
            "busy": view.quadrant.busy,
            "productive": view.quadrant.productive,
            "silent": view.silent,
            "bears": _bearings(view.bears),
            "work": None if view.work is None else _work(view.work),
            "losses": losses(view.losses[:most]),
        }
    )


def _bearings(found: Iterable[Bearing]) -> list[dict[str, Any]]:  # Any: the members of a reply
    return [{name: getattr(one, name) for name in Bearing.__slots__} for one in found]


def _work(work: Work) -> dict[str, Any]:  # Any: the members of a reply
    return {
        "events": work.events,
        "effort": number(work.effort),
        "shares": [{"objective": key, "share": share} for key, share in work.shares.items()],
        "off_playbook": work.nowhere,
        "other_playbook": work.other,
    }


def show_objective(view: ObjectiveView, most: int) -> ObjectiveAlignment:
    """An objective's view on the wire, with so many losses."""
    plain = (
        "objective",
        "weight",
        "attainment",
        "coverage",
        "freshness",
        "days_since",
        "newest",
        "stale",
    )
    return ObjectiveAlignment.model_validate(
        {
            **{name: getattr(view, name) for name in plain},
            "shared_responsibility": view.shared_responsibility,
            "key_results": [_standing(standing) for standing in view.key_results],
            "bearers": _bearings(view.bearers),
            "evidence": address(view.evidence),
            "losses": losses(view.losses[:most]),
        }
    )


def _standing(standing: Standing) -> dict[str, Any]:  # Any: the members of a reply
    result = standing.result
    return {
        "key_result": result.key,
        "metric": result.metric,
        "value": standing.value,
        "baseline": number(result.baseline),
        "target": number(result.target),
        "progress": standing.progress,
        "expected": standing.expected,
        "attainment": standing.attainment,
    }
