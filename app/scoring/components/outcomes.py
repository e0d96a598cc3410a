"""outcomes: whether the key results are on pace."""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from app.scoring.alignment import Figure, silent
from app.scoring.context import Context
from app.scoring.evidence import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.means import mean, ratio
from app.scoring.plan import window
from app.scoring.words import among, counted, verb

NAME: Final = "outcomes"


class Unmeasured(NamedTuple):
    """An objective that no key result measures."""

    scope: Scope
    objective: str

    def detail(self, _: Loss) -> str:
        """What it lacks."""
        return f"{self.objective} has no key result: nobody can tell whether it is met"

    def evidence(self, _: Loss) -> Evidence:
        """The objective's key results: there are none."""
        return self.scope.configured("key-results", "objective", self.objective)


def figure(context: Context) -> Figure:
    """The mean of the objectives' attainment by priority; silent while no key result has evidence."""
    if not context.measured:
        return silent("no key result has evidence yet" if context.pace.attainments else "there is no key result")
    score = mean(context.plan.priorities, context.attained.values())
    covered = [1.0 if found == total else ratio(found, total) for found, total in context.covered.values()]
    coverage = mean(context.plan.priorities, covered)
    return Figure(score, coverage, coverage * score, _summary(context), partial(_losses, context))


def _losses(context: Context, weight: float) -> Iterator[Loss]:
    for objective, results in context.plan.key_results.items():
        whole = weight * context.plan.parts[objective]
        if not results:
            yield Loss(NAME, "unmeasured", whole, Unmeasured(context.scope, objective), objective=objective)
        _, total = context.covered[objective]
        for result in results:
            if context.pace.attainments[result.key] < 1:
                standing = context.pace.standing(window(result, context.plan.playbook), result)
                reason = "no_evidence" if standing.exact is None else "behind_pace"
                points = whole * (result.weight / total) * (1 - standing.attainment)
                yield Loss(NAME, reason, points, standing, None, objective, result.key, None, result.metric)


def _summary(context: Context) -> str:
    begun = mute = 0
    for place, results in context.plan.windows.items():
        stretch = context.pace.stretches[place]
        if stretch.begun:
            begun += len(results)
            mute += len(results) if stretch.exact is None else 0
    behind = context.pace.behind
    said = f"{among(behind, begun, 'key result')} {verb(behind, 'is', 'are')} behind pace"
    said += f", {mute} without evidence" if mute else ""
    unmeasured = sum(not results for results in context.plan.key_results.values())
    return said + (f", {counted(unmeasured, 'objective')} without key results" if unmeasured else "")
