"""agreement: whether all sources report the same values."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.domain.playbook.objectives import KeyResult
from app.scoring.averages import ratio, weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.key_result_progress import ExactValue, WindowValue, aggregate_value
from app.scoring.ledger import Loss
from app.scoring.phrases import choose_verb_form, format_percent, join_names, pluralize, x_of_y
from app.scoring.playbook_index import MetricWindow, PlaybookIndex, window_of
from app.scoring.result import Figure, figure_without_evidence
from app.scoring.snapshot import MetricReading

NAME: Final = "agreement"


class KeyResultComparison(NamedTuple):
    """A key result that more than one source reports."""

    key_result: KeyResult
    canonical_source: str
    # All sources except the canonical one.
    other_sources: tuple[str, ...]
    is_canonical_silent: bool
    agreement: float


class Disagreement(NamedTuple):
    """Key results of one objective whose sources disagree on a metric."""

    scope: EvidenceScope
    metric: str
    comparisons: tuple[KeyResultComparison, ...]
    # Distinct and sorted.
    windows: tuple[tuple[date, date], ...]

    def detail(self, _: Loss) -> str:
        """Name the sources that differ from the canonical one, and the largest difference."""
        worst_comparison = min(self.comparisons, key=lambda comparison: comparison.agreement)
        source_names = sorted(
            {source for comparison in self.comparisons for source in comparison.other_sources}
        )
        other_sources = join_names(source_names)
        if worst_comparison.is_canonical_silent:
            reporting = (
                f"{other_sources} {choose_verb_form(len(source_names), 'reports', 'report')}"
            )
            sentence_start = (
                f"{worst_comparison.canonical_source}, the canonical source of {self.metric}, "
                f"is silent while {reporting}"
            )
        else:
            all_sources = join_names([*source_names, worst_comparison.canonical_source])
            difference = format_percent(1 - worst_comparison.agreement)
            sentence_start = f"{all_sources} differ by up to {difference} on {self.metric}"
        windows_clause = f", over {pluralize(len(self.windows), 'window')} of its key results"
        return sentence_start + (windows_clause if len(self.windows) > 1 else "")

    def evidence(self, _: Loss) -> EvidenceQuery:
        """Return the query for the events of all sources in the windows that differ."""
        return self.scope.event_evidence_within(self.windows, ("counts_for", self.metric))


def compute_agreement(left_value: ExactValue, right_value: ExactValue) -> float:
    """Return how close two values are, relative to the larger one; rounded once."""
    scaled_left = left_value[0] * right_value[1]
    scaled_right = right_value[0] * left_value[1]
    larger_magnitude = max(abs(scaled_left), abs(scaled_right))
    return (
        ratio(larger_magnitude - abs(scaled_left - scaled_right), larger_magnitude)
        if larger_magnitude
        else 1.0
    )


def compute_figure(context: ScoringContext) -> Figure:
    """Return the mean agreement by priority, over the objectives with a second source.

    The figure is silent without such an objective.
    """
    if not has_canonical_source(context):
        return figure_without_evidence(
            "no metric of a key result has a canonical source", applies=False
        )
    comparisons_by_objective = _compare_key_results(context)
    if not comparisons_by_objective:
        return figure_without_evidence("no second source reports on a key result")
    agreement_by_objective = _mean_agreements(comparisons_by_objective)
    score = weighted_mean(
        [
            context.playbook_index.objectives[objective_key].priority
            for objective_key in agreement_by_objective
        ],
        agreement_by_objective.values(),
    )
    all_comparisons = [
        comparison
        for comparisons in comparisons_by_objective.values()
        for comparison in comparisons
    ]
    differing_count = sum(comparison.agreement < 1 for comparison in all_comparisons)
    summary = f"sources disagree on {x_of_y(differing_count, len(all_comparisons), 'key result')}"
    return Figure(
        score, 1.0, score, summary, partial(_iterate_losses, context, comparisons_by_objective)
    )


def compute_agreements(context: ScoringContext) -> Mapping[str, float]:
    """Return the agreement of sources by objective.

    Objectives without a second source are absent.
    """
    return _mean_agreements(_compare_key_results(context))


def _mean_agreements(
    comparisons_by_objective: Mapping[str, Sequence[KeyResultComparison]],
) -> Mapping[str, float]:
    return {
        objective_key: weighted_mean(
            [comparison.key_result.weight for comparison in comparisons],
            [comparison.agreement for comparison in comparisons],
        )
        for objective_key, comparisons in comparisons_by_objective.items()
    }


def has_canonical_source(context: ScoringContext) -> bool:
    """Return True if a metric of a scored key result has a canonical source."""
    metrics = context.snapshot.configuration.metrics
    return any(
        metrics[metric].canonical_source is not None
        for metric in context.playbook_index.objectives_by_metric
    )


def _compare_key_results(context: ScoringContext) -> dict[str, list[KeyResultComparison]]:
    """Return the key results that more than one source reports, by objective."""
    comparison_cache = context.playbook_index.memoize(_ComparisonCache)
    comparisons_by_objective: dict[str, list[KeyResultComparison]] = {}
    for window, window_value in context.key_result_progress.window_values.items():
        for comparison in comparison_cache.compare_window(window, window_value):
            comparisons_by_objective.setdefault(comparison.key_result.objective, []).append(
                comparison
            )
    return {
        objective_key: comparisons_by_objective[objective_key]
        for objective_key in context.playbook_index.objectives
        if objective_key in comparisons_by_objective
    }


class _ComparisonCache:
    """Comparisons by window, recomputed when the reading of the window changes."""

    def __init__(self, playbook_index: PlaybookIndex) -> None:
        self._windows = playbook_index.windows
        self._comparisons: dict[
            MetricWindow, tuple[MetricReading, Sequence[KeyResultComparison]]
        ] = {}

    def compare_window(
        self, window: MetricWindow, window_value: WindowValue
    ) -> Sequence[KeyResultComparison]:
        """Return the comparisons of a window's key results with more than one source."""
        cached = self._comparisons.get(window)
        if cached is None or cached[0] is not window_value.reading:
            source_comparison = _compare_sources(window_value)
            comparisons = (
                [
                    KeyResultComparison(key_result, *source_comparison)
                    for key_result in self._windows[window]
                ]
                if source_comparison is not None
                else ()
            )
            cached = self._comparisons[window] = window_value.reading, comparisons
        return cached[1]


def _compare_sources(window_value: WindowValue) -> tuple[str, tuple[str, ...], bool, float] | None:
    """Return the canonical source, the others, whether it is silent, and the agreement.

    Return None if there is nothing to compare.
    """
    metric = window_value.metric
    sources = window_value.reading.sources
    other_sources = tuple(sorted(source for source in sources if source != metric.canonical_source))
    if metric.canonical_source is None or not other_sources:
        return None
    canonical_value = window_value.exact_value
    if canonical_value is None:
        return metric.canonical_source, other_sources, True, 0.0
    reported_values = [
        aggregate_value(metric.aggregation, {source: sources[source]}) for source in other_sources
    ]
    return (
        metric.canonical_source,
        other_sources,
        False,
        min(
            compute_agreement(reported_value, canonical_value)
            for reported_value in reported_values
            if reported_value is not None
        ),
    )


def _iterate_losses(
    context: ScoringContext,
    comparisons_by_objective: Mapping[str, Sequence[KeyResultComparison]],
    weight: float,
) -> Iterator[Loss]:
    total = sum(
        context.playbook_index.objectives[objective].priority
        for objective in comparisons_by_objective
    )
    for objective, comparisons in comparisons_by_objective.items():
        objective_weight = weight * (context.playbook_index.objectives[objective].priority / total)
        total_weight = sum(comparison.key_result.weight for comparison in comparisons)
        for metric, metric_comparisons in sorted(_group_by_metric(comparisons).items()):
            lost_share = fsum(
                comparison.key_result.weight / total_weight * (1 - comparison.agreement)
                for comparison in metric_comparisons
            )
            explanation = _explain_disagreement(context, metric, metric_comparisons)
            yield Loss(
                NAME,
                "sources_disagree",
                objective_weight * lost_share,
                explanation,
                objective=objective,
                metric=metric,
            )


def _group_by_metric(
    comparisons: Iterable[KeyResultComparison],
) -> Mapping[str, list[KeyResultComparison]]:
    """Group the comparisons that differ by metric, in the order of the keys."""
    comparisons_by_metric: dict[str, list[KeyResultComparison]] = {}
    for comparison in sorted(comparisons, key=lambda candidate: candidate.key_result.key):
        if comparison.agreement < 1:
            comparisons_by_metric.setdefault(comparison.key_result.metric, []).append(comparison)
    return comparisons_by_metric


def _explain_disagreement(
    context: ScoringContext, metric: str, comparisons: Sequence[KeyResultComparison]
) -> Disagreement:
    window_values = [
        context.key_result_progress.window_values[
            window_of(comparison.key_result, context.playbook_index.playbook)
        ]
        for comparison in comparisons
    ]
    periods = tuple(
        sorted({(window_value.first_day, window_value.last_day) for window_value in window_values})
    )
    return Disagreement(context.scope, metric, tuple(comparisons), periods)
