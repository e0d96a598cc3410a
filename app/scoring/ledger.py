"""The ledger: one entry for each reason why the score is not 1."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Final, NamedTuple, Protocol

from app.scoring.evidence_links import Evidence

LEAST: Final = 1e-12  # what is smaller is rounding, not a loss


class Account(Protocol):
    """What can tell losses in words and say where their evidence is."""

    def detail(self, loss: "Loss") -> str:
        """A short sentence for a person who runs the strategy."""
        ...

    def evidence(self, loss: "Loss") -> Evidence:
        """What lists exactly what the loss is made of."""
        ...


class Loss(NamedTuple):
    """Points missing from the score, why, and of what. None when that kind of thing has no part in it."""

    # A tuple and not a dataclass, here and in what accounts for losses: a score makes thousands of them, and a frozen
    # dataclass takes four times as long to make. Words and addresses are made only for those that are shown.
    component: str
    reason: str
    points: float
    account: Account
    team: str | None = None
    objective: str | None = None
    key_result: str | None = None
    offering: str | None = None
    metric: str | None = None

    @property
    def detail(self) -> str:
        """The loss in words."""
        return self.account.detail(self)

    @property
    def evidence(self) -> Evidence:
        """What lists exactly what the loss is made of."""
        return self.account.evidence(self)


REASON, POINTS = (
    itemgetter(Loss._fields.index(name)) for name in ("reason", "points")
)  # quicker than by name


def entered(losses: Iterable[Loss]) -> list[Loss]:
    """One component's losses that are more than rounding, by reason.

    Components yield them by what they concern, team before objective before key result; so within a reason they stay.
    """
    return sorted([loss for loss in losses if loss.points >= LEAST], key=REASON)


def ordered(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses, largest first; equal ones in the order in which they came."""
    return tuple(sorted(losses, key=POINTS, reverse=True))


def part(losses: Iterable[Loss], share: float) -> list[Loss]:
    """A share of each of the losses, without those too small to be one."""
    return [
        loss._replace(points=points) for loss in losses if (points := share * loss.points) >= LEAST
    ]
