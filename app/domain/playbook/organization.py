"""The organization, its teams and its policy: who is measured, and by which weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from app.domain.primitives.decimals import ONE


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant. Shape: `time_zone` is an IANA name, fixed once events exist."""

    kind: ClassVar[str] = "organization"
    key: str
    name: str
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Team:
    """People who deliver together. Units: `size` in ten-thousandths of a person."""

    kind: ClassVar[str] = "team"
    key: str
    name: str
    function: str
    size: int = ONE


COMPONENTS: Final = (
    "playbook",
    "shared_responsibility",
    "focus",
    "outcomes",
    "freshness",
    "productivity",
    "deliverability",
    "agreement",
)

DEFAULT_WEIGHTS: Final[Mapping[str, int]] = {
    "playbook": 10 * ONE,
    "shared_responsibility": 15 * ONE,
    "focus": 20 * ONE,
    "outcomes": 30 * ONE,
    "freshness": 10 * ONE,
    "productivity": 5 * ONE,
    "deliverability": 5 * ONE,
    "agreement": 5 * ONE,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The organization's weights and windows. Units: weights, half life and minimum coverage in ten-thousandths."""

    kind: ClassVar[str] = "policy"
    key: ClassVar[str] = "policy"
    weights: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    focus_days: int = 28
    minimum_events: int = 10
    required_functions: int = 2
    half_life_days: int = 14 * ONE
    minimum_coverage: int = ONE // 2
    unit: str | None = None
