"""The difference of two ledgers: what was lost before and what is lost after, by what it concerns."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.scoring.ledger import LEAST, Loss

Place = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """How one loss changed. Units: points of the score; `change` above 0 is more lost.

    Shape: `loss` is the one after, or the one before where nothing is lost any more.
    """

    loss: Loss
    before: float
    after: float

    @property
    def change(self) -> float:
        """The points that are lost besides, or less than 0 where some were won."""
        return self.after - self.before


def difference(before: Iterable[Loss], after: Iterable[Loss]) -> tuple[Difference, ...]:
    """What differs by more than rounding, the largest change first."""
    was, now = ({place(loss): loss for loss in losses} for losses in (before, after))
    found = [
        Difference(
            now[key] if key in now else was[key],
            was[key].points if key in was else 0.0,
            now[key].points if key in now else 0.0,
        )
        for key in sorted(was.keys() | now.keys())
    ]
    some = [one for one in found if abs(one.change) >= LEAST]
    return tuple(sorted(some, key=lambda one: -abs(one.change)))


def place(loss: Loss) -> Place:
    """What a loss concerns: no two of one ledger concern the same."""
    about = (loss.team, loss.objective, loss.key_result, loss.offering, loss.metric)
    return (loss.component, loss.reason, *(name or "" for name in about))  # type: ignore[return-value]  # seven of them
