"""The organization, its teams and its policy: who is measured, and by which weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final

from app.domain.primitives.decimals import FIXED_SCALE


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant."""

    kind: ClassVar[str] = "organization"
    key: str
    name: str
    # An IANA name. It cannot change once events exist.
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Team:
    """People who deliver together."""

    kind: ClassVar[str] = "team"
    key: str
    name: str
    function: str
    # Ten-thousandths of a person.
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
    """The weights and windows of the organization's score."""

    kind: ClassVar[str] = "policy"
    key: ClassVar[str] = "policy"
    # By component, in ten-thousandths.
    weights: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    focus_days: int = 28
    minimum_events: int = 10
    required_functions: int = 2
    # Ten-thousandths of a day.
    half_life_days: int = 14 * FIXED_SCALE
    # Ten-thousandths of the whole evidence.
    minimum_coverage: int = FIXED_SCALE // 2
    unit: str | None = None
