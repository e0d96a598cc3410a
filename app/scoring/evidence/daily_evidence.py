"""Evidence by day, from which the snapshots of a history and of a what-if are built."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from app.scoring.effort import EffortCell, EffortTotals
from app.scoring.playbook_index import MetricWindow, PlaybookIndex
from app.scoring.snapshot import (
    LatestActivity,
    MetricReading,
    ScoringFrame,
    Snapshot,
    SoldValue,
    SourceMeasure,
)

ONE_DAY = timedelta(days=1)


class DailyMeasure(NamedTuple):
    """The events of one source that match a metric on one day. Amounts are ten-thousandths."""

    day: date
    source: str
    event_count: int
    total: int
    missing_value_count: int
    other_unit_count: int
    # `low`, `high` and `last` are None without a counted event, and if the aggregation needs none.
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None


class DailyEffort(NamedTuple):
    """The work of one team on one day, of events that matched exactly `metrics`."""

    team: str
    kind: str
    metrics: frozenset[str]
    objective: str | None
    events: int
    # Ten-thousandths.
    effort: int


class DailySales(NamedTuple):
    """The value of an offering that a team sold on one day."""

    offering: str
    team: str
    # Empty for a value without unit.
    unit: str
    # Ten-thousandths.
    value: int


@dataclass(frozen=True, slots=True)
class DailyEvidence:
    """The known evidence of a range of days."""

    # By metric, in the order of the days.
    measures: Mapping[str, Sequence[DailyMeasure]] = field(default_factory=dict)
    efforts: Mapping[date, Sequence[DailyEffort]] = field(default_factory=dict)
    sales: Mapping[date, Sequence[DailySales]] = field(default_factory=dict)


@dataclass(slots=True)
class _SourceTally:
    """The sum of one source in a window so far."""

    count: int = 0
    total: int = 0
    missing_value_count: int = 0
    other_unit_count: int = 0
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None

    def add(self, measure: DailyMeasure) -> None:
        self.count += measure.event_count
        self.total += measure.total
        self.missing_value_count += measure.missing_value_count
        self.other_unit_count += measure.other_unit_count
        if measure.low is not None and measure.high is not None and measure.last is not None:
            self.low = measure.low if self.low is None else min(self.low, measure.low)
            self.high = measure.high if self.high is None else max(self.high, measure.high)
            self.last = measure.last if self.last is None else max(self.last, measure.last)


@dataclass(slots=True)
class _RunningWindow:
    """A metric window that is read up to a day."""

    last_day: date
    # The number of measures that are included.
    rows_read: int
    sources: dict[str, _SourceTally] = field(default_factory=dict)
    # By canonical source; cleared when another day is read.
    readings: dict[str | None, MetricReading] = field(default_factory=dict)


EffortKey = tuple[str, str, frozenset[str], str | None]


@dataclass(slots=True)
class _SlidingWindow:
    """The work in a range of days that moves along the history."""

    first_day: date
    last_day: date
    running_playbooks: frozenset[str]
    # Only cells with events.
    cells: dict[EffortKey, EffortCell] = field(default_factory=dict)

    def can_move_to(
        self, first_day: date, last_day: date, running_playbooks: frozenset[str]
    ) -> bool:
        """Return True if the window can be moved to these days."""
        return (
            self.running_playbooks == running_playbooks
            and self.first_day <= first_day <= self.last_day + ONE_DAY
            and self.last_day <= last_day
        )

    def add(self, daily_effort: DailyEffort, sign: int) -> EffortCell:
        """Add the work of a day, or remove it with a negative sign. Return the difference."""
        effort_key = daily_effort[:4]
        added_cell = EffortCell(
            *effort_key,
            self.running_playbooks,
            sign * daily_effort.events,
            sign * daily_effort.effort,
        )
        previous_cell = self.cells.get(effort_key)
        events, effort = (0, 0) if previous_cell is None else previous_cell[5:]
        if events + added_cell.events:
            self.cells[effort_key] = EffortCell(
                *effort_key,
                self.running_playbooks,
                events + added_cell.events,
                effort + added_cell.effort,
            )
        else:
            self.cells.pop(effort_key, None)
        return added_cell


class SnapshotSeries:
    """Builds the snapshots of consecutive days from daily evidence.

    Ascending days are fastest, because each snapshot continues the previous one.
    """

    def __init__(self, evidence: DailyEvidence, version: int) -> None:
        """Start before the first day."""
        self._evidence = evidence
        self._version = version
        self._effort_days = sorted(evidence.efforts)
        self._sales_days = sorted(evidence.sales)
        self._running_windows: dict[MetricWindow, _RunningWindow] = {}
        self._sliding_windows: list[_SlidingWindow] = []
        self._effort_totals: EffortTotals | None = None
        self._sales_by_unit: dict[str | None, dict[date, Sequence[SoldValue]]] = {}
        self._latest_activity_cache: (
            tuple[date, date, dict[tuple[frozenset[str], str | None], date]] | None
        ) = None

    def build_snapshot(self, playbook_index: PlaybookIndex, frame: ScoringFrame) -> Snapshot:
        """Return the snapshot of a day, equal to one that is read for this day alone."""
        effort_totals = self._advance_effort(
            playbook_index,
            playbook_index.split_by_other_playbooks(
                *frame.focus_window(playbook_index.configuration)
            ),
        )
        return Snapshot(
            playbook_index=playbook_index,
            frame=frame,
            version=self._version,
            readings=dict(self._iterate_readings(playbook_index, frame)),
            effort_cells=tuple(
                cell
                for sliding_window in self._sliding_windows
                for cell in sliding_window.cells.values()
            ),
            team_efforts=effort_totals.to_team_efforts(),
            latest_activities=self._advance_latest_activity(playbook_index, frame),
            sold_values=tuple(self._iterate_sold_values(playbook_index, frame)),
        )

    def _iterate_readings(
        self, playbook_index: PlaybookIndex, frame: ScoringFrame
    ) -> Iterator[tuple[MetricWindow, MetricReading]]:
        for window in playbook_index.windows:
            running_window = self._advance_window(window, frame.until)
            if running_window.sources:
                canonical = playbook_index.configuration.metrics[window[0]].canonical_source
                if canonical not in running_window.readings:
                    running_window.readings[canonical] = _build_reading(
                        running_window.sources, canonical
                    )
                yield window, running_window.readings[canonical]

    def _advance_window(self, window: MetricWindow, until_day: date) -> _RunningWindow:
        metric, first_day, last_day = window
        until_day = min(last_day, until_day)
        rows = self._evidence.measures.get(metric, ())
        running_window = self._running_windows.get(window)
        if running_window is None or running_window.last_day > until_day:
            running_window = self._running_windows[window] = _RunningWindow(until_day, 0)
        while (
            running_window.rows_read < len(rows) and rows[running_window.rows_read].day <= until_day
        ):
            measure = rows[running_window.rows_read]
            running_window.rows_read += 1
            if measure.day >= first_day:
                running_window.sources.setdefault(measure.source, _SourceTally()).add(measure)
                running_window.readings.clear()
        running_window.last_day = until_day
        return running_window

    def _advance_effort(
        self, playbook_index: PlaybookIndex, periods: Sequence[tuple[date, date, frozenset[str]]]
    ) -> EffortTotals:
        """Move the sliding windows to the periods and return the totals of their work."""
        window_periods = zip(self._sliding_windows, periods, strict=False)
        if len(self._sliding_windows) != len(periods) or not all(
            sliding_window.can_move_to(*period) for sliding_window, period in window_periods
        ):
            self._sliding_windows = [
                _SlidingWindow(first_day, first_day - ONE_DAY, running_playbooks)
                for first_day, _, running_playbooks in periods
            ]
            self._effort_totals = None
        effort_totals = self._effort_totals
        if effort_totals is None or not effort_totals.has_same_destinations(playbook_index):
            effort_totals = EffortTotals(
                playbook_index,
                (
                    cell
                    for sliding_window in self._sliding_windows
                    for cell in sliding_window.cells.values()
                ),
            )
        for sliding_window, (first_day, last_day, _) in zip(
            self._sliding_windows, periods, strict=True
        ):
            for sign, start, end in (
                (-1, sliding_window.first_day, first_day - ONE_DAY),
                (1, sliding_window.last_day + ONE_DAY, last_day),
            ):
                for day in days_between(self._effort_days, start, end):
                    for daily_effort in self._evidence.efforts[day]:
                        effort_totals.add(sliding_window.add(daily_effort, sign))
            sliding_window.first_day = first_day
            sliding_window.last_day = last_day
        self._effort_totals = effort_totals
        return effort_totals

    def _advance_latest_activity(
        self, playbook_index: PlaybookIndex, frame: ScoringFrame
    ) -> tuple[LatestActivity, ...]:
        first_day = playbook_index.playbook.starts_on
        cached = self._latest_activity_cache
        if cached is None or cached[0] != first_day or cached[1] > frame.until:
            cached = (first_day, first_day - ONE_DAY, {})
        latest_days = cached[2]
        for day in days_between(self._effort_days, cached[1] + ONE_DAY, frame.until):
            events_by_match: dict[tuple[frozenset[str], str | None], int] = {}
            for row in self._evidence.efforts.get(day, ()):
                events_by_match[row[2:4]] = events_by_match.get(row[2:4], 0) + row.events
            latest_days |= {
                match_key: day for match_key, events in events_by_match.items() if events > 0
            }
        self._latest_activity_cache = (first_day, max(cached[1], frame.until), latest_days)
        return tuple(
            LatestActivity(metrics, objective, day)
            for (metrics, objective), day in latest_days.items()
        )

    def _iterate_sold_values(
        self, playbook_index: PlaybookIndex, frame: ScoringFrame
    ) -> Iterator[SoldValue]:
        unit = playbook_index.policy.unit
        first_day = playbook_index.playbook.starts_on
        sales_by_day = self._sales_by_unit.setdefault(unit, {})
        for day in days_between(self._sales_days, first_day, frame.until):
            if day not in sales_by_day:
                rows = (
                    row
                    for row in self._evidence.sales[day]
                    if unit is None or row.unit in ("", unit)
                )
                sales_by_day[day] = [
                    SoldValue(row.offering, row.team, day, row.value) for row in rows
                ]
            yield from sales_by_day[day]


def _build_reading(sources: Mapping[str, _SourceTally], canonical: str | None) -> MetricReading:
    counted_tallies = [tally for source, tally in sources.items() if canonical in (None, source)]
    measures = {
        source: SourceMeasure(tally.count, tally.total, tally.low, tally.high, tally.last)
        for source, tally in sources.items()
        if tally.count
    }
    return MetricReading(
        measures,
        sum(tally.missing_value_count for tally in counted_tallies),
        sum(tally.other_unit_count for tally in counted_tallies),
    )


def days_between(days: Sequence[date], first_day: date, last_day: date) -> Sequence[date]:
    """Return the sorted days between two days, both included."""
    return days[bisect_left(days, first_day) : bisect_right(days, last_day)]
