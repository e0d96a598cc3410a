"""freshness: whether the strategy is gathering dust."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Final, NamedTuple

from app.domain.primitives.decimals import ONE
from app.scoring.averages import mean
from app.scoring.context import Context
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.phrases import among, counted, verb
from app.scoring.playbook_index import Plan
from app.scoring.result import Figure, silent

NAME: Final = "freshness"
CADENCE_DAYS: Final = 7
STALE: Final = 0.5


class Age(NamedTuple):
    """How long ago an objective saw any event. None when it saw none in the playbook's window: `newest`."""

    scope: Scope
    objective: str
    newest: date | None
    days: int
    cadence: int
    value: float

    @property
    def stale(self) -> bool:
        """Whether it is gathering dust."""
        return self.value < STALE

    def detail(self, _: Loss) -> str:
        """How long ago it was and how often it should be."""
        due = f"one is due every {counted(self.cadence, 'day')}"
        if self.newest is None:
            return f"no event has touched {self.objective} since the playbook began, {due}"
        return f"the last event on {self.objective} was {counted(self.days, 'day')} ago, {due}"

    def evidence(self, _: Loss | None = None) -> Evidence:
        """The events that keep the objective fresh."""
        return self.scope.events(
            self.scope.starts_on, self.scope.until, ("refreshes", self.objective)
        )


def ages(context: Context) -> Mapping[str, Age]:
    """How fresh each objective is, by objective."""
    return {
        objective: Age(context.scope, objective, *of) for objective, of in _ages(context).items()
    }


def _ages(context: Context) -> Mapping[str, tuple[date | None, int, int, float]]:
    """The newest day, the age, the cadence and the figure of each objective."""
    day, first = context.snapshot.frame.day, context.plan.playbook.starts_on
    newest, half_life = _newest(context), context.plan.policy.half_life_days
    known: dict[
        tuple[date | None, int], tuple[date | None, int, int, float]
    ] = {}  # most objectives are like others
    found = {}
    for objective, cadence in context.plan.once(_cadences).items():
        last = newest.get(objective)
        age = known.get((last, cadence))
        if age is None:
            days = max(0, (day - (first if last is None else last)).days)
            late = days - cadence
            value = 1.0 if late <= 0 else 0.5 ** (late * ONE / half_life)
            age = known[last, cadence] = last, days, cadence, value
        found[objective] = age
    return found


def _cadences(plan: Plan) -> Mapping[str, int]:
    """How often an event is due, in days, by objective."""
    return {
        objective: min([result.cadence_days for result in results], default=CADENCE_DAYS)
        for objective, results in plan.key_results.items()
    }


def _newest(context: Context) -> Mapping[str, date]:
    """The newest day of an event that names the objective or matches a metric of its key results."""
    by_metric: dict[str, date] = {}
    found: dict[str, date] = {}
    for metrics, objective, day in context.snapshot.newest:
        if objective is not None and (objective not in found or found[objective] < day):
            found[objective] = day
        for metric in metrics:
            if metric not in by_metric or by_metric[metric] < day:
                by_metric[metric] = day
    for metric, day in by_metric.items():
        for objective in context.plan.leads.get(metric, ()):
            if objective not in found or found[objective] < day:
                found[objective] = day
    return found


def figure(context: Context) -> Figure:
    """The mean of the objectives' freshness by priority; silent without objectives."""
    if not context.plan.objectives:
        return silent("the playbook has no active objective")
    values = [value for *_, value in _ages(context).values()]
    score, number = mean(context.plan.priorities, values), len(values)
    stale = sum(value < STALE for value in values)
    summary = f"{among(stale, number, 'objective')} {verb(1 if number == 1 else stale, 'is', 'are')} gathering dust"
    return Figure(score, 1.0, score, summary, partial(_losses, context))


def _losses(context: Context, weight: float) -> Iterator[Loss]:
    for objective, part in ages(context).items():
        if part.value < 1:
            points = weight * context.plan.parts[objective] * (1 - part.value)
            yield Loss(NAME, "stale", points, part, objective=objective)
