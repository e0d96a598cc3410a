"""freshness: whether each objective still receives events."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Final, NamedTuple

from app.domain.primitives.decimals import FIXED_SCALE
from app.scoring.averages import weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss
from app.scoring.phrases import choose_verb_form, pluralize, x_of_y
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.result import Figure, figure_without_evidence

NAME: Final = "freshness"
DEFAULT_CADENCE_DAYS: Final = 7
STALE_BELOW: Final = 0.5


class ObjectiveAge(NamedTuple):
    """The time since the last event of an objective."""

    scope: EvidenceScope
    objective: str
    # None without an event in the playbook's window.
    latest_day: date | None
    age_days: int
    cadence_days: int
    freshness: float

    @property
    def is_stale(self) -> bool:
        """True below half freshness."""
        return self.freshness < STALE_BELOW

    def detail(self, _: Loss) -> str:
        """Describe the age of the last event and the cadence."""
        cadence_clause = f"one is due every {pluralize(self.cadence_days, 'day')}"
        if self.latest_day is None:
            return (
                f"no event has touched {self.objective} since the playbook began, {cadence_clause}"
            )
        age = pluralize(self.age_days, "day")
        return f"the last event on {self.objective} was {age} ago, {cadence_clause}"

    def evidence(self, _: Loss | None = None) -> EvidenceQuery:
        """Return the query for the events that refresh the objective."""
        return self.scope.event_evidence(
            self.scope.starts_on, self.scope.until, ("refreshes", self.objective)
        )


def compute_ages(context: ScoringContext) -> Mapping[str, ObjectiveAge]:
    """Return the age of each objective."""
    return {
        objective: ObjectiveAge(context.scope, objective, *age_fields)
        for objective, age_fields in _compute_age_fields(context).items()
    }


def _compute_age_fields(
    context: ScoringContext,
) -> Mapping[str, tuple[date | None, int, int, float]]:
    """Return the latest day, the age, the cadence and the freshness of each objective."""
    day = context.snapshot.frame.day
    first_day = context.playbook_index.playbook.starts_on
    latest_days = _latest_day_by_objective(context)
    half_life = context.playbook_index.policy.half_life_days
    # Most objectives share their latest day and cadence with others.
    age_cache: dict[tuple[date | None, int], tuple[date | None, int, int, float]] = {}
    ages = {}
    for objective, cadence_days in context.playbook_index.memoize(_cadence_by_objective).items():
        latest_day = latest_days.get(objective)
        age_fields = age_cache.get((latest_day, cadence_days))
        if age_fields is None:
            age_days = max(0, (day - (first_day if latest_day is None else latest_day)).days)
            days_late = age_days - cadence_days
            freshness = 1.0 if days_late <= 0 else 0.5 ** (days_late * FIXED_SCALE / half_life)
            age_fields = age_cache[latest_day, cadence_days] = (
                latest_day,
                age_days,
                cadence_days,
                freshness,
            )
        ages[objective] = age_fields
    return ages


def _cadence_by_objective(playbook_index: PlaybookIndex) -> Mapping[str, int]:
    """Return the days between due events, by objective."""
    return {
        objective: min(
            [key_result.cadence_days for key_result in key_results], default=DEFAULT_CADENCE_DAYS
        )
        for objective, key_results in playbook_index.key_results.items()
    }


def _latest_day_by_objective(context: ScoringContext) -> Mapping[str, date]:
    """Return the latest day with an event that refreshes each objective.

    An event refreshes the objective that it names, and those whose key results use a metric that it
    matches.
    """
    latest_by_metric: dict[str, date] = {}
    latest_by_objective: dict[str, date] = {}
    for metrics, objective, day in context.snapshot.latest_activities:
        if objective is not None and (
            objective not in latest_by_objective or latest_by_objective[objective] < day
        ):
            latest_by_objective[objective] = day
        for metric in metrics:
            if metric not in latest_by_metric or latest_by_metric[metric] < day:
                latest_by_metric[metric] = day
    for metric, day in latest_by_metric.items():
        for objective in context.playbook_index.objectives_by_metric.get(metric, ()):
            if objective not in latest_by_objective or latest_by_objective[objective] < day:
                latest_by_objective[objective] = day
    return latest_by_objective


def compute_figure(context: ScoringContext) -> Figure:
    """Return the mean freshness by priority; silent without objectives."""
    if not context.playbook_index.objectives:
        return figure_without_evidence("the playbook has no active objective")
    freshness_values = [freshness for *_, freshness in _compute_age_fields(context).values()]
    score = weighted_mean(context.playbook_index.priorities, freshness_values)
    objective_count = len(freshness_values)
    stale_count = sum(freshness < STALE_BELOW for freshness in freshness_values)
    verb = choose_verb_form(1 if objective_count == 1 else stale_count, "is", "are")
    summary = f"{x_of_y(stale_count, objective_count, 'objective')} {verb} gathering dust"
    return Figure(score, 1.0, score, summary, partial(_iterate_losses, context))


def _iterate_losses(context: ScoringContext, weight: float) -> Iterator[Loss]:
    for objective, age in compute_ages(context).items():
        if age.freshness < 1:
            points = (
                weight * context.playbook_index.objective_weights[objective] * (1 - age.freshness)
            )
            yield Loss(NAME, "stale", points, age, objective=objective)
