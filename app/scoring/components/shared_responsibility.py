"""shared_responsibility: whether each objective rests on several functions, with one team accountable."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

from app.domain.playbook.objectives import LOAD_BEARING
from app.scoring.averages import mean, ratio
from app.scoring.context import Context
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.phrases import among
from app.scoring.playbook_index import Plan
from app.scoring.result import Figure, silent

NAME: Final = "shared_responsibility"
SAID: Final = {
    "not_accepted": "responsibilities for {objective} are proposed and none is accepted",
    "no_owner": "no team bears {objective}",
    "single_function": "{objective} rests on one function only",
    "no_accountable": "no team is accountable for {objective}",
    "several_accountable": "{accountable} teams are accountable for {objective}",
    "unbalanced": "{objective} rests mostly on one of its {functions} functions",
}


class Sharing(NamedTuple):
    """How one objective is shared, as the plan says.

    Shape: `functions` and `accountable` are numbers of them among those who bear it.
    """

    objective: str
    value: float
    functions: int
    required: int
    accountable: int
    proposed: bool

    @property
    def reason(self) -> str:
        """Why it is not 1."""
        if not self.functions:
            return "not_accepted" if self.proposed else "no_owner"
        if self.functions == 1 and self.required > 1:
            return "single_function"
        if self.accountable != 1:
            return "several_accountable" if self.accountable else "no_accountable"
        return "unbalanced"


class Lopsided(NamedTuple):
    """It accounts for what is lost on how an objective is shared."""

    scope: Scope
    sharing: Sharing

    def detail(self, _: Loss) -> str:
        """What is wrong with the sharing."""
        return SAID[self.sharing.reason].format(**self.sharing._asdict())

    def evidence(self, _: Loss) -> Evidence:
        """The objective's responsibilities."""
        return self.scope.configured("responsibilities", "objective", self.sharing.objective)


def shared(plan: Plan) -> Mapping[str, Sharing]:
    """How each objective is shared, by objective."""
    configuration = plan.configuration
    made_of = (
        configuration.responsibilities,
        configuration.teams,
        configuration.policy,
        set(configuration.objectives),
    )
    found = plan.once(_sharings, *made_of)
    return {key: found[key] for key in plan.objectives}


def _sharings(plan: Plan) -> Mapping[str, Sharing]:
    """How any objective is shared, whether it scores or not: that of one that does is the same on other days."""
    functions = {team.function for team in plan.teams.values()}
    required = min(plan.policy.required_functions, len(functions))
    proposed = {
        part.objective
        for part in plan.configuration.responsibilities.values()
        if part.status == "proposed" and part.role in LOAD_BEARING
    }
    return {
        key: _sharing(plan, key, required, proposed=key in proposed)
        for key in plan.configuration.objectives
    }


def _sharing(plan: Plan, objective: str, required: int, *, proposed: bool) -> Sharing:
    totals: dict[str, int] = {}
    accountable = 0
    for part in plan.bearing.get(objective, ()):
        function = plan.teams[part.team].function
        totals[function] = totals.get(function, 0) + part.share
        accountable += part.role == "accountable"
    value = _balance(totals, required) * (1.0 if accountable == 1 else 0.5)
    return Sharing(objective, value, len(totals), required, accountable, proposed)


def _balance(totals: Mapping[str, int], required: int) -> float:
    """How near the effective number of functions, 1 / sum of squared shares, is to the required one."""
    if not totals:
        return 0.0
    if required <= 1:
        return 1.0
    squares = sum([share * share for share in totals.values()])
    return ratio(sum(totals.values()) ** 2 - squares, (required - 1) * squares)


def figure(context: Context) -> Figure:
    """The mean of the objectives' sharing by priority; silent without objectives."""
    if not context.plan.objectives:
        return silent("the playbook has no active objective")
    score, summary = context.plan.once(_said)
    return Figure(score, 1.0, score, summary, partial(_losses, context))


def _said(plan: Plan) -> tuple[float, str]:
    """The mean, and it in words."""
    found = shared(plan)
    full = sum(part.value == 1 for part in found.values())
    summary = f"{among(full, len(found), 'objective')} fully shared, with one team accountable"
    return mean(plan.priorities, [part.value for part in found.values()]), summary


def _losses(context: Context, weight: float) -> Iterator[Loss]:
    for objective, part in shared(context.plan).items():
        if part.value < 1:
            points = weight * context.plan.parts[objective] * (1 - part.value)
            account = Lopsided(context.scope, part)
            yield Loss(NAME, part.reason, points, account, objective=objective)
