"""outcomes: whether the key results are on pace."""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from app.domain.playbook.objectives import KeyResult
from app.scoring.averages import ratio, weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.key_result_progress import KeyResultProgress, KeyResultStanding
from app.scoring.ledger import Loss
from app.scoring.phrases import choose_verb_form, pluralize, x_of_y
from app.scoring.playbook_index import MetricWindow, window_of
from app.scoring.result import Figure, figure_without_evidence

NAME: Final = "outcomes"


class UnmeasuredObjective(NamedTuple):
    """Explains an objective without key results."""

    scope: EvidenceScope
    objective: str

    def detail(self, _: Loss) -> str:
        """Describe the missing key result."""
        return f"{self.objective} has no key result: nobody can tell whether it is met"

    def evidence(self, _: Loss) -> EvidenceQuery:
        """Return the query for the key results of the objective, an empty list."""
        return self.scope.configuration_evidence("key-results", "objective", self.objective)


class KeyResultShortfall(NamedTuple):
    """Explains a key result below its expected progress.

    Its standing is computed on demand, because only the losses that are shown need it.
    """

    key_result_progress: KeyResultProgress
    window: MetricWindow
    key_result: KeyResult

    @property
    def key_result_standing(self) -> KeyResultStanding:
        """The standing of the key result."""
        return self.key_result_progress.build_standing(self.window, self.key_result)

    def __eq__(self, other: object) -> bool:
        """Compare the standings."""
        return (
            isinstance(other, KeyResultShortfall)
            and self.key_result_standing == other.key_result_standing
        )

    def __ne__(self, other: object) -> bool:
        """Compare the standings; NamedTuple would compare the fields."""
        return not self == other

    def __hash__(self) -> int:
        """Hash consistently with equality."""
        return hash(self.key_result.key)

    def __repr__(self) -> str:
        """Represent the standing."""
        return repr(self.key_result_standing)

    def detail(self, loss: Loss) -> str:
        """Describe the progress, the expected progress and excluded events."""
        return self.key_result_standing.detail(loss)

    def evidence(self, loss: Loss) -> EvidenceQuery:
        """Return the query for the events behind the value."""
        return self.key_result_standing.evidence(loss)


def compute_figure(context: ScoringContext) -> Figure:
    """Return the mean attainment by priority; silent without evidence of any key result."""
    if not context.has_evidence:
        return figure_without_evidence(
            "no key result has evidence yet"
            if context.key_result_progress.attainments
            else "there is no key result"
        )
    score = weighted_mean(context.playbook_index.priorities, context.attainments.values())
    covered_shares = [
        1.0 if covered_weight == total_weight else ratio(covered_weight, total_weight)
        for covered_weight, total_weight in context.covered_weights.values()
    ]
    coverage = weighted_mean(context.playbook_index.priorities, covered_shares)
    return Figure(
        score, coverage, coverage * score, _summarize(context), partial(_iterate_losses, context)
    )


def _iterate_losses(context: ScoringContext, weight: float) -> Iterator[Loss]:
    key_result_progress = context.key_result_progress
    for objective, key_results in context.playbook_index.key_results.items():
        objective_weight = weight * context.playbook_index.objective_weights[objective]
        if not key_results:
            yield Loss(
                NAME,
                "unmeasured",
                objective_weight,
                UnmeasuredObjective(context.scope, objective),
                objective=objective,
            )
        _, total_weight = context.covered_weights[objective]
        for key_result in key_results:
            attainment = key_result_progress.attainments[key_result.key]
            if attainment < 1:
                window = window_of(key_result, context.playbook_index.playbook)
                reason = (
                    "no_evidence"
                    if key_result_progress.window_values[window].exact_value is None
                    else "behind_pace"
                )
                points = objective_weight * (key_result.weight / total_weight) * (1 - attainment)
                explanation = KeyResultShortfall(key_result_progress, window, key_result)
                yield Loss(
                    NAME,
                    reason,
                    points,
                    explanation,
                    None,
                    objective,
                    key_result.key,
                    None,
                    key_result.metric,
                )


def _summarize(context: ScoringContext) -> str:
    begun_count = silent_count = 0
    for window, key_results in context.playbook_index.windows.items():
        window_value = context.key_result_progress.window_values[window]
        if window_value.has_begun:
            begun_count += len(key_results)
            silent_count += len(key_results) if window_value.exact_value is None else 0
    behind_count = context.key_result_progress.behind_count
    verb = choose_verb_form(behind_count, "is", "are")
    summary = f"{x_of_y(behind_count, begun_count, 'key result')} {verb} behind pace"
    summary += f", {silent_count} without evidence" if silent_count else ""
    unmeasured_count = sum(
        not key_results for key_results in context.playbook_index.key_results.values()
    )
    return summary + (
        f", {pluralize(unmeasured_count, 'objective')} without key results"
        if unmeasured_count
        else ""
    )
