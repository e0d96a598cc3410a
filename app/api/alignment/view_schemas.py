"""The schemas of the alignment by team and by objective."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from app.api.alignment.alignment_schemas import (
    EXAMPLE_FRAME,
    EXAMPLE_LOSS,
    ComponentName,
    FramedModel,
    Loss,
    Score,
    UnboundedNumber,
    to_losses,
)
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import Address, Cursor, Day, Fraction, Int32, Key
from app.domain.primitives.decimals import to_json_number
from app.scoring.effort import TeamEffort
from app.scoring.key_result_progress import KeyResultStanding as KeyResultStandingValue
from app.scoring.views import Bearing, ObjectiveView, TeamView
from app.services.alignment.evidence_urls import to_url

MAX_ENTITIES = 10_000
EXAMPLE_TEAM: dict[str, Any] = {  # Any: JSON values
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
    "losses": [EXAMPLE_LOSS],
}
EXAMPLE_OBJECTIVE: dict[str, Any] = {  # Any: JSON values
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
    "evidence": "/v1/events?refreshes=win-enterprise"
    "&from=2026-10-01&to=2026-11-23&as_of=2026-11-23",
    "losses": [],
}
LossList = Annotated[
    list[Loss],
    Field(max_length=MAX_ENTITIES, description="Largest first. A list has only the ten largest."),
]


class TeamComponent(ResponseModel):
    """A component, computed for one team."""

    name: ComponentName
    score: Score
    coverage: Fraction
    applies: bool


class BorneObjective(ResponseModel):
    """An objective that a team bears."""

    objective: Key
    role: Literal["accountable", "responsible"]
    share: Annotated[
        Fraction, Field(description="Its share among all teams that bear the objective.")
    ]


class ObjectiveBearer(ResponseModel):
    """A team that bears an objective."""

    team: Key
    role: Literal["accountable", "responsible"]
    share: Annotated[
        Fraction, Field(description="Its share among all teams that bear the objective.")
    ]


class WorkShare(ResponseModel):
    """The part of a team's work that went to an objective."""

    objective: Key
    share: Fraction


class TeamWork(ResponseModel):
    """The distribution of a team's work over the focus days."""

    events: Int32
    effort: UnboundedNumber
    shares: Annotated[list[WorkShare], Field(max_length=MAX_ENTITIES)]
    off_playbook: Annotated[Fraction, Field(description="The share that served no objective.")]
    other_playbook: Annotated[
        Fraction, Field(description="The share that served another playbook.")
    ]


class TeamAlignment(ResponseModel):
    """The alignment of one team."""

    team: Key
    components: Annotated[list[TeamComponent], Field(max_length=8)]
    busy: Annotated[
        bool | None, Field(description="Whether its work per head is at or above the median.")
    ]
    productive: Annotated[
        bool | None, Field(description="Whether its productivity is at least one half.")
    ]
    silent: Annotated[bool, Field(description="Whether it bears an objective but has no events.")]
    bears: Annotated[list[BorneObjective], Field(max_length=MAX_ENTITIES)]
    work: Annotated[TeamWork | None, Field(description="Null if there are too few events.")]
    losses: LossList

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_TEAM)}


class TeamAlignmentPage(FramedModel):
    """A page of teams."""

    items: Annotated[list[TeamAlignment], Field(max_length=200)]
    next_cursor: Cursor | None

    model_config = {
        "json_schema_extra": json_schema_example(
            **EXAMPLE_FRAME, items=[EXAMPLE_TEAM], next_cursor=None
        )
    }


class KeyResultStanding(ResponseModel):
    """The progress of a key result."""

    key_result: Key
    metric: Key
    value: Annotated[UnboundedNumber | None, Field(description="Null if no event counts for it.")]
    baseline: UnboundedNumber
    target: UnboundedNumber
    progress: Fraction
    expected: Annotated[Fraction, Field(description="The progress expected by now.")]
    attainment: Fraction


class ObjectiveAlignment(ResponseModel):
    """The alignment of one objective."""

    objective: Key
    weight: Annotated[Fraction, Field(description="Its share of the playbook.")]
    attainment: Fraction
    coverage: Fraction
    key_results: Annotated[list[KeyResultStanding], Field(max_length=MAX_ENTITIES)]
    freshness: Fraction
    days_since: Annotated[Int32, Field(description="Days since any evidence.")]
    newest: Annotated[Day | None, Field(description="The newest day with evidence.")]
    stale: Annotated[bool, Field(description="Whether its evidence is older than the cadence.")]
    shared_responsibility: Fraction
    bearers: Annotated[list[ObjectiveBearer], Field(max_length=MAX_ENTITIES)]
    evidence: Annotated[Address, Field(description="The address that lists its events.")]
    losses: LossList

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_OBJECTIVE)}


class ObjectiveAlignmentPage(FramedModel):
    """A page of objectives."""

    items: Annotated[list[ObjectiveAlignment], Field(max_length=200)]
    next_cursor: Cursor | None

    model_config = {
        "json_schema_extra": json_schema_example(
            **EXAMPLE_FRAME, items=[EXAMPLE_OBJECTIVE], next_cursor=None
        )
    }


def to_team_alignment(view: TeamView, max_losses: int) -> TeamAlignment:
    """Convert the view of a team to a reply, with at most `max_losses` losses."""
    return TeamAlignment.model_validate(
        {
            "team": view.team,
            "components": [
                {
                    field_name: getattr(figure, field_name)
                    for field_name in TeamComponent.model_fields
                }
                for figure in view.figures
            ],
            "busy": view.quadrant.is_busy,
            "productive": view.quadrant.is_productive,
            "silent": view.is_silent,
            "bears": _to_bearings(view.bearings),
            "work": None if view.team_effort is None else _to_team_work(view.team_effort),
            "losses": to_losses(view.losses[:max_losses]),
        }
    )


def _to_bearings(
    bearings: Iterable[Bearing],
) -> list[dict[str, Any]]:  # Any: the members of a reply
    return [
        {slot_name: getattr(bearing, slot_name) for slot_name in Bearing.__slots__}
        for bearing in bearings
    ]


def _to_team_work(effort: TeamEffort) -> dict[str, Any]:  # Any: the members of a reply
    return {
        "events": effort.events,
        "effort": to_json_number(effort.effort),
        "shares": [
            {"objective": objective_key, "share": share}
            for objective_key, share in effort.shares.items()
        ],
        "off_playbook": effort.unassigned_share,
        "other_playbook": effort.other_playbook_share,
    }


def to_objective_alignment(view: ObjectiveView, max_losses: int) -> ObjectiveAlignment:
    """Convert the view of an objective to a reply, with at most `max_losses` losses."""
    copied_names = (
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
            **{copied_name: getattr(view, copied_name) for copied_name in copied_names},
            "shared_responsibility": view.shared_responsibility,
            "key_results": [
                _to_key_result_standing(key_result_standing)
                for key_result_standing in view.key_results
            ],
            "bearers": _to_bearings(view.bearers),
            "evidence": to_url(view.evidence),
            "losses": to_losses(view.losses[:max_losses]),
        }
    )


def _to_key_result_standing(
    key_result_standing: KeyResultStandingValue,
) -> dict[str, Any]:  # Any: the members of a reply
    key_result = key_result_standing.key_result
    return {
        "key_result": key_result.key,
        "metric": key_result.metric,
        "value": key_result_standing.value,
        "baseline": to_json_number(key_result.baseline),
        "target": to_json_number(key_result.target),
        "progress": key_result_standing.progress,
        "expected": key_result_standing.expected,
        "attainment": key_result_standing.attainment,
    }
