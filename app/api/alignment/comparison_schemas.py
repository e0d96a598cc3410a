"""Answers of many days, and two answers side by side, as they stand on the wire."""

from typing import Annotated, Any

from pydantic import Field

from app.api.alignment.alignment_schemas import (
    ALIGNMENT,
    LOSS,
    Alignment,
    Component,
    ComponentName,
    Framed,
    Loss,
    Reason,
    Restating,
    Score,
    components,
    losses,
    show,
)
from app.api.http.schema_base import Shown, example
from app.api.http.schema_types import Address, Count, Cursor, Day, Figure, Fraction, Key, Sentence
from app.scoring.ledger_diff import Difference
from app.services.alignment.comparison import Comparison
from app.services.alignment.history import MOST, History, Point

SHOWN = 200
POINT: dict[str, Any] = {  # Any: JSON values
    "as_of": "2026-11-23",
    "playbook": "fy26-q4",
    "configuration_from": None,
    "score": 0.7312,
    "floor": 0.68,
    "coverage": 0.95,
    "components": [],
}
DIFFERENCE: dict[str, Any] = {  # Any: JSON values
    **{name: value for name, value in LOSS.items() if name != "points"},
    "before": 0.012,
    "after": 0.031,
    "change": 0.019,
}


class HistoryPoint(Shown):
    """The score of one day. Null on a day without a playbook to score: all but `as_of`."""

    as_of: Day
    playbook: Key | None
    configuration_from: Annotated[
        Day | None, Field(description="The day whose configuration it uses, when another.")
    ]
    score: Score
    floor: Annotated[Fraction | None, Field(description="What had been proven.")]
    coverage: Fraction | None
    components: Annotated[list[Component], Field(max_length=8)]


class AlignmentHistory(Shown):
    """The score of many days, each with the configuration of its own."""

    known_at: Day
    version: Annotated[
        Count, Field(description="The organization's version that it was computed at.")
    ]
    restating: Restating
    items: Annotated[list[HistoryPoint], Field(max_length=MOST)]

    model_config = {
        "json_schema_extra": example(
            known_at="2026-11-23", version=1042, restating=[], items=[POINT]
        )
    }


class LossDifference(Shown):
    """How one loss changed, and of what it is; null where that kind of thing has no part in it."""

    component: ComponentName
    reason: Annotated[Reason, Field(description="Why; the words may grow.")]
    before: Annotated[Figure, Field(description="Points lost before; 0 where none were.")]
    after: Annotated[Figure, Field(description="Points lost after.")]
    change: Annotated[Figure, Field(description="Above 0: more is lost than before.")]
    team: Key | None
    objective: Key | None
    key_result: Key | None
    offering: Key | None
    metric: Key | None
    detail: Sentence
    evidence: Annotated[
        Address,
        Field(description="What lists exactly what the loss after is made of, or the one before."),
    ]

    model_config = {"json_schema_extra": example(**DIFFERENCE)}


class AlignmentChangesPage(Framed):
    """A page of what changed between the ends of two days, the largest change first."""

    before: Annotated[Alignment, Field(description="The answer at the end of the first day.")]
    after: Annotated[Alignment, Field(description="The answer at the end of the last day.")]
    items: Annotated[list[LossDifference], Field(max_length=SHOWN)]
    next_cursor: Cursor | None


class WhatIf(Shown):
    """What a document would change, the largest change first."""

    before: Annotated[
        Alignment | None, Field(description="Null when there is no such playbook yet.")
    ]
    after: Annotated[
        Alignment,
        Field(
            description="The answer with the document applied; its evidence is listed by what is really configured."
        ),
    ]
    differences: Annotated[Count, Field(description="How many losses would differ.")]
    items: Annotated[
        list[LossDifference], Field(max_length=SHOWN, description="The largest of the differences.")
    ]

    model_config = {
        "json_schema_extra": example(
            before=None, after=ALIGNMENT, differences=1, items=[DIFFERENCE]
        )
    }


def history(found: History) -> AlignmentHistory:
    """A history on the wire."""
    return AlignmentHistory(
        known_at=found.known_at,
        version=found.version,
        restating=list(found.restating),
        items=[_point(point) for point in found.points],
    )


def _point(point: Point) -> HistoryPoint:
    found = point.alignment
    if found is None:
        nothing = dict.fromkeys(("playbook", "configuration_from", "score", "floor", "coverage"))
        return HistoryPoint.model_validate({**nothing, "as_of": point.as_of, "components": []})
    return HistoryPoint.model_validate(
        {
            "as_of": point.as_of,
            "playbook": found.frame.playbook,
            "configuration_from": found.frame.configuration_from,
            "score": found.score,
            "floor": found.floor,
            "coverage": found.coverage,
            "components": components(found),
        }
    )


def differences(found: tuple[Difference, ...] | list[Difference]) -> list[LossDifference]:
    """Differences on the wire."""
    shown = losses(one.loss for one in found)
    return [_difference(loss, one) for loss, one in zip(shown, found, strict=True)]


def _difference(loss: Loss, one: Difference) -> LossDifference:
    members = {name: value for name, value in dict(loss).items() if name != "points"}
    if not one.after:  # the sentence is of a loss that is gone
        members["detail"] = f"no longer: {members['detail']}"
    return LossDifference.model_validate(
        {**members, "before": one.before, "after": one.after, "change": one.change}
    )


def what_if(found: Comparison) -> WhatIf:
    """A what-if on the wire."""
    return WhatIf(
        before=None if found.before is None else show(found.before),
        after=show(found.after),
        differences=len(found.differences),
        items=differences(found.differences[:SHOWN]),
    )
