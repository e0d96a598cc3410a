"""Objectives, their key results and the responsibilities of teams for them."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from app.domain.primitives.decimals import FIXED_SCALE

ROLES: Final = ("accountable", "responsible", "consulted", "informed")
LOAD_BEARING: Final = frozenset({"accountable", "responsible"})


@dataclass(frozen=True, slots=True)
class Objective:
    """A goal of a playbook."""

    kind: ClassVar[str] = "objective"
    key: str
    playbook: str
    title: str
    description: str = ""
    # Ten-thousandths.
    priority: int = FIXED_SCALE
    parent: str | None = None
    # Only active objectives are scored.
    state: str = "active"


@dataclass(frozen=True, slots=True)
class KeyResult:
    """A measurable outcome of an objective."""

    kind: ClassVar[str] = "key_result"
    key: str
    objective: str
    title: str
    metric: str
    # `baseline`, `target` and `weight` are ten-thousandths.
    baseline: int
    target: int
    weight: int = FIXED_SCALE
    cadence_days: int = 7
    # None for the first or last day of the playbook.
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Responsibility:
    """The role and share of a team in an objective."""

    kind: ClassVar[str] = "responsibility"
    objective: str
    team: str
    role: str
    # Ten-thousandths.
    share: int = FIXED_SCALE
    # `proposed`, `accepted` or `declined`.
    status: str = "proposed"
    by: str = ""
    note: str = ""

    @property
    def key(self) -> str:
        """The objective's key and the team's key, joined by a slash."""
        return f"{self.objective}/{self.team}"

    @property
    def is_load_bearing(self) -> bool:
        """True if the responsibility counts in the score."""
        return self.status == "accepted" and self.role in LOAD_BEARING
