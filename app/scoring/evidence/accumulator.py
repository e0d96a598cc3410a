"""Accumulated roll-up rows of one playbook and frame.

The rows of closed days are cached; new rows are added to a copy.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from json import loads
from typing import Any, Final, NamedTuple, TypeAlias

from app.domain.primitives import epoch
from app.scoring.effort import EffortCell, EffortTotals
from app.scoring.playbook_index import MetricWindow, PlaybookIndex
from app.scoring.snapshot import (
    LatestActivity,
    MetricReading,
    ScoringFrame,
    SoldValue,
    SourceMeasure,
)

RowSequence: TypeAlias = Sequence[Sequence[Any]]  # Any: each column has its own type
WindowSpan: TypeAlias = tuple[str, int, int]
MeasureSums: TypeAlias = tuple[int, int, int, int]
Extremes: TypeAlias = tuple[int, int, tuple[int, str, int]]
ROWS_PER_COST_UNIT: Final = 10  # rows that cost as much as a loss
NO_SUMS: Final[MeasureSums] = (0, 0, 0, 0)


class RollupRows(NamedTuple):
    """Roll-up rows that were not added before, summed by the database."""

    sums: RowSequence
    # `extremes` and `latest` are complete wherever a new row may lower them.
    extremes: RowSequence
    latest: RowSequence
    # By match set and objective: the latest day with a new event, and the minimum of its counts,
    # below 0 after a retraction.
    gains: RowSequence
    sold: RowSequence
    match_sets: RowSequence
    recorded_days: RowSequence
    attention: Sequence[RowSequence]


def join_sum(high: int, low: int) -> int:
    """Return the sum of the two parts that `split_sum` selects."""
    return (high << 32) + low


class EvidenceAccumulator:
    """Sums of roll-up rows and the evidence made from them.

    A cached accumulator is never changed: rows are added to its copies.
    """

    def __init__(self, playbook_index: PlaybookIndex, frame: ScoringFrame) -> None:
        """Start without rows."""
        self.playbook_index = playbook_index
        self.frame = frame
        spans = {window: _to_span(window, frame) for window in playbook_index.windows}
        self.windows = sorted(set(spans.values()))
        self.periods = playbook_index.split_by_other_playbooks(
            *frame.focus_window(playbook_index.configuration)
        )
        numbers = {span: number for number, span in enumerate(self.windows)}
        self._windows_by_number: dict[int, list[MetricWindow]] = {}
        for window, span in spans.items():
            self._windows_by_number.setdefault(numbers[span], []).append(window)
        self.readings: dict[MetricWindow, MetricReading] = {}
        self.labels: dict[str, Mapping[str, str]] = {}
        self.recorded_days: frozenset[tuple[str, int]] = frozenset()
        self.latest: dict[tuple[str, str], LatestActivity] = {}
        self.cells: dict[tuple[object, ...], EffortCell] = {}
        self.sold: dict[tuple[str, str, int], SoldValue] = {}
        self.effort_totals: EffortTotals | None = None
        self._metrics_by_set: dict[str, frozenset[str]] = {"": frozenset()}
        self._sold_item_counts: dict[tuple[str, str, int], int] = {}
        self._sums: dict[int, Mapping[str, MeasureSums]] = {}
        self._extremes: dict[tuple[int, str], Extremes] = {}

    def copy(self) -> "EvidenceAccumulator":
        """Return an independent copy.

        The effort totals are computed once and shared by all later copies.
        """
        if self.effort_totals is None:
            self.effort_totals = EffortTotals(self.playbook_index, self.cells.values())
        duplicate = copy(self)
        for attribute, content in vars(self).items():
            if isinstance(content, dict):
                setattr(duplicate, attribute, content.copy())
        duplicate.effort_totals = self.effort_totals.copy()
        return duplicate

    @property
    def cost(self) -> int:
        """The cost of a cache entry, in units of one loss."""
        row_count = (
            len(self._sums)
            + len(self._extremes)
            + len(self.cells)
            + len(self.latest)
            + len(self.sold)
        )
        return 1 + (row_count + len(self.labels)) // ROWS_PER_COST_UNIT

    def add_rows(self, rows: RollupRows) -> None:
        """Add rows to the accumulated evidence."""
        for set_name, metrics in rows.match_sets:
            if set_name not in self.labels:
                self.labels[set_name] = labels = dict(loads(metrics))
                self._metrics_by_set[set_name] = frozenset(labels)
        self.recorded_days |= {(source, day) for source, day in rows.recorded_days}
        self._add_measures(rows.sums, rows.extremes)
        self._update_latest(rows.latest, rows.gains)
        self._add_sold(rows.sold)
        for number, effort_rows in enumerate(rows.attention):
            self._add_effort(number, effort_rows)

    def _add_measures(self, sums: RowSequence, extremes: RowSequence) -> None:
        sums_by_window: dict[int, dict[str, MeasureSums]] = {}
        for window_number, source, count, high, low, without_value, other_unit in sums:
            sums_by_source = sums_by_window.get(window_number)
            if sums_by_source is None:
                sums_by_source = sums_by_window[window_number] = dict(
                    self._sums.get(window_number, ())
                )
            previous = sums_by_source.get(source, NO_SUMS)
            sums_by_source[source] = (
                previous[0] + count,
                previous[1] + join_sum(high, low),
                previous[2] + without_value,
                previous[3] + other_unit,
            )
            self._extremes.pop((window_number, source), None)
        for window_number, source, minimum, maximum, last_us, event_id, value in extremes:
            last = (last_us, event_id, value)
            previous_extremes = self._extremes.get((window_number, source))
            self._extremes[window_number, source] = (
                minimum,
                maximum,
                last if previous_extremes is None else max(last, previous_extremes[2]),
            )
        self._sums |= sums_by_window
        for window_number in sums_by_window:
            self._update_readings(window_number)

    def _update_readings(self, window_number: int) -> None:
        """Rebuild the readings of the changed windows."""
        sums = self._sums[window_number]
        metrics = self.playbook_index.configuration.metrics
        measures = {
            source: SourceMeasure(
                sums[source][0], sums[source][1], *self._extremes.get((window_number, source), ())
            )
            for source in sorted(sums)
            if sums[source][0]
        }
        for window in self._windows_by_number[window_number]:
            canonical = metrics[window[0]].canonical_source
            counted_sums = [
                source_sums for source, source_sums in sums.items() if canonical in (None, source)
            ]
            reading = MetricReading(
                measures,
                sum(source_sums[2] for source_sums in counted_sums),
                sum(source_sums[3] for source_sums in counted_sums),
            )
            if any(reading):
                self.readings[window] = reading
            else:
                self.readings.pop(window, None)

    def _update_latest(self, latest: RowSequence, gains: RowSequence) -> None:
        latest_days: dict[tuple[str, str], int] = {}
        for set_name, objective, day, minimum in gains:
            previous = self.latest.get((set_name, objective))
            if minimum < 0:
                self.latest.pop((set_name, objective), None)
            elif day is not None and (
                previous is None or previous.day < epoch.from_day_number(day)
            ):
                latest_days[set_name, objective] = day
        latest_days |= {(set_name, objective): day for set_name, objective, day in latest}
        for (set_name, objective), day in latest_days.items():
            self.latest[set_name, objective] = LatestActivity(
                self._metrics_by_set[set_name], objective or None, epoch.from_day_number(day)
            )

    def _add_sold(self, rows: RowSequence) -> None:
        for offering, team, day, item_count, high, low in rows:
            sold_key = (offering, team, day)
            value = join_sum(high, low)
            previous = self.sold.pop(sold_key, None)
            remaining_items = item_count + self._sold_item_counts.pop(sold_key, 0)
            if remaining_items:
                self._sold_item_counts[sold_key] = remaining_items
                self.sold[sold_key] = SoldValue(
                    offering,
                    team,
                    epoch.from_day_number(day),
                    value + (0 if previous is None else previous.value),
                )

    def _add_effort(self, number: int, rows: RowSequence) -> None:
        running_playbooks = self.periods[number][2]
        for team, kind, set_name, objective, events, high, low in rows:
            effort_key = (number, team, kind, set_name, objective)
            effort = join_sum(high, low)
            cell = EffortCell(
                team,
                kind,
                self._metrics_by_set[set_name],
                objective or None,
                running_playbooks,
                events,
                effort,
            )
            if self.effort_totals is not None:
                self.effort_totals.add(cell)
            previous = self.cells.pop(effort_key, None)
            if previous is not None:
                cell = cell._replace(
                    events=previous.events + events, effort=previous.effort + effort
                )
            if cell.events:
                self.cells[effort_key] = cell


def _to_span(window: MetricWindow, frame: ScoringFrame) -> WindowSpan:
    """Return the window up to the end of the evidence, with days as numbers."""
    metric, first, last = window
    return metric, epoch.to_day_number(first), epoch.to_day_number(min(last, frame.until))
