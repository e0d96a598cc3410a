"""freshness: whether the strategy is gathering dust."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Final, NamedTuple

from app.domain.fixed import ONE
from app.scoring.alignment import Figure, silent
from app.scoring.context import Context
from app.scoring.evidence import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.means import mean
from app.scoring.words import among, counted, verb

NAME: Final = "freshness"
CADENCE_DAYS: Final = 7


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
        return self.value < 0.5

    def detail(self, _: Loss) -> str:
        """How long ago it was and how often it should be."""
        due = f"one is due every {counted(self.cadence, 'day')}"
        if self.newest is None:
            return f"no event has touched {self.objective} since the playbook began, {due}"
        return f"the last event on {self.objective} was {counted(self.days, 'day')} ago, {due}"

    def evidence(self, _: Loss | None = None) -> Evidence:
        """The events that keep the objective fresh."""
        return self.scope.events(self.scope.starts_on, self.scope.until, ("refreshes", self.objective))


def ages(context: Context) -> Mapping[str, Age]:
    """How fresh each objective is, by objective."""
    newest = _newest(context)
    return {objective: _age(context, objective, newest.get(objective)) for objective in context.objectives}


def _newest(context: Context) -> Mapping[str, date]:
    """The newest day of an event that names the objective or matches a metric of its key results."""
    by_metric: dict[str, date] = {}
    found: dict[str, date] = {}
    for cell in context.snapshot.newest:
        if cell.objective is not None:
            found[cell.objective] = max(cell.day, found.get(cell.objective, cell.day))
        for metric in cell.metrics:
            by_metric[metric] = max(cell.day, by_metric.get(metric, cell.day))
    for metric, day in by_metric.items():
        for objective in context.leads.get(metric, ()):
            found[objective] = max(day, found.get(objective, day))
    return found


def _age(context: Context, objective: str, newest: date | None) -> Age:
    since = context.playbook.starts_on if newest is None else newest
    days = max(0, (context.snapshot.frame.day - since).days)
    cadence = min((result.cadence_days for result in context.key_results[objective]), default=CADENCE_DAYS)
    late = days - cadence
    value = 1.0 if late <= 0 else 0.5 ** (late * ONE / context.policy.half_life_days)
    return Age(context.scope, objective, newest, days, cadence, value)


def figure(context: Context) -> Figure:
    """The mean of the objectives' freshness by priority; silent without objectives."""
    if not context.objectives:
        return silent("the playbook has no active objective")
    found = ages(context)
    score = mean((objective.priority, found[key].value) for key, objective in context.objectives.items())
    stale = sum(age.stale for age in found.values())
    summary = (
        f"{among(stale, len(found), 'objective')} {verb(1 if len(found) == 1 else stale, 'is', 'are')} gathering dust"
    )
    return Figure(score, 1.0, score, summary, partial(_losses, context, found))


def _losses(context: Context, found: Mapping[str, Age], weight: float) -> Iterator[Loss]:
    for objective, part in found.items():
        if part.value < 1:
            points = weight * context.parts[objective] * (1 - part.value)
            yield Loss(NAME, "stale", points, part, objective=objective)
