"""The input of a score: the configuration and the evidence of one consistent read."""

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
    """The playbook to score, and the days that bound its evidence."""

    playbook: str
    # `as_of` and `known_at` are the requested days.
    as_of: date
    known_at: date
    # The day of the score, inside the playbook's window.
    day: date
    # The last day of evidence: never after the playbook's last day, and before its first day if
    # that was requested.
    until: date
    # The day of the configuration if it is that of a first publishing after `until`. None for the
    # configuration at the end of `until`.
    configuration_from: date | None = None

    def focus_window(self, configuration: Configuration) -> tuple[date, date]:
        """Return the first and last day on which work counts.

        The window is empty if the last day is before the first.
        """
        first_day = self.day - timedelta(days=configuration.policy.focus_days - 1)
        return max(first_day, configuration.playbooks[self.playbook].starts_on), self.until


def build_frame(
    playbook: Playbook, as_of: date, known_at: date, evidence_until: date | None = None
) -> ScoringFrame:
    """Return the frame of a playbook on a day.

    Evidence ends with `evidence_until`, the end of a closed playbook.
    """
    last_day = min(evidence_until or as_of, playbook.ends_on)
    return ScoringFrame(playbook.key, as_of, known_at, max(last_day, playbook.starts_on), last_day)


@dataclass(frozen=True, slots=True)
class SourceMeasure:
    """The measures of one source in a window, in ten-thousandths."""

    count: int
    total: int
    # `low`, `high` and `last` are None if the aggregation needs none.
    low: int | None = None
    high: int | None = None
    # The time in microseconds since 1970, the event's id and its value.
    last: tuple[int, str, int] | None = None


class MetricReading(NamedTuple):
    """The measures of all sources in a window."""

    # Sources with at least one counted event that is not retracted.
    sources: Mapping[str, SourceMeasure]
    # Events without the number of the metric. Like `other_unit_count`, of the canonical source
    # only, if there is one.
    missing_value_count: int = 0
    # Events that are excluded for their unit.
    other_unit_count: int = 0


class LatestActivity(NamedTuple):
    """The latest day with an event that matched exactly `metrics` and named `objective`.

    A tuple, like SoldValue, because a history makes thousands of them and a frozen dataclass takes
    four times as long to make.
    """

    metrics: frozenset[str]
    objective: str | None
    day: date


class SoldValue(NamedTuple):
    """The value of an offering that a team sold on one day, in ten-thousandths."""

    offering: str
    team: str
    day: date
    value: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The configuration and the evidence of one consistent read."""

    playbook_index: PlaybookIndex
    frame: ScoringFrame
    version: int
    # By the windows of the playbook's key results; windows without events are absent.
    readings: Mapping[MetricWindow, MetricReading] = field(default_factory=dict)
    effort_cells: tuple[EffortCell, ...] = ()
    latest_activities: tuple[LatestActivity, ...] = ()
    sold_values: tuple[SoldValue, ...] = ()
    # All work and its activities, by team; None if not summed yet.
    team_efforts: tuple[Mapping[str, TeamEffort], Mapping[str, TeamEffort]] | None = None
    # The currencies of the excluded events, where all are known.
    excluded_currencies: Mapping[MetricWindow, tuple[str, ...]] = field(default_factory=dict)
    # The activity of canonical sources.
    source_activities: Mapping[str, SourceActivity] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        """The configuration of the score."""
        return self.playbook_index.configuration
