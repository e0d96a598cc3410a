"""What a score is computed from: one plan and the evidence, folded from the roll-ups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from app.domain.playbook.configuration import Configuration
from app.domain.playbook.playbooks import Playbook
from app.domain.sources.silence import SourceActivity
from app.scoring.effort import EffortCell, TeamEffort
from app.scoring.playbook_index import MetricWindow, PlaybookIndex


@dataclass(frozen=True, slots=True)
class ScoringFrame:
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

    def focus_window(self, configuration: Configuration) -> tuple[date, date]:
        """First and last day over which attention is counted; empty when the last is before the first."""
        first_day = self.day - timedelta(days=configuration.policy.focus_days - 1)
        return max(first_day, configuration.playbooks[self.playbook].starts_on), self.until


def build_frame(
    playbook: Playbook, as_of: date, known_at: date, evidence_until: date | None = None
) -> ScoringFrame:
    """The frame in which `playbook` is scored as of a day; with `until` evidence ends there, as when it was over."""
    last_day = min(evidence_until or as_of, playbook.ends_on)
    return ScoringFrame(playbook.key, as_of, known_at, max(last_day, playbook.starts_on), last_day)


@dataclass(frozen=True, slots=True)
class SourceMeasure:
    """What one source says of a metric over a window. Units: ten-thousandths.

    None when the metric's aggregation does not ask for it: `low`, `high`; `last` is (time in epoch microseconds,
    id, value).
    """

    count: int
    total: int
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None


class MetricReading(NamedTuple):
    """What all sources say of a metric over a window.

    Shape: `sources` holds only those with at least one event that counts and is not retracted. `unknown` is how many
    live events of the metric's types do not count for want of a value; `other_unit` how many are left out because they
    are in another unit than the metric; both of the canonical source alone, where there is one.
    """

    sources: Mapping[str, SourceMeasure]
    missing_value_count: int = 0
    other_unit_count: int = 0


# Tuples and not dataclasses, as in `work`: a history makes thousands of these, and a frozen dataclass takes four times
# as long to make.
class LatestActivity(NamedTuple):
    """The newest day in the playbook's window with an event that matched exactly `metrics` and named `objective`."""

    metrics: frozenset[str]
    objective: str | None
    day: date


class SoldValue(NamedTuple):
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

    playbook_index: PlaybookIndex
    frame: ScoringFrame
    version: int
    readings: Mapping[MetricWindow, MetricReading] = field(default_factory=dict)
    effort_cells: tuple[EffortCell, ...] = ()
    latest_activities: tuple[LatestActivity, ...] = ()
    sold_values: tuple[SoldValue, ...] = ()
    team_efforts: tuple[Mapping[str, TeamEffort], Mapping[str, TeamEffort]] | None = None
    excluded_currencies: Mapping[MetricWindow, tuple[str, ...]] = field(default_factory=dict)
    source_activities: Mapping[str, SourceActivity] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        """The configuration that it is scored by."""
        return self.playbook_index.configuration
