"""The progress of key results, and the progress expected by now."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from app.domain.events.metrics import Metric
from app.domain.playbook.objectives import KeyResult
from app.domain.primitives.decimals import FIXED_SCALE, to_json_number
from app.domain.sources.silence import SourceActivity
from app.scoring.averages import ratio
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss
from app.scoring.phrases import format_percent, join_names, pluralize
from app.scoring.playbook_index import MetricWindow, PlaybookIndex
from app.scoring.snapshot import MetricReading, Snapshot, SourceMeasure

# Ten-thousandths, as numerator and positive denominator.
ExactValue = tuple[int, int]
SourceMeasures = Mapping[str, SourceMeasure]
EMPTY_READING: Final = MetricReading({})


def aggregate_value(aggregation: str, sources: SourceMeasures) -> ExactValue | None:
    """Return the value of a metric over all sources, or None without sources."""
    if not sources:
        return None
    if aggregation == "last":
        latest_measurement = max(
            (source_measure.last[0], source, source_measure.last[1], source_measure.last[2])
            for source, source_measure in sources.items()
            if source_measure.last is not None
        )
        return latest_measurement[3], 1
    if aggregation == "min":
        return min(measure.low for measure in sources.values() if measure.low is not None), 1
    if aggregation == "max":
        return max(measure.high for measure in sources.values() if measure.high is not None), 1
    count = total = 0
    for measure in sources.values():
        count += measure.count
        total += measure.total
    if aggregation == "count":
        return count * FIXED_SCALE, 1
    return total, count if aggregation == "mean" else 1


class KeyResultStanding(NamedTuple):
    """The state of a key result on the day of the score, and the explanation of its losses."""

    scope: EvidenceScope
    key_result: KeyResult
    metric: Metric
    # `first_day` and `last_day` bound the evidence.
    first_day: date
    last_day: date
    has_begun: bool
    # None without a counted event.
    exact_value: ExactValue | None
    progress: float
    expected: float
    attainment: float
    # The measures of every source, canonical or not.
    sources: SourceMeasures
    # Events without the number of the metric.
    missing_value_count: int
    # Events in another unit than the metric.
    other_unit_count: int = 0
    # The other units; empty if not all of them are known.
    currencies: tuple[str, ...] = ()
    # The activity of the canonical source. None without one, or with too few days.
    source_activity: SourceActivity | None = None

    @property
    def has_evidence(self) -> bool:
        """True if any event counts."""
        return self.exact_value is not None

    @property
    def value(self) -> int | float | None:
        """The value as a JSON number, rounded once; None without evidence."""
        if self.exact_value is None:
            return None
        numerator, denominator = self.exact_value
        return (
            to_json_number(numerator)
            if denominator == 1
            else numerator / (denominator * FIXED_SCALE)
        )

    def detail(self, _: Loss) -> str:
        """Describe the progress, the expected progress and excluded events."""
        key = self.key_result.key
        if self.has_evidence:
            progress_percent = format_percent(self.progress)
            expected_percent = format_percent(self.expected)
            summary = (
                f"{key} is {progress_percent} of the way to its target, "
                f"{expected_percent} was expected by now"
            )
        elif self.sources:
            summary = (
                f"{self.metric.canonical_source}, the canonical source, has no event that counts "
                f"for {key}; others have"
            )
        else:
            expected_percent = format_percent(self.expected)
            summary = (
                f"no event counts for {key}, {expected_percent} of the way was expected by now"
            )
        return summary + self._describe_uncounted() + self._describe_silence()

    def _describe_uncounted(self) -> str:
        is_won_deals = self.metric.events == ("deal.won",)
        clauses = ""
        if self.missing_value_count and is_won_deals:
            deals_have = pluralize(self.missing_value_count, "won deal has", "won deals have")
            clauses = f"; {deals_have} no amount"
        elif self.missing_value_count:
            events_have = pluralize(self.missing_value_count, "event has", "events have")
            clauses = f"; {events_have} no number that could count"
        if self.other_unit_count:
            singular, plural = (
                ("won deal is", "won deals are") if is_won_deals else ("event is", "events are")
            )
            currencies_clause = f"in {join_names(self.currencies)}, " if self.currencies else ""
            events_are = pluralize(self.other_unit_count, singular, plural)
            clauses += f"; {events_are} left out: {currencies_clause}not in {self.metric.unit}"
            clauses += ", and no rate"
        return clauses

    def _describe_silence(self) -> str:
        """Describe the silence of the canonical source on the last day of the evidence."""
        if self.source_activity is None or not self.source_activity.is_silent_on(self.last_day):
            return ""
        silent_days = pluralize((self.last_day - self.source_activity.last_day).days, "day")
        return (
            f"; {self.metric.canonical_source}, its canonical source, has been silent since "
            f"{self.source_activity.last_day}: for {silent_days}, and never for more than "
            f"{self.source_activity.longest_gap_days} in the four weeks before"
        )

    def evidence(self, _: Loss) -> EvidenceQuery:
        """Return the query for the events behind the value."""
        source = self.metric.canonical_source
        source_filter = (("source", source),) if source is not None else ()
        return self.scope.event_evidence(
            self.first_day, self.last_day, ("counts_for", self.metric.key), *source_filter
        )


class WindowValue(NamedTuple):
    """The value of a metric window on the day of the score, as in KeyResultStanding."""

    metric: Metric
    first_day: date
    last_day: date
    has_begun: bool
    expected: float
    exact_value: ExactValue | None
    reading: MetricReading


class KeyResultProgress:
    """The progress of all key results of a playbook.

    Standings are built on demand, because only the losses that are shown need them.
    """

    __slots__ = (
        "_currencies",
        "_scope",
        "_source_activity",
        "attainments",
        "behind_count",
        "window_values",
    )

    def __init__(self, snapshot: Snapshot, scope: EvidenceScope) -> None:
        """Compute the progress on the day of a snapshot."""
        self._scope = scope
        self._currencies = snapshot.excluded_currencies
        self._source_activity = snapshot.source_activities
        self.window_values: dict[MetricWindow, WindowValue] = {}
        self.attainments: dict[str, float] = {}
        self.behind_count = 0
        day = snapshot.frame.day
        until = snapshot.frame.until
        progress_cache = snapshot.playbook_index.memoize(_ProgressCache)
        for window in snapshot.playbook_index.windows:
            metric_key, first_day, last_day = window
            has_begun = day >= first_day
            reading = snapshot.readings.get(window, EMPTY_READING)
            window_progress = progress_cache.get(
                window, reading if has_begun else reading._replace(sources=EMPTY_READING.sources)
            )
            expected = ratio((day - first_day).days + 1, (last_day - first_day).days + 1)
            metric = snapshot.configuration.metrics[metric_key]
            self.window_values[window] = WindowValue(
                metric,
                first_day,
                min(last_day, until),
                has_begun,
                expected,
                window_progress.exact_value,
                window_progress.reading,
            )
            remaining_share = 1.0 - expected
            # This is 1 - max(0, expected - progress). In this form, the attainment on the last day
            # is the progress to the last bit.
            attainments = [
                1.0 if progress >= expected else min(1.0, progress + remaining_share)
                for progress in window_progress.progress_values
            ]
            self.attainments.update(zip(window_progress.key_result_keys, attainments, strict=True))
            if window_progress.exact_value is not None:
                self.behind_count += len(attainments) - attainments.count(1.0)

    def build_standing(self, window: MetricWindow, key_result: KeyResult) -> KeyResultStanding:
        """Return the standing of a key result in its window."""
        metric, first_day, last_day, has_begun, expected, exact_value, reading = self.window_values[
            window
        ]
        progress = 0.0 if exact_value is None else _compute_progress(key_result, exact_value)
        attainment = self.attainments[key_result.key]
        measured_fields = (
            exact_value,
            progress,
            expected,
            attainment,
            reading.sources,
            reading.missing_value_count,
            reading.other_unit_count,
        )
        annotations = (
            self._currencies.get(window, ()),
            self._source_activity.get(metric.canonical_source or ""),
        )
        return KeyResultStanding(
            self._scope,
            key_result,
            metric,
            first_day,
            last_day,
            has_begun,
            *measured_fields,
            *annotations,
        )


class _WindowProgress(NamedTuple):
    """The reading of a window, its value, and the progress of each of its key results."""

    reading: MetricReading
    exact_value: ExactValue | None
    key_result_keys: Sequence[str]
    progress_values: Sequence[float]


class _ProgressCache:
    """Progress by window, recomputed when the reading of the window changes."""

    def __init__(self, playbook_index: PlaybookIndex) -> None:
        self._playbook_index = playbook_index
        self._progress_by_window: dict[MetricWindow, _WindowProgress] = {}

    def get(self, window: MetricWindow, reading: MetricReading) -> _WindowProgress:
        window_progress = self._progress_by_window.get(window)
        if window_progress is None or (
            window_progress.reading is not reading and window_progress.reading != reading
        ):
            window_progress = self._progress_by_window[window] = self._compute(window, reading)
        return window_progress

    def _compute(self, window: MetricWindow, reading: MetricReading) -> _WindowProgress:
        metric = self._playbook_index.configuration.metrics[window[0]]
        key_results = self._playbook_index.windows[window]
        exact_value = aggregate_value(metric.aggregation, _select_sources(metric, reading.sources))
        progress_values = [
            0.0 if exact_value is None else _compute_progress(key_result, exact_value)
            for key_result in key_results
        ]
        return _WindowProgress(
            reading, exact_value, [key_result.key for key_result in key_results], progress_values
        )


def _select_sources(metric: Metric, sources: SourceMeasures) -> SourceMeasures:
    """Return the sources that count: the canonical one, or all without one."""
    canonical = metric.canonical_source
    if canonical is None:
        return sources
    return {canonical: sources[canonical]} if canonical in sources else EMPTY_READING.sources


def _compute_progress(key_result: KeyResult, exact_value: ExactValue) -> float:
    """Return the progress from baseline to target."""
    numerator, denominator = exact_value
    return ratio(
        numerator - key_result.baseline * denominator,
        (key_result.target - key_result.baseline) * denominator,
    )
