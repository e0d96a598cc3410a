"""The ledger: one loss for each reason why the score is below 1."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

from app.scoring.evidence.evidence_scope import EvidenceQuery

MIN_LOSS: Final = 1e-12  # smaller losses are rounding errors


class LossExplanation(Protocol):
    """Describes losses and locates their evidence."""

    def detail(self, loss: "Loss") -> str:
        """Describe a loss in a short sentence for the people who run the strategy."""
        ...

    def evidence(self, loss: "Loss") -> EvidenceQuery:
        """Return the query for exactly the evidence of a loss."""
        ...


class Loss(NamedTuple):
    """Points missing from the score, with the reason and the resources concerned.

    A tuple, like its explanations, because a score makes thousands of them and a frozen dataclass
    takes four times as long to make. Words and addresses are made only for losses that are shown.
    """

    component: str
    reason: str
    points: float
    explanation: LossExplanation
    team: str | None = None
    objective: str | None = None
    key_result: str | None = None
    offering: str | None = None
    metric: str | None = None

    @property
    def detail(self) -> str:
        """The description of the loss."""
        return self.explanation.detail(self)

    @property
    def evidence(self) -> EvidenceQuery:
        """The query for the evidence of the loss."""
        return self.explanation.evidence(self)


# Faster than access by name.
GET_REASON: Final = itemgetter(Loss._fields.index("reason"))
GET_POINTS: Final = itemgetter(Loss._fields.index("points"))


def drop_negligible(losses: Iterable[Loss]) -> list[Loss]:
    """Return the losses of one component above rounding, sorted by reason.

    The sort is stable: components yield losses by team, objective and key result.
    """
    return sorted([loss for loss in losses if loss.points >= MIN_LOSS], key=GET_REASON)


def sort_by_points(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """Return the losses, largest first; equal ones keep their order."""
    return tuple(sorted(losses, key=GET_POINTS, reverse=True))


def scale_losses(losses: Iterable[Loss], share: float) -> list[Loss]:
    """Return a share of each loss, without negligible ones."""
    return [
        loss._replace(points=points)
        for loss in losses
        if (points := share * loss.points) >= MIN_LOSS
    ]
