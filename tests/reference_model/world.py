"""Everything a score is a function of, as plain values: the configuration, the raw events and the two days asked for.

Shares nothing with the program: exact numbers are fractions and instants are aware datetimes.
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
    """An active team. Archived ones are simply not in the world; their events may be."""

    key: str
    function: str
    size: Fraction = FRACTION_ONE


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a metric's `where`."""

    property: str
    op: str
    value: Json


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric; `value` is "value" or "data.<path>"."""

    key: str
    events: tuple[str, ...]
    aggregation: str
    unit: str | None = None
    activities: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    value: str = "value"
    canonical_source: str | None = None


@dataclass(frozen=True, slots=True)
class Offering:
    """Deliverable on the days in [available_from, retired_on)."""

    key: str
    available_from: date
    retired_on: date | None = None


@dataclass(frozen=True, slots=True)
class Playbook:
    """A published playbook; `revision` is the current one, counted from 1."""

    key: str
    starts_on: date
    ends_on: date
    revision: int = 1


@dataclass(frozen=True, slots=True)
class Objective:
    """An objective of any playbook of the world; `state` is active or paused."""

    key: str
    playbook: str
    priority: Fraction = FRACTION_ONE
    state: str = "active"


@dataclass(frozen=True, slots=True)
class KeyResult:
    """A key result; a window day that is None is the playbook's."""

    key: str
    objective: str
    metric: str
    baseline: Fraction
    target: Fraction
    weight: Fraction = FRACTION_ONE
    starts_on: date | None = None
    ends_on: date | None = None
    cadence_days: int = 7


@dataclass(frozen=True, slots=True)
class Responsibility:
    """A team's part in an objective: at most one for each pair."""

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
    """That the event (source, id) was retracted, and when that was recorded."""

    source: str
    id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class World:
    """One organization, the playbook that is asked about, and the days it is asked for.

    `others` are the other published playbooks; `objectives` and `key_results` are those of every playbook here.
    `signoffs` is the last revision of `playbook` that a team signed.
    """

    playbook: Playbook
    as_of: date
    known_at: date
    zone: str = "UTC"
    teams: tuple[Team, ...] = ()
    metrics: tuple[Metric, ...] = ()
    offerings: tuple[Offering, ...] = ()
    other_playbooks: tuple[Playbook, ...] = ()
    objectives: tuple[Objective, ...] = ()
    key_results: tuple[KeyResult, ...] = ()
    responsibilities: tuple[Responsibility, ...] = ()
    contributions: frozenset[str] = frozenset()
    signoffs: Mapping[str, int] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    events: tuple[Event, ...] = ()
    retractions: tuple[Retraction, ...] = ()
