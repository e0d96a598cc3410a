"""The difference of two ledgers."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.scoring.ledger import MIN_LOSS, Loss

LossKey = tuple[str, str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class LedgerDifference:
    """The change of one loss, in points of the score."""

    # The later loss, or the earlier one if nothing is lost any more.
    loss: Loss
    points_before: float
    points_after: float

    @property
    def change(self) -> float:
        """The points lost in addition; negative for points gained."""
        return self.points_after - self.points_before


def diff_ledgers(before: Iterable[Loss], after: Iterable[Loss]) -> tuple[LedgerDifference, ...]:
    """Return the changes above rounding, the largest first."""
    previous, current = ({loss_key(loss): loss for loss in losses} for losses in (before, after))
    differences = [
        LedgerDifference(
            current[ledger_key] if ledger_key in current else previous[ledger_key],
            previous[ledger_key].points if ledger_key in previous else 0.0,
            current[ledger_key].points if ledger_key in current else 0.0,
        )
        for ledger_key in sorted(previous.keys() | current.keys())
    ]
    significant_differences = [
        candidate for candidate in differences if abs(candidate.change) >= MIN_LOSS
    ]
    return tuple(sorted(significant_differences, key=lambda candidate: -abs(candidate.change)))


def loss_key(loss: Loss) -> LossKey:
    """Return the identity of a loss, unique in a ledger."""
    subject_names = (loss.team, loss.objective, loss.key_result, loss.offering, loss.metric)
    return (loss.component, loss.reason, *(subject_name or "" for subject_name in subject_names))  # type: ignore[return-value]  # seven parts
