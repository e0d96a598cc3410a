"""The schemas of the history, of the changes between two days, and of a what-if."""

from typing import Annotated, Any

from pydantic import Field

from app.api.alignment.alignment_schemas import (
    EXAMPLE_ALIGNMENT,
    EXAMPLE_LOSS,
    Alignment,
    Component,
    ComponentName,
    FramedModel,
    Loss,
    Reason,
    RestatingMetrics,
    Score,
    to_alignment,
    to_components,
    to_losses,
)
from app.api.http.schema_base import ResponseModel, json_schema_example
from app.api.http.schema_types import (
    Address,
    Count,
    Cursor,
    Day,
    Fraction,
    Key,
    LongText,
    SignedFraction,
)
from app.scoring.ledger_diff import LedgerDifference
from app.services.alignment.comparison import Comparison
from app.services.alignment.history import MAX_POINTS, ScoreHistory, ScorePoint

MAX_LISTED_DIFFERENCES = 200
EXAMPLE_POINT: dict[str, Any] = {  # Any: JSON values
    "as_of": "2026-11-23",
    "playbook": "fy26-q4",
    "configuration_from": None,
    "score": 0.7312,
    "floor": 0.68,
    "coverage": 0.95,
    "components": [],
}
EXAMPLE_DIFFERENCE: dict[str, Any] = {  # Any: JSON values
    **{name: value for name, value in EXAMPLE_LOSS.items() if name != "points"},
    "before": 0.012,
    "after": 0.031,
    "change": 0.019,
}


class HistoryPoint(ResponseModel):
    """The score of one day. On a day without a playbook, only `as_of` is not null."""

    as_of: Day
    playbook: Key | None
    configuration_from: Annotated[
        Day | None, Field(description="The day whose configuration is used; null: `as_of`.")
    ]
    score: Score
    floor: Annotated[
        Fraction | None, Field(description="The part of the score that evidence proved.")
    ]
    coverage: Fraction | None
    components: Annotated[list[Component], Field(max_length=8)]


class AlignmentHistory(ResponseModel):
    """The score of many days, each with its own configuration."""

    known_at: Day
    version: Annotated[Count, Field(description="The organization's version at the computation.")]
    restating: RestatingMetrics
    items: Annotated[list[HistoryPoint], Field(max_length=MAX_POINTS)]

    model_config = {
        "json_schema_extra": json_schema_example(
            known_at="2026-11-23", version=1042, restating=[], items=[EXAMPLE_POINT]
        )
    }


class LossDifference(ResponseModel):
    """The change of one loss. Members that do not apply are null."""

    component: ComponentName
    reason: Annotated[Reason, Field(description="The reason. New reasons may be added.")]
    before: Annotated[SignedFraction, Field(description="Points lost before; 0 if none were.")]
    after: Annotated[SignedFraction, Field(description="Points lost after.")]
    change: Annotated[
        SignedFraction, Field(description="The points lost after, minus those before.")
    ]
    team: Key | None
    objective: Key | None
    key_result: Key | None
    offering: Key | None
    metric: Key | None
    detail: LongText
    evidence: Annotated[
        Address,
        Field(
            description="The address that lists what the loss after, or else before, consists of."
        ),
    ]

    model_config = {"json_schema_extra": json_schema_example(**EXAMPLE_DIFFERENCE)}


class AlignmentChangesPage(FramedModel):
    """A page of the changes between the ends of two days, largest first."""

    before: Annotated[Alignment, Field(description="The alignment at the end of the first day.")]
    after: Annotated[Alignment, Field(description="The alignment at the end of the last day.")]
    items: Annotated[list[LossDifference], Field(max_length=MAX_LISTED_DIFFERENCES)]
    next_cursor: Cursor | None


class WhatIf(ResponseModel):
    """The changes that a document would cause, largest first."""

    before: Annotated[
        Alignment | None, Field(description="Null if the playbook does not exist yet.")
    ]
    after: Annotated[
        Alignment,
        Field(
            description=(
                "The alignment with the document applied. Evidence addresses use the stored "
                "configuration."
            )
        ),
    ]
    differences: Annotated[Count, Field(description="How many losses would differ.")]
    items: Annotated[
        list[LossDifference],
        Field(max_length=MAX_LISTED_DIFFERENCES, description="The largest differences."),
    ]

    model_config = {
        "json_schema_extra": json_schema_example(
            before=None, after=EXAMPLE_ALIGNMENT, differences=1, items=[EXAMPLE_DIFFERENCE]
        )
    }


def to_history(alignment_history: ScoreHistory) -> AlignmentHistory:
    """Convert a history to a reply."""
    return AlignmentHistory(
        known_at=alignment_history.known_at,
        version=alignment_history.version,
        restating=list(alignment_history.restating_metrics),
        items=[_to_point(point) for point in alignment_history.points],
    )


def _to_point(point: ScorePoint) -> HistoryPoint:
    alignment = point.alignment
    if alignment is None:
        null_fields = dict.fromkeys(
            ("playbook", "configuration_from", "score", "floor", "coverage")
        )
        return HistoryPoint.model_validate({**null_fields, "as_of": point.as_of, "components": []})
    return HistoryPoint.model_validate(
        {
            "as_of": point.as_of,
            "playbook": alignment.frame.playbook,
            "configuration_from": alignment.frame.configuration_from,
            "score": alignment.score,
            "floor": alignment.floor,
            "coverage": alignment.coverage,
            "components": to_components(alignment),
        }
    )


def to_differences(
    ledger_differences: tuple[LedgerDifference, ...] | list[LedgerDifference],
) -> list[LossDifference]:
    """Convert the differences of two ledgers to the members of a reply."""
    loss_models = to_losses(difference.loss for difference in ledger_differences)
    return [
        _to_difference(loss, difference)
        for loss, difference in zip(loss_models, ledger_differences, strict=True)
    ]


def _to_difference(loss: Loss, difference: LedgerDifference) -> LossDifference:
    loss_fields = {
        member_name: member for member_name, member in dict(loss).items() if member_name != "points"
    }
    if not difference.points_after:  # the detail describes a loss that no longer exists
        loss_fields["detail"] = f"no longer: {loss_fields['detail']}"
    return LossDifference.model_validate(
        {
            **loss_fields,
            "before": difference.points_before,
            "after": difference.points_after,
            "change": difference.change,
        }
    )


def to_what_if(comparison: Comparison) -> WhatIf:
    """Convert a what-if to a reply."""
    return WhatIf(
        before=None if comparison.before is None else to_alignment(comparison.before),
        after=to_alignment(comparison.after),
        differences=len(comparison.differences),
        items=to_differences(comparison.differences[:MAX_LISTED_DIFFERENCES]),
    )
