"""All inputs of a score as plain values: configuration, raw events, `as_of` and `known_at`.

Shares nothing with the program: exact numbers are fractions, and instants are aware datetimes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Final, TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

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
DEFAULT_WEIGHTS: Final[Mapping[str, Fraction]] = {
    "playbook": Fraction(10),
    "shared_responsibility": Fraction(15),
    "focus": Fraction(20),
    "outcomes": Fraction(30),
    "freshness": Fraction(10),
    "productivity": Fraction(5),
    "deliverability": Fraction(5),
    "agreement": Fraction(5),
}
FRACTION_ONE: Final = Fraction(1)


@dataclass(frozen=True, slots=True)
class Team:
    """An active team. The world omits archived teams; their events may be in it."""

    key: str
    function: str
    size: Fraction = FRACTION_ONE


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a metric's `where`."""

    property: str
    op: str
    value: Json


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the world."""

    key: str
    events: tuple[str, ...]
    aggregation: str
    unit: str | None = None
    activities: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    # "value" or "data.<path>".
    value: str = "value"
    canonical_source: str | None = None


@dataclass(frozen=True, slots=True)
class Offering:
    """An offering, deliverable on the days in [available_from, retired_on)."""

    key: str
    available_from: date
    retired_on: date | None = None


@dataclass(frozen=True, slots=True)
class Playbook:
    """A published playbook."""

    key: str
    starts_on: date
    ends_on: date
    # The current revision, counted from 1.
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective of any playbook of the world."""

    key: str
    playbook: str
    priority: Fraction = FRACTION_ONE
    # "active" or "paused".
    state: str = "active"


@dataclass(frozen=True, slots=True)
class KeyResult:
    """A key result."""

    key: str
    objective: str
    metric: str
    baseline: Fraction
    target: Fraction
    weight: Fraction = FRACTION_ONE
    # The playbook's day if None.
    starts_on: date | None = None
    ends_on: date | None = None
    cadence_days: int = 7


@dataclass(frozen=True, slots=True)
class Responsibility:
    """A team's role in an objective: at most one for each pair."""

    objective: str
    team: str
    role: str
    share: Fraction = FRACTION_ONE
    status: str = "accepted"


@dataclass(frozen=True, slots=True)
class Policy:
    """The organization's scoring policy."""

    weights: Mapping[str, Fraction] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    focus_days: int = 28
    minimum_events: int = 10
    required_functions: int = 2
    half_life_days: Fraction = Fraction(14)
    minimum_coverage: Fraction = Fraction(1, 2)
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A raw event as it was sent, and the instant at which it was recorded."""

    source: str
    id: str
    type: str
    time: datetime
    recorded_at: datetime
    team: str
    kind: str = "outcome"
    value: Fraction | None = None
    unit: str | None = None
    effort: Fraction | None = None
    subject: str | None = None
    objective: str | None = None
    offerings: tuple[tuple[str, Fraction], ...] = ()
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retraction:
    """The retraction of the event (source, id)."""

    source: str
    id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class World:
    """One organization, the playbook to score, and the days to score it at."""

    playbook: Playbook
    as_of: date
    known_at: date
    zone: str = "UTC"
    teams: tuple[Team, ...] = ()
    metrics: tuple[Metric, ...] = ()
    offerings: tuple[Offering, ...] = ()
    # The other published playbooks.
    other_playbooks: tuple[Playbook, ...] = ()
    # Objectives and key results of all these playbooks.
    objectives: tuple[Objective, ...] = ()
    key_results: tuple[KeyResult, ...] = ()
    responsibilities: tuple[Responsibility, ...] = ()
    contributions: frozenset[str] = frozenset()
    # The last revision of `playbook` that each team signed.
    signoffs: Mapping[str, int] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    events: tuple[Event, ...] = ()
    retractions: tuple[Retraction, ...] = ()
