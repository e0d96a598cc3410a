"""The schemas of the alignment, its components and its ledger."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import (
    Address,
    Count,
    Cursor,
    Day,
    Fraction,
    Int32,
    Key,
    LongText,
    ShownNumber,
    SignedFraction,
    text,
)
from app.domain.primitives.decimals import to_json_number
from app.scoring.ledger import Loss as LossValue
from app.scoring.result import Alignment as AlignmentValue
from app.services.alignment.alignment import AlignmentResult
from app.services.alignment.evidence_urls import to_url

ComponentName = Literal[
    "playbook",
    "shared_responsibility",
    "focus",
    "outcomes",
    "freshness",
    "productivity",
    "deliverability",
    "agreement",
]
Reason = Annotated[str, text(40, 1, r"^[a-z_]+$")]
UnboundedNumber = Annotated[int | float, WithJsonSchema({"type": "number", "format": "double"})]
Score = Annotated[Fraction | None, Field(description="Null if there is not enough evidence.")]
MAX_LISTED_LOSSES = 10
EXAMPLE_LOSS: dict[str, Any] = {  # Any: JSON values
    "component": "focus",
    "reason": "off_playbook",
    "points": 0.031,
    "team": "sales",
    "objective": None,
    "key_result": None,
    "offering": None,
    "metric": None,
    "detail": "31% of the recorded work of sales served no objective",
    "evidence": "/v1/events?team=sales&off_playbook=fy26-q4"
    "&from=2026-10-27&to=2026-11-23&as_of=2026-11-23",
}
EXAMPLE_FRAME: dict[str, Any] = {
    "as_of": "2026-11-23",
    "known_at": "2026-11-23",
    "version": 1042,
}  # Any: JSON values


class Loss(ResponseModel):
    """Points missing from the score, with the reason. Members that do not apply are null."""

    component: ComponentName
    reason: Annotated[Reason, Field(description="The reason. New reasons may be added.")]
    points: Annotated[
        SignedFraction, Field(description="The points lost, as a fraction of the whole score.")
    ]
    team: Key | None
    objective: Key | None
    key_result: Key | None
    offering: Key | None
    metric: Key | None
    detail: LongText
    evidence: Annotated[
        Address, Field(description="The address that lists exactly what the loss consists of.")
    ]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_LOSS)}


class Component(ResponseModel):
    """One component of the score."""

    name: ComponentName
    score: Score
    weight: ShownNumber
    coverage: Fraction
    applies: Annotated[bool, Field(description="Whether it applies to this organization.")]
    lost: Annotated[
        SignedFraction, Field(description="The points that the component costs the score.")
    ]
    summary: LongText


EXAMPLE_ALIGNMENT: dict[str, Any] = {  # Any: JSON values
    **EXAMPLE_FRAME,
    "method": "1",
    "playbook": "fy26-q4",
    "revision": 3,
    "unpublished_changes": 0,
    "configuration_from": None,
    "score": 0.7312,
    "floor": 0.68,
    "coverage": 0.95,
    "weakest": "focus",
    "silent_teams": ["marketing"],
    "other_current": [],
    "restating": [],
    "components": [
        {
            "name": "outcomes",
            "score": 0.66,
            "weight": 30,
            "coverage": 1.0,
            "applies": True,
            "lost": 0.102,
            "summary": "2 of 5 key results are behind pace",
        }
    ],
    "losses": [EXAMPLE_LOSS],
}
RestatingMetrics = Annotated[
    list[Key],
    Field(
        max_length=10_000,
        description="Redefined metrics whose history is still being restated.",
    ),
]


class FramedModel(ResponseModel):
    """The members that every computed reply has."""

    as_of: Day
    known_at: Day
    version: Annotated[
        Count,
        Field(description="The organization's version at the end of `known_at`."),
    ]


class Alignment(FramedModel):
    """The alignment of the organization, with the largest losses."""

    method: Annotated[str, text(10, 1)]
    playbook: Key
    revision: Int32
    unpublished_changes: Int32
    configuration_from: Annotated[
        Day | None, Field(description="The day whose configuration is used; null: `as_of`.")
    ]
    score: Score
    floor: Annotated[Fraction, Field(description="The part of the score that evidence proves.")]
    coverage: Fraction
    weakest: ComponentName | None
    silent_teams: Annotated[list[Key], Field(max_length=10_000)]
    other_current: Annotated[list[Key], Field(max_length=10_000)]
    restating: RestatingMetrics
    components: Annotated[list[Component], Field(max_length=8)]
    losses: Annotated[list[Loss], Field(max_length=MAX_LISTED_LOSSES)]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_ALIGNMENT)}


class LedgerPage(FramedModel):
    """A page of the ledger: every loss, largest first."""

    score: Score
    floor: Fraction
    items: Annotated[list[Loss], Field(max_length=200)]
    next_cursor: Cursor | None

    model_config = {
        "json_schema_extra": json_schema_example(
            **EXAMPLE_FRAME, score=0.7312, floor=0.68, items=[EXAMPLE_LOSS], next_cursor=None
        )
    }


class TeamOverlap(ResponseModel):
    """The share of the work of two teams that goes to the same objectives."""

    one: Key
    other: Key
    overlap: Fraction


class TeamOverlapPage(FramedModel):
    """A page of pairs of teams."""

    items: Annotated[list[TeamOverlap], Field(max_length=200)]
    next_cursor: Cursor | None

    model_config = {
        "json_schema_extra": json_schema_example(
            **EXAMPLE_FRAME,
            items=[{"one": "marketing", "other": "sales", "overlap": 0.42}],
            next_cursor=None,
        )
    }


def frame_fields(
    alignment_result: AlignmentResult,
) -> dict[str, Any]:  # Any: the members of a reply
    """Return the members that state the days and the version of a reply."""
    frame = alignment_result.alignment.frame
    return {
        "as_of": frame.as_of,
        "known_at": frame.known_at,
        "version": alignment_result.alignment.version,
    }


def to_losses(ledger: Iterable[LossValue]) -> list[Loss]:
    """Convert losses to the members of a reply."""
    return [
        Loss(
            component=loss.component,  # type: ignore[arg-type]  # it is one of them
            reason=loss.reason,
            points=loss.points,
            team=loss.team,
            objective=loss.objective,
            key_result=loss.key_result,
            offering=loss.offering,
            metric=loss.metric,
            detail=loss.detail,
            evidence=to_url(loss.evidence),
        )
        for loss in ledger
    ]


def to_components(
    alignment: AlignmentValue,
) -> list[dict[str, Any]]:  # Any: the members of components
    """Convert the components of an alignment to the members of a reply."""
    names = ("name", "score", "coverage", "applies", "summary")
    return [
        {
            **{field_name: getattr(component, field_name) for field_name in names},
            "lost": component.lost_points,
            "weight": to_json_number(component.weight),
        }
        for component in alignment.components
    ]


def to_alignment(alignment_result: AlignmentResult) -> Alignment:
    """Convert an alignment to a reply."""
    alignment = alignment_result.alignment
    copied_fields = {
        field_name: getattr(alignment, field_name)
        for field_name in ("method", "score", "floor", "coverage", "weakest")
    }
    return Alignment.model_validate(
        {
            **frame_fields(alignment_result),
            **copied_fields,
            "playbook": alignment_result.playbook.key,
            "revision": alignment_result.playbook.revision,
            "unpublished_changes": alignment_result.unpublished_changes,
            "configuration_from": alignment.frame.configuration_from,
            "silent_teams": list(alignment.silent_teams),
            "other_current": list(alignment_result.other_playbooks),
            "restating": list(alignment_result.restating_metrics),
            "components": to_components(alignment),
            "losses": to_losses(alignment.losses[:MAX_LISTED_LOSSES]),
        }
    )
