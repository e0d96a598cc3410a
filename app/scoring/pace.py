"""How far a key result has come, and how far it should be by now."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from app.domain.fixed import ONE, number
from app.domain.metrics import Metric
from app.domain.objectives import KeyResult
from app.domain.silence import Heard
from app.scoring.evidence import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.means import ratio
from app.scoring.snapshot import Measure, Snapshot, window
from app.scoring.words import counted, listed, percent

Exact = tuple[int, int]  # a value in ten-thousandths, as numerator and positive denominator
Sources = Mapping[str, Measure]
NOTHING: Final[Sources] = {}


def value(aggregation: str, sources: Sources) -> Exact | None:
    """What a metric comes to over all of those sources together; None without any."""
    if not sources:
        return None
    if aggregation == "last":
        newest = max((m.last[0], source, m.last[1], m.last[2]) for source, m in sources.items() if m.last is not None)
        return newest[3], 1
    if aggregation == "min":
        return min(measure.low for measure in sources.values() if measure.low is not None), 1
    if aggregation == "max":
        return max(measure.high for measure in sources.values() if measure.high is not None), 1
    count = total = 0
    for measure in sources.values():
        count += measure.count
        total += measure.total
    if aggregation == "count":
        return count * ONE, 1
    return total, count if aggregation == "mean" else 1


class Standing(NamedTuple):
    """One key result on the day of the score; it accounts for what is lost on it.

    Shape: `first` and `last` bound its evidence; `exact` is None without an event that makes its value; `sources` is
    what each source says, canonical or not; `unknown` counts events that lack the number asked for,
    `other_unit` those in another unit than the metric, which are in these `currencies` (none: not all are known).
    None when too little is known of its canonical source, or it has none: `heard`.
    """

    scope: Scope
    result: KeyResult
    metric: Metric
    first: date
    last: date
    begun: bool
    exact: Exact | None
    progress: float
    expected: float
    attainment: float
    sources: Sources
    unknown: int
    other_unit: int = 0
    currencies: tuple[str, ...] = ()
    heard: Heard | None = None

    @property
    def measured(self) -> bool:
        """Whether any event makes its value."""
        return self.exact is not None

    @property
    def value(self) -> int | float | None:
        """Its value as it stands on the wire, rounded once; None without evidence."""
        if self.exact is None:
            return None
        numerator, denominator = self.exact
        return number(numerator) if denominator == 1 else numerator / (denominator * ONE)

    def detail(self, _: Loss) -> str:
        """How far it is and should be, and what could not be counted."""
        key = self.result.key
        if self.measured:
            way, due = percent(self.progress), percent(self.expected)
            said = f"{key} is {way} of the way to its target, {due} was expected by now"
        elif self.sources:
            said = (
                f"{self.metric.canonical_source}, the canonical source, has no event that counts for {key}; others have"
            )
        else:
            said = f"no event counts for {key}, {percent(self.expected)} of the way was expected by now"
        return said + self._uncounted() + self._silence()

    def _uncounted(self) -> str:
        won = self.metric.events == ("deal.won",)
        said = ""
        if self.unknown and won:
            said = f"; {counted(self.unknown, 'won deal has', 'won deals have')} no amount"
        elif self.unknown:
            said = f"; {counted(self.unknown, 'event has', 'events have')} no number that could count"
        if self.other_unit:
            one, many = ("won deal is", "won deals are") if won else ("event is", "events are")
            which = f"in {listed(self.currencies)}, " if self.currencies else ""
            said += f"; {counted(self.other_unit, one, many)} left out: {which}not in {self.metric.unit}, and no rate"
        return said

    def _silence(self) -> str:
        """Since when its canonical source is silent, as it was on the last day of its evidence."""
        if self.heard is None or not self.heard.silent_on(self.last):
            return ""
        gone = counted((self.last - self.heard.last).days, "day")
        said = f"{self.metric.canonical_source}, its canonical source, has been silent since {self.heard.last}"
        return f"; {said}: for {gone}, and never for more than {self.heard.usual} in the four weeks before"

    def evidence(self, _: Loss) -> Evidence:
        """The events that make its value."""
        source = self.metric.canonical_source
        canonical = (("source", source),) if source is not None else ()
        return self.scope.events(self.first, self.last, ("counts_for", self.metric.key), *canonical)


class _Window(NamedTuple):
    """A key result's days. Shape: `last` is the last one with evidence; `expected` is the elapsed share."""

    first: date
    last: date
    begun: bool
    expected: float


def standings(snapshot: Snapshot, scope: Scope, results: Sequence[KeyResult]) -> Mapping[str, Standing]:
    """Where each of the key results stands, by its key."""
    said = _by_source(snapshot)
    metrics, playbook = snapshot.configuration.metrics, snapshot.configuration.playbooks[snapshot.frame.playbook]
    windows: dict[tuple[date, date], _Window] = {}  # most key results share one
    found = {}
    for result in results:
        days = window(result, playbook)
        if days not in windows:
            windows[days] = _window(snapshot, *days)
        sources = said.get(result.key, NOTHING) if windows[days].begun else NOTHING
        unknown = snapshot.unknown.get(result.key, 0)
        standing = _standing(scope, result, metrics[result.metric], windows[days], sources, unknown)
        found[result.key] = standing._replace(
            other_unit=snapshot.other_unit.get(result.key, 0),
            currencies=snapshot.currencies.get(result.key, ()),
            heard=snapshot.heard.get(standing.metric.canonical_source or ""),
        )
    return found


def _by_source(snapshot: Snapshot) -> Mapping[str, Sources]:
    """What each source says of a key result, by key result and source."""
    found: dict[str, dict[str, Measure]] = {}
    for (result, source), measure in snapshot.measures.items():
        found.setdefault(result, {})[source] = measure
    return found


def _window(snapshot: Snapshot, first: date, last: date) -> _Window:
    day = snapshot.frame.day
    expected = ratio((day - first).days + 1, (last - first).days + 1)
    return _Window(first, min(last, snapshot.frame.until), day >= first, expected)


def _standing(  # one line of facts each, gathered by its only caller
    scope: Scope, result: KeyResult, metric: Metric, days: _Window, sources: Sources, unknown: int
) -> Standing:
    exact = value(metric.aggregation, _counting(metric, sources))
    progress = _progress(result, exact)
    # 1 - max(0, expected - progress), written so that on the last day it is the progress to the last bit.
    attainment = 1.0 if progress >= days.expected else min(1.0, progress + (1.0 - days.expected))
    return Standing(scope, result, metric, *days[:3], exact, progress, days.expected, attainment, sources, unknown)


def _counting(metric: Metric, sources: Sources) -> Sources:
    """The sources that make the value: the canonical one where there is one."""
    canonical = metric.canonical_source
    if canonical is None:
        return sources
    return {canonical: sources[canonical]} if canonical in sources else NOTHING


def _progress(result: KeyResult, exact: Exact | None) -> float:
    """The way gone from baseline to target; none without evidence."""
    if exact is None:
        return 0.0
    numerator, denominator = exact
    return ratio(numerator - result.baseline * denominator, (result.target - result.baseline) * denominator)
