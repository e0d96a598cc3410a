"""What a score is computed from: one plan and the evidence, folded from the roll-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from app.domain.playbook.configuration import Configuration
from app.domain.playbook.playbooks import Playbook
from app.domain.sources.silence import Heard
from app.scoring.effort import Attention, Work
from app.scoring.playbook_index import Plan, Window


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

    def focus(self, configuration: Configuration) -> tuple[date, date]:
        """First and last day over which attention is counted; empty when the last is before the first."""
        first = self.day - timedelta(days=configuration.policy.focus_days - 1)
        return max(first, configuration.playbooks[self.playbook].starts_on), self.until


def frame(playbook: Playbook, as_of: date, known_at: date, until: date | None = None) -> Frame:
    """The frame in which `playbook` is scored as of a day; with `until` evidence ends there, as when it was over."""
    last = min(until or as_of, playbook.ends_on)
    return Frame(playbook.key, as_of, known_at, max(last, playbook.starts_on), last)


@dataclass(frozen=True, slots=True)
class Measure:
    """What one source says of a metric over a window. Units: ten-thousandths.

    None when the metric's aggregation does not ask for it: `low`, `high`; `last` is (time in epoch microseconds,
    id, value).
    """

    count: int
    total: int
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None


class Said(NamedTuple):
    """What all sources say of a metric over a window.

    Shape: `sources` holds only those with at least one event that counts and is not retracted. `unknown` is how many
    live events of the metric's types do not count for want of a value; `other_unit` how many are left out because they
    are in another unit than the metric; both of the canonical source alone, where there is one.
    """

    sources: Mapping[str, Measure]
    unknown: int = 0
    other_unit: int = 0


# Tuples and not dataclasses, as in `work`: a history makes thousands of these, and a frozen dataclass takes four times
# as long to make.
class Newest(NamedTuple):
    """The newest day in the playbook's window with an event that matched exactly `metrics` and named `objective`."""

    metrics: frozenset[str]
    objective: str | None
    day: date


class Sold(NamedTuple):
    """What a team sold of an offering on one day. Units: ten-thousandths."""

    offering: str
    team: str
    day: date
    value: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One consistent read: everything that a score needs.

    Shape: `said` by window, only of those that any key result of the plan has. None when nobody summed the attention
    up yet: `work`, all of it and that of activities alone, by team.
    `currencies` are, by window, those of the events that are left out for their unit, where all are known; `heard` is
    when canonical sources were last heard of, by source.
    """

    plan: Plan
    frame: Frame
    version: int
    said: Mapping[Window, Said] = field(default_factory=dict)
    attention: tuple[Attention, ...] = ()
    newest: tuple[Newest, ...] = ()
    sold: tuple[Sold, ...] = ()
    work: tuple[Mapping[str, Work], Mapping[str, Work]] | None = None
    currencies: Mapping[Window, tuple[str, ...]] = field(default_factory=dict)
    heard: Mapping[str, Heard] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        """The configuration that it is scored by."""
        return self.plan.configuration
