"""The alignment of an organization: score, components and ledger."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from app.scoring.ledger import Loss
from app.scoring.snapshot import ScoringFrame

METHOD: Final = "1"


@dataclass(frozen=True, slots=True)
class Figure:
    """The result of one component."""

    # None without evidence.
    score: float | None
    coverage: float
    # Coverage times score, rounded once.
    proven: float
    summary: str
    # Yields the losses, given the component's weight in the score. Within a reason they are sorted
    # by team, objective, key result, offering and metric.
    losses: Callable[[float], Iterable[Loss]]
    # False if the component does not apply to the organization.
    applies: bool = True


def figure_without_evidence(summary: str, *, applies: bool = True) -> Figure:
    """Return the figure of a component without evidence: neither 0 nor 1."""
    return Figure(None, 0.0, 0.0, summary, lambda _: (), applies)


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """A component as part of a score."""

    name: str
    score: float | None
    # Ten-thousandths.
    weight: int
    coverage: float
    applies: bool
    # Points of the score.
    lost_points: float
    summary: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """The alignment of an organization on a day."""

    frame: ScoringFrame
    version: int
    # None with too little evidence.
    score: float | None
    floor: float
    coverage: float
    # None without losses.
    weakest: str | None
    silent_teams: tuple[str, ...]
    # In the order of the method.
    components: tuple[ComponentScore, ...]
    # Complete, largest first.
    losses: tuple[Loss, ...]
    method: str = METHOD
