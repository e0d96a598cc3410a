"""The ledger: one entry for each reason why the score is not 1."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

from app.scoring.evidence_links import EvidenceQuery

MIN_LOSS: Final = 1e-12  # what is smaller is rounding, not a loss


class LossExplanation(Protocol):
    """What can tell losses in words and say where their evidence is."""

    def detail(self, loss: "Loss") -> str:
        """A short sentence for a person who runs the strategy."""
        ...

    def evidence(self, loss: "Loss") -> EvidenceQuery:
        """What lists exactly what the loss is made of."""
        ...


class Loss(NamedTuple):
    """Points missing from the score, why, and of what. None when that kind of thing has no part in it."""

    # A tuple and not a dataclass, here and in what accounts for losses: a score makes thousands of them, and a frozen
    # dataclass takes four times as long to make. Words and addresses are made only for those that are shown.
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
        """The loss in words."""
        return self.explanation.detail(self)

    @property
    def evidence(self) -> EvidenceQuery:
        """What lists exactly what the loss is made of."""
        return self.explanation.evidence(self)


GET_REASON, GET_POINTS = (
    itemgetter(Loss._fields.index(field_name)) for field_name in ("reason", "points")
)  # quicker than by name


def drop_negligible(losses: Iterable[Loss]) -> list[Loss]:
    """One component's losses that are more than rounding, by reason.

    Components yield them by what they concern, team before objective before key result; so within a reason they stay.
    """
    return sorted([loss for loss in losses if loss.points >= MIN_LOSS], key=GET_REASON)


def sort_by_points(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses, largest first; equal ones in the order in which they came."""
    return tuple(sorted(losses, key=GET_POINTS, reverse=True))


def scale_losses(losses: Iterable[Loss], share: float) -> list[Loss]:
    """A share of each of the losses, without those too small to be one."""
    return [
        loss._replace(points=points)
        for loss in losses
        if (points := share * loss.points) >= MIN_LOSS
    ]
