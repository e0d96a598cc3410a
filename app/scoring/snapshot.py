"""What a score is computed from: one configuration and the evidence, folded from the roll-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from app.domain.configuration import Configuration
from app.domain.objectives import KeyResult, Objective
from app.domain.playbooks import Playbook
from app.domain.silence import Heard


@dataclass(frozen=True, slots=True)
class Frame:
    """Which playbook is scored, and the days that bound its evidence.

    Shape: `as_of` and `known_at` are the days asked for; `day` is the day scored at (inside the playbook's
    window); evidence
    occurred up to `until` (never after the playbook's last day, and before its first day when asked before it).
    None when the configuration is that of the end of `until`, and not that of a first publishing after it:
    `configuration_from`.
    """

    playbook: str
    as_of: date
    known_at: date
    day: date
    until: date
    configuration_from: date | None = None

    @property
    def configured_on(self) -> date:
        """The day at whose end the configuration stood as it is used."""
        return self.configuration_from or self.until

    def focus(self, configuration: Configuration) -> tuple[date, date]:
        """First and last day over which attention is counted; empty when the last is before the first."""
        first = self.day - timedelta(days=configuration.policy.focus_days - 1)
        return max(first, configuration.playbooks[self.playbook].starts_on), self.until


def frame(playbook: Playbook, as_of: date, known_at: date, until: date | None = None) -> Frame:
    """The frame in which `playbook` is scored as of a day; with `until` evidence ends there, as when it was over."""
    last = min(until or as_of, playbook.ends_on)
    return Frame(playbook.key, as_of, known_at, max(last, playbook.starts_on), last)


def window(key_result: KeyResult, playbook: Playbook) -> tuple[date, date]:
    """The key result's own window, else the playbook's; both ends are inside."""
    return key_result.starts_on or playbook.starts_on, key_result.ends_on or playbook.ends_on


def active_objectives(configuration: Configuration, playbook: str) -> tuple[Objective, ...]:
    """The objectives of that playbook which score, by key."""
    found = (configuration.objectives[key] for key in sorted(configuration.objectives))
    return tuple(o for o in found if o.playbook == playbook and o.state == "active")


def objectives_by_metric(configuration: Configuration, playbook: str) -> Mapping[str, frozenset[str]]:
    """For each metric the active objectives of that playbook to which its key results lead."""
    active = {objective.key for objective in active_objectives(configuration, playbook)}
    leads: dict[str, set[str]] = {}
    for result in configuration.key_results.values():
        if result.objective in active:
            leads.setdefault(result.metric, set()).add(result.objective)
    return {metric: frozenset(found) for metric, found in leads.items()}


def stretches(configuration: Configuration, frame: Frame) -> list[tuple[date, date]]:
    """The focus window, cut where another published playbook begins or ends."""
    first, last = frame.focus(configuration)
    if last < first:
        return []
    cuts = {first}
    for other in configuration.playbooks.values():
        if other.key != frame.playbook and other.state == "published":
            cuts |= {day for day in (other.starts_on, other.ends_on + timedelta(days=1)) if first < day <= last}
    starts = sorted(cuts)
    ends = [start - timedelta(days=1) for start in starts[1:]] + [last]
    return list(zip(starts, ends, strict=True))


@dataclass(frozen=True, slots=True)
class Measure:
    """What one source says of a key result's metric over its window. Units: ten-thousandths.

    None when the metric's aggregation does not ask for it: `low`, `high`; `last` is (time in epoch microseconds,
    id, value).
    """

    count: int
    total: int
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None


@dataclass(frozen=True, slots=True)
class Attention:
    """Work of one team over the focus window. Units: `effort` in ten-thousandths.

    Shape: events that matched exactly `metrics` and named `objective` (or none), in a stretch of days from
    `first` to `last` in
    which the same other playbooks were running.
    """

    team: str
    kind: str
    metrics: frozenset[str]
    objective: str | None
    first: date
    last: date
    events: int
    effort: int


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest day in the playbook's window with an event that matched exactly `metrics` and named `objective`."""

    metrics: frozenset[str]
    objective: str | None
    day: date


@dataclass(frozen=True, slots=True)
class Sold:
    """What a team sold of an offering on one day. Units: ten-thousandths."""

    offering: str
    team: str
    day: date
    value: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent read: everything that a score needs.

    Shape: `measures` by (key result, source); a pair is there only with at least one event that counts and is not
    retracted.
    `unknown` is, by key result, how many live events of its metric's types in its window do not count for want of
    a value; `other_unit` how many are left out because they are in another unit than the metric, and `currencies` which
    those are, where all are known. `heard` is when canonical sources were last heard of, by source.
    """

    configuration: Configuration
    frame: Frame
    version: int
    measures: Mapping[tuple[str, str], Measure] = field(default_factory=dict)
    attention: tuple[Attention, ...] = ()
    newest: tuple[Newest, ...] = ()
    sold: tuple[Sold, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    other_unit: Mapping[str, int] = field(default_factory=dict)
    currencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)
