"""How far a key result has come, and how far it should be by now."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.domain.fixed import ONE, number
from app.domain.metrics import Metric
from app.domain.objectives import KeyResult
from app.scoring.evidence import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.means import ratio
from app.scoring.snapshot import Measure, Snapshot, window
from app.scoring.words import counted, percent

Exact = tuple[int, int]  # a value in ten-thousandths, as numerator and positive denominator
Sources = Mapping[str, Measure]


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

    Shape: `first` and `last` bound its evidence; `exact` is None without an event that makes its value; `silent` is
    true when the canonical source says nothing and others do; `unknown` counts events that lack the number asked for.
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
    silent: bool
    unknown: int

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
        elif self.silent:
            said = (
                f"{self.metric.canonical_source}, the canonical source, has no event that counts for {key}; others have"
            )
        else:
            said = f"no event counts for {key}, {percent(self.expected)} of the way was expected by now"
        return said + self._uncounted()

    def _uncounted(self) -> str:
        if not self.unknown:
            return ""
        if self.metric.events == ("deal.won",):
            return f"; {counted(self.unknown, 'won deal has', 'won deals have')} no amount"
        return f"; {counted(self.unknown, 'event has', 'events have')} no number that could count"

    def evidence(self, _: Loss) -> Evidence:
        """The events that make its value."""
        source = self.metric.canonical_source
        canonical = (("source", source),) if source is not None else ()
        return self.scope.events(self.first, self.last, ("counts_for", self.metric.key), *canonical)


def standings(snapshot: Snapshot, scope: Scope, results: Sequence[KeyResult]) -> Mapping[str, Standing]:
    """Where each of the key results stands, by its key."""
    said = by_source(snapshot)
    return {result.key: _standing(snapshot, scope, result, said.get(result.key, {})) for result in results}


def by_source(snapshot: Snapshot) -> Mapping[str, Sources]:
    """What each source says of a key result, by key result and source."""
    found: dict[str, dict[str, Measure]] = {}
    for (result, source), measure in snapshot.measures.items():
        found.setdefault(result, {})[source] = measure
    return found


def _standing(snapshot: Snapshot, scope: Scope, result: KeyResult, said: Sources) -> Standing:
    frame, metric = snapshot.frame, snapshot.configuration.metrics[result.metric]
    starts_on, ends_on = window(result, snapshot.configuration.playbooks[frame.playbook])
    begun = frame.day >= starts_on
    exact = value(metric.aggregation, _counting(metric, said)) if begun else None
    expected = ratio((frame.day - starts_on).days + 1, (ends_on - starts_on).days + 1)
    progress = _progress(result, exact)
    return Standing(
        scope=scope,
        result=result,
        metric=metric,
        first=starts_on,
        last=min(ends_on, frame.until),
        begun=begun,
        exact=exact,
        progress=progress,
        expected=expected,
        attainment=1.0 - max(0.0, expected - progress),
        silent=begun and exact is None and bool(said),
        unknown=snapshot.unknown.get(result.key, 0),
    )


def _counting(metric: Metric, said: Sources) -> Sources:
    """The sources that make the value: the canonical one where there is one."""
    canonical = metric.canonical_source
    if canonical is None:
        return said
    return {canonical: said[canonical]} if canonical in said else {}


def _progress(result: KeyResult, exact: Exact | None) -> float:
    """The way gone from baseline to target; none without evidence."""
    if exact is None:
        return 0.0
    numerator, denominator = exact
    return ratio(numerator - result.baseline * denominator, (result.target - result.baseline) * denominator)
