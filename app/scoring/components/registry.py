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
from app.scoring.context import Context
from app.scoring.result import Figure

REGISTRY: Final[Mapping[str, Callable[[Context], Figure]]] = {
    playbook.NAME: playbook.figure,
    shared_responsibility.NAME: shared_responsibility.figure,
    focus.NAME: focus.figure,
    outcomes.NAME: outcomes.figure,
    freshness.NAME: freshness.figure,
    productivity.NAME: productivity.figure,
    deliverability.NAME: deliverability.figure,
    agreement.NAME: agreement.figure,
}
