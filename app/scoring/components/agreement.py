"""agreement: whether everyone looks at the same data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.domain.objectives import KeyResult
from app.scoring.alignment import Figure, silent
from app.scoring.context import Context
from app.scoring.evidence import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.means import mean, ratio
from app.scoring.pace import Exact, Standing, value
from app.scoring.words import among, counted, listed, percent, verb

NAME: Final = "agreement"


class Compared(NamedTuple):
    """A key result on which more than one source has a say. Shape: `others` are all but the canonical one."""

    result: KeyResult
    canonical: str
    others: tuple[str, ...]
    silent: bool
    value: float


class Disagreement(NamedTuple):
    """Key results of one objective on whose metric sources disagree. Shape: `windows` are distinct, in order."""

    scope: Scope
    metric: str
    compared: tuple[Compared, ...]
    windows: tuple[tuple[date, date], ...]

    def detail(self, _: Loss) -> str:
        """Who disagrees with the canonical source and by how much at most."""
        worst = min(self.compared, key=lambda found: found.value)
        names = sorted({source for found in self.compared for source in found.others})
        others = listed(names)
        if worst.silent:
            reports = f"{others} {verb(len(names), 'reports', 'report')}"
            said = f"{worst.canonical}, the canonical source of {self.metric}, is silent while {reports}"
        else:
            everyone = listed([*names, worst.canonical])
            said = f"{everyone} differ by up to {percent(1 - worst.value)} on {self.metric}"
        several = f", over {counted(len(self.windows), 'window')} of its key results"
        return said + (several if len(self.windows) > 1 else "")

    def evidence(self, _: Loss) -> Evidence:
        """The events of every source that count for the metric, in the windows in which they differ."""
        return self.scope.within(self.windows, ("counts_for", self.metric))


def agree(one: Exact, other: Exact) -> float:
    """How near two values are to each other, relative to the larger; rounded once."""
    left, right = one[0] * other[1], other[0] * one[1]
    larger = max(abs(left), abs(right))
    return ratio(larger - abs(left - right), larger) if larger else 1.0


def figure(context: Context) -> Figure:
    """The mean of the agreement of sources by priority, over the objectives that have one; silent without any."""
    if not has_canonical(context):
        return silent("no metric of a key result has a canonical source", applies=False)
    found = _compared(context)
    if not found:
        return silent("no second source reports on a key result")
    values = _values(found)
    score = mean((context.objectives[key].priority, value) for key, value in values.items())
    parts = [part for compared in found.values() for part in compared]
    differing = sum(part.value < 1 for part in parts)
    summary = f"sources disagree on {among(differing, len(parts), 'key result')}"
    return Figure(score, 1.0, score, summary, partial(_losses, context, found))


def agreements(context: Context) -> Mapping[str, float]:
    """How far the sources agree, by objective; those are not in it on which no second source has a say."""
    return _values(_compared(context))


def _values(found: Mapping[str, Sequence[Compared]]) -> Mapping[str, float]:
    return {key: mean((part.result.weight, part.value) for part in compared) for key, compared in found.items()}


def has_canonical(context: Context) -> bool:
    """Whether a metric of a key result that scores has a canonical source."""
    metrics = context.snapshot.configuration.metrics
    return any(metrics[metric].canonical_source is not None for metric in context.leads)


def _compared(context: Context) -> dict[str, list[Compared]]:
    """The key results on which more than one source has a say, by objective."""
    found: dict[str, list[Compared]] = {}
    for standing in context.standings.values():
        compared = _compare(standing) if standing.metric.canonical_source is not None and standing.sources else None
        if compared is not None:
            found.setdefault(standing.result.objective, []).append(compared)
    return found


def _compare(standing: Standing) -> Compared | None:
    metric, sources = standing.metric, standing.sources
    others = tuple(sorted(source for source in sources if source != metric.canonical_source))
    if metric.canonical_source is None or not others:
        return None
    truth = standing.exact
    if truth is None:
        return Compared(standing.result, metric.canonical_source, others, silent=True, value=0.0)
    said = [value(metric.aggregation, {source: sources[source]}) for source in others]
    nearness = min(agree(exact, truth) for exact in said if exact is not None)
    return Compared(standing.result, metric.canonical_source, others, silent=False, value=nearness)


def _losses(context: Context, found: Mapping[str, Sequence[Compared]], weight: float) -> Iterator[Loss]:
    total = sum(context.objectives[objective].priority for objective in found)
    for objective, compared in found.items():
        whole = weight * (context.objectives[objective].priority / total)
        weights = sum(part.result.weight for part in compared)
        for metric, parts in sorted(_by_metric(compared).items()):
            points = fsum(part.result.weight / weights * (1 - part.value) for part in parts)
            account = _account(context, metric, parts)
            yield Loss(NAME, "sources_disagree", whole * points, account, objective=objective, metric=metric)


def _by_metric(compared: Iterable[Compared]) -> Mapping[str, list[Compared]]:
    """Those on which sources differ, by metric."""
    found: dict[str, list[Compared]] = {}
    for part in compared:
        if part.value < 1:
            found.setdefault(part.result.metric, []).append(part)
    return found


def _account(context: Context, metric: str, parts: Sequence[Compared]) -> Disagreement:
    stand = [context.standings[part.result.key] for part in parts]
    windows = tuple(sorted({(standing.first, standing.last) for standing in stand}))
    return Disagreement(context.scope, metric, tuple(parts), windows)
