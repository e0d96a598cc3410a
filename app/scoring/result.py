"""The answer: how aligned an organization is, and why not more."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from app.scoring.ledger import Loss
from app.scoring.snapshot import ScoringFrame

METHOD: Final = "1"


@dataclass(frozen=True, slots=True)
class Figure:
    """What one component says by itself.

    Shape: `proven` is coverage times score, computed in one go; `losses`, given the component's part of the score,
    yields what it loses of it, sorted within a reason by team, objective, key result, offering and metric.
    None when there is no evidence: `score`; when it does not apply to the organization, `applies` is false too.
    """

    score: float | None
    coverage: float
    proven: float
    summary: str
    losses: Callable[[float], Iterable[Loss]]
    applies: bool = True


def figure_without_evidence(summary: str, *, applies: bool = True) -> Figure:
    """A component without evidence: never 0 and never 1."""
    return Figure(None, 0.0, 0.0, summary, lambda _: (), applies)


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """A component as part of a score. Units: `weight` in ten-thousandths; `lost` in points of the score."""

    name: str
    score: float | None
    weight: int
    coverage: float
    applies: bool
    lost_points: float
    summary: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """The computed answer. Shape: `components` in the order of the method, `losses` largest first and complete.

    None when there is too little evidence: `score`; when nothing is lost: `weakest`.
    """

    frame: ScoringFrame
    version: int
    score: float | None
    floor: float
    coverage: float
    weakest: str | None
    silent_teams: tuple[str, ...]
    components: tuple[ComponentScore, ...]
    losses: tuple[Loss, ...]
    method: str = METHOD
