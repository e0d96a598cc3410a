"""Objectives, the key results that measure them and the responsibilities that carry them."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from app.domain.primitives.decimals import FIXED_SCALE

ROLES: Final = ("accountable", "responsible", "consulted", "informed")
LOAD_BEARING: Final = frozenset({"accountable", "responsible"})


@dataclass(frozen=True, slots=True)
class Objective:
    """What the playbook is after. Units: `priority` in ten-thousandths. Only active ones score."""

    kind: ClassVar[str] = "objective"
    key: str
    playbook: str
    title: str
    description: str = ""
    priority: int = FIXED_SCALE
    parent: str | None = None
    state: str = "active"


@dataclass(frozen=True, slots=True)
class KeyResult:
    """An objective's measurable outcome.

    Units: `baseline`, `target` and `weight` in ten-thousandths.
    None when the window is the playbook's: `starts_on`, `ends_on`.
    """

    kind: ClassVar[str] = "key_result"
    key: str
    objective: str
    title: str
    metric: str
    baseline: int
    target: int
    weight: int = FIXED_SCALE
    cadence_days: int = 7
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Responsibility:
    """A team's part in an objective.

    Units: `share` in ten-thousandths. Shape: `status` is proposed, accepted, declined.
    """

    kind: ClassVar[str] = "responsibility"
    objective: str
    team: str
    role: str
    share: int = FIXED_SCALE
    status: str = "proposed"
    by: str = ""
    note: str = ""

    @property
    def key(self) -> str:
        """The objective's and the team's keys."""
        return f"{self.objective}/{self.team}"

    @property
    def is_load_bearing(self) -> bool:
        """Whether it carries weight in the score."""
        return self.status == "accepted" and self.role in LOAD_BEARING
