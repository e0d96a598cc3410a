"""outcomes: whether the key results are on pace."""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from app.domain.playbook.objectives import KeyResult
from app.scoring.averages import mean, ratio
from app.scoring.context import Context
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.key_result_progress import Pace, Standing
from app.scoring.ledger import Loss
from app.scoring.phrases import among, counted, verb
from app.scoring.playbook_index import Window, window
from app.scoring.result import Figure, silent

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


class Behind(NamedTuple):
    """A key result that lacks something; where it stands is made only for those that are shown."""

    pace: Pace
    place: Window
    result: KeyResult

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        return self.pace.standing(self.place, self.result)

    def __eq__(self, other: object) -> bool:
        """Whether both stand alike."""
        return isinstance(other, Behind) and self.standing == other.standing

    def __ne__(self, other: object) -> bool:
        """Whether they do not: a tuple has its own idea of it."""
        return not self == other

    def __hash__(self) -> int:
        """As they are equal."""
        return hash(self.result.key)

    def __repr__(self) -> str:
        """Where it stands."""
        return repr(self.standing)

    def detail(self, loss: Loss) -> str:
        """How far it is and should be, and what could not be counted."""
        return self.standing.detail(loss)

    def evidence(self, loss: Loss) -> Evidence:
        """The events that make its value."""
        return self.standing.evidence(loss)


def figure(context: Context) -> Figure:
    """The mean of the objectives' attainment by priority; silent while no key result has evidence."""
    if not context.measured:
        return silent(
            "no key result has evidence yet"
            if context.pace.attainments
            else "there is no key result"
        )
    score = mean(context.plan.priorities, context.attained.values())
    covered = [
        1.0 if found == total else ratio(found, total) for found, total in context.covered.values()
    ]
    coverage = mean(context.plan.priorities, covered)
    return Figure(score, coverage, coverage * score, _summary(context), partial(_losses, context))


def _losses(context: Context, weight: float) -> Iterator[Loss]:
    pace = context.pace
    for objective, results in context.plan.key_results.items():
        whole = weight * context.plan.parts[objective]
        if not results:
            yield Loss(
                NAME, "unmeasured", whole, Unmeasured(context.scope, objective), objective=objective
            )
        _, total = context.covered[objective]
        for result in results:
            attainment = pace.attainments[result.key]
            if attainment < 1:
                place = window(result, context.plan.playbook)
                reason = "no_evidence" if pace.stretches[place].exact is None else "behind_pace"
                points = whole * (result.weight / total) * (1 - attainment)
                account = Behind(pace, place, result)
                yield Loss(
                    NAME, reason, points, account, None, objective, result.key, None, result.metric
                )


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
    return said + (
        f", {counted(unmeasured, 'objective')} without key results" if unmeasured else ""
    )
