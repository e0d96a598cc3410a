"""The components of the score, in the order of the method."""

from collections.abc import Callable, Mapping
from typing import Final

from app.scoring.components import (
    agreement,
    deliverability,
    focus,
    freshness,
    outcomes,
    playbook,
    productivity,
    shared_responsibility,
)
from app.scoring.context import ScoringContext
from app.scoring.result import Figure

COMPONENT_FIGURES: Final[Mapping[str, Callable[[ScoringContext], Figure]]] = {
    playbook.NAME: playbook.compute_figure,
    shared_responsibility.NAME: shared_responsibility.compute_figure,
    focus.NAME: focus.compute_figure,
    outcomes.NAME: outcomes.compute_figure,
    freshness.NAME: freshness.compute_figure,
    productivity.NAME: productivity.compute_figure,
    deliverability.NAME: deliverability.compute_figure,
    agreement.NAME: agreement.compute_figure,
}
