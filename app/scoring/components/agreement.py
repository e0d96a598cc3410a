"""agreement: whether everyone looks at the same data."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.domain.playbook.objectives import KeyResult
from app.scoring.averages import mean, ratio
from app.scoring.context import Context
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.key_result_progress import Exact, Stretch, value
from app.scoring.ledger import Loss
from app.scoring.phrases import among, counted, listed, percent, verb
from app.scoring.playbook_index import Plan, Window, window
from app.scoring.result import Figure, silent
from app.scoring.snapshot import Said

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
    score = mean([context.plan.objectives[key].priority for key in values], values.values())
    parts = [part for compared in found.values() for part in compared]
    differing = sum(part.value < 1 for part in parts)
    summary = f"sources disagree on {among(differing, len(parts), 'key result')}"
    return Figure(score, 1.0, score, summary, partial(_losses, context, found))


def agreements(context: Context) -> Mapping[str, float]:
    """How far the sources agree, by objective; those are not in it on which no second source has a say."""
    return _values(_compared(context))


def _values(found: Mapping[str, Sequence[Compared]]) -> Mapping[str, float]:
    return {
        key: mean([part.result.weight for part in compared], [part.value for part in compared])
        for key, compared in found.items()
    }


def has_canonical(context: Context) -> bool:
    """Whether a metric of a key result that scores has a canonical source."""
    metrics = context.snapshot.configuration.metrics
    return any(metrics[metric].canonical_source is not None for metric in context.plan.leads)


def _compared(context: Context) -> dict[str, list[Compared]]:
    """The key results on which more than one source has a say, by objective."""
    known = context.plan.once(_Known)
    found: dict[str, list[Compared]] = {}
    for place, stretch in context.pace.stretches.items():
        for one in known.compared(place, stretch):
            found.setdefault(one.result.objective, []).append(one)
    return {key: found[key] for key in context.plan.objectives if key in found}


class _Known:
    """What was compared; compared anew only where something else is said."""

    def __init__(self, plan: Plan) -> None:
        self._windows = plan.windows
        self._found: dict[Window, tuple[Said, Sequence[Compared]]] = {}

    def compared(self, place: Window, stretch: Stretch) -> Sequence[Compared]:
        """All key results of a window on which more than one source has a say."""
        known = self._found.get(place)
        if known is None or known[0] is not stretch.said:
            compared = _compare(stretch)
            rows = (
                [Compared(result, *compared) for result in self._windows[place]]
                if compared is not None
                else ()
            )
            known = self._found[place] = stretch.said, rows
        return known[1]


def _compare(stretch: Stretch) -> tuple[str, tuple[str, ...], bool, float] | None:
    """The canonical source, the others, whether it is silent, and how near they are; None with nothing to compare."""
    metric, sources = stretch.metric, stretch.said.sources
    others = tuple(sorted(source for source in sources if source != metric.canonical_source))
    if metric.canonical_source is None or not others:
        return None
    truth = stretch.exact
    if truth is None:
        return metric.canonical_source, others, True, 0.0
    said = [value(metric.aggregation, {source: sources[source]}) for source in others]
    return (
        metric.canonical_source,
        others,
        False,
        min(agree(exact, truth) for exact in said if exact is not None),
    )


def _losses(
    context: Context, found: Mapping[str, Sequence[Compared]], weight: float
) -> Iterator[Loss]:
    total = sum(context.plan.objectives[objective].priority for objective in found)
    for objective, compared in found.items():
        whole = weight * (context.plan.objectives[objective].priority / total)
        weights = sum(part.result.weight for part in compared)
        for metric, parts in sorted(_by_metric(compared).items()):
            points = fsum(part.result.weight / weights * (1 - part.value) for part in parts)
            account = _account(context, metric, parts)
            yield Loss(
                NAME,
                "sources_disagree",
                whole * points,
                account,
                objective=objective,
                metric=metric,
            )


def _by_metric(compared: Iterable[Compared]) -> Mapping[str, list[Compared]]:
    """Those on which sources differ, by metric, in the order of their keys."""
    found: dict[str, list[Compared]] = {}
    for part in sorted(compared, key=lambda one: one.result.key):
        if part.value < 1:
            found.setdefault(part.result.metric, []).append(part)
    return found


def _account(context: Context, metric: str, parts: Sequence[Compared]) -> Disagreement:
    found = [context.pace.stretches[window(part.result, context.plan.playbook)] for part in parts]
    windows = tuple(sorted({(stretch.first, stretch.last) for stretch in found}))
    return Disagreement(context.scope, metric, tuple(parts), windows)
