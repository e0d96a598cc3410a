"""How far a key result has come, and how far it should be by now."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from app.domain.events.metrics import Metric
from app.domain.playbook.objectives import KeyResult
from app.domain.primitives.decimals import ONE, number
from app.domain.sources.silence import Heard
from app.scoring.averages import ratio
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.phrases import counted, listed, percent
from app.scoring.playbook_index import Plan, Window
from app.scoring.snapshot import Measure, Said, Snapshot

Exact = tuple[int, int]  # a value in ten-thousandths, as numerator and positive denominator
Sources = Mapping[str, Measure]
NOTHING: Final = Said({})


def value(aggregation: str, sources: Sources) -> Exact | None:
    """What a metric comes to over all of those sources together; None without any."""
    if not sources:
        return None
    if aggregation == "last":
        newest = max(
            (m.last[0], source, m.last[1], m.last[2])
            for source, m in sources.items()
            if m.last is not None
        )
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
            said = f"{self.metric.canonical_source}, the canonical source, has no event that counts for {key}; others have"
        else:
            said = f"no event counts for {key}, {percent(self.expected)} of the way was expected by now"
        return said + self._uncounted() + self._silence()

    def _uncounted(self) -> str:
        won = self.metric.events == ("deal.won",)
        said = ""
        if self.unknown and won:
            said = f"; {counted(self.unknown, 'won deal has', 'won deals have')} no amount"
        elif self.unknown:
            said = (
                f"; {counted(self.unknown, 'event has', 'events have')} no number that could count"
            )
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


class Stretch(NamedTuple):
    """A window on the day of the score, and the value that its events make; see Standing for what is in it."""

    metric: Metric
    first: date
    last: date
    begun: bool
    expected: float
    exact: Exact | None
    said: Said


class Pace:
    """How far all key results of a plan have come; what one comes to in detail is made only when it is asked for.

    Shape: `attainments` by key result, `stretches` by window; `behind` is how many of those with evidence attain less
    than 1.
    """

    __slots__ = ("_currencies", "_heard", "_scope", "attainments", "behind", "stretches")

    def __init__(self, snapshot: Snapshot, scope: Scope) -> None:
        """On the day of that snapshot."""
        self._scope, self._currencies, self._heard = scope, snapshot.currencies, snapshot.heard
        self.stretches: dict[Window, Stretch] = {}
        self.attainments: dict[str, float] = {}
        self.behind = 0
        day, until, came = snapshot.frame.day, snapshot.frame.until, snapshot.plan.once(_Came)
        for place in snapshot.plan.windows:
            key, first, last = place
            begun, said = day >= first, snapshot.said.get(place, NOTHING)
            way = came.by(place, said if begun else said._replace(sources=NOTHING.sources))
            expected = ratio((day - first).days + 1, (last - first).days + 1)
            metric = snapshot.configuration.metrics[key]
            self.stretches[place] = Stretch(
                metric, first, min(last, until), begun, expected, way.exact, way.said
            )
            left = 1.0 - expected
            # 1 - max(0, expected - progress), written so that on the last day it is the progress to the last bit.
            attained = [1.0 if p >= expected else min(1.0, p + left) for p in way.progress]
            self.attainments.update(zip(way.keys, attained, strict=True))
            if way.exact is not None:
                self.behind += len(attained) - attained.count(1.0)

    def standing(self, place: Window, result: KeyResult) -> Standing:
        """Where that key result, whose window it is, stands."""
        metric, first, last, begun, expected, exact, said = self.stretches[place]
        progress = 0.0 if exact is None else _progress(result, exact)
        attainment = self.attainments[result.key]
        counted = (
            exact,
            progress,
            expected,
            attainment,
            said.sources,
            said.unknown,
            said.other_unit,
        )
        remarks = self._currencies.get(place, ()), self._heard.get(metric.canonical_source or "")
        return Standing(self._scope, result, metric, first, last, begun, *counted, *remarks)


class _Way(NamedTuple):
    """What was said of a window, the value it makes, and how far each of its key results has come by it."""

    said: Said
    exact: Exact | None
    keys: Sequence[str]
    progress: Sequence[float]


class _Came:
    """How far key results have come; worked out anew only for a window of which something else is said."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[Window, _Way] = {}

    def by(self, place: Window, said: Said) -> _Way:
        known = self._known.get(place)
        if known is None or (known.said is not said and known.said != said):
            known = self._known[place] = self._way(place, said)
        return known

    def _way(self, place: Window, said: Said) -> _Way:
        metric, results = self._plan.configuration.metrics[place[0]], self._plan.windows[place]
        exact = value(metric.aggregation, _counting(metric, said.sources))
        progress = [0.0 if exact is None else _progress(result, exact) for result in results]
        return _Way(said, exact, [result.key for result in results], progress)


def _counting(metric: Metric, sources: Sources) -> Sources:
    """The sources that make the value: the canonical one where there is one."""
    canonical = metric.canonical_source
    if canonical is None:
        return sources
    return {canonical: sources[canonical]} if canonical in sources else NOTHING.sources


def _progress(result: KeyResult, exact: Exact) -> float:
    """The way gone from baseline to target."""
    numerator, denominator = exact
    return ratio(
        numerator - result.baseline * denominator, (result.target - result.baseline) * denominator
    )
