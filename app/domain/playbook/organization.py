"""The organization, its teams and its policy: who is measured, and by which weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from app.domain.primitives.decimals import FIXED_SCALE


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
    size: int = FIXED_SCALE


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
    "playbook": 10 * FIXED_SCALE,
    "shared_responsibility": 15 * FIXED_SCALE,
    "focus": 20 * FIXED_SCALE,
    "outcomes": 30 * FIXED_SCALE,
    "freshness": 10 * FIXED_SCALE,
    "productivity": 5 * FIXED_SCALE,
    "deliverability": 5 * FIXED_SCALE,
    "agreement": 5 * FIXED_SCALE,
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
    half_life_days: int = 14 * FIXED_SCALE
    minimum_coverage: int = FIXED_SCALE // 2
    unit: str | None = None
