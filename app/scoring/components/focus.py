"""focus: whether the recorded work goes where the playbook says."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.scoring.averages import clamp, mean
from app.scoring.context import Context
from app.scoring.effort import Work
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Account, Loss
from app.scoring.phrases import percent
from app.scoring.result import Figure, silent

NAME: Final = "focus"


class Spending(NamedTuple):
    """Where a team's work went and was expected to go; it accounts for what went elsewhere."""

    scope: Scope
    team: str
    work: Work
    wanted: Mapping[str, float]

    def detail(self, loss: Loss) -> str:
        """How much of the team's work it was, and should have been."""
        if loss.objective is None:
            return off_detail(loss, self.work, "recorded work")
        spent, due = (
            percent(self.work.shares[loss.objective]),
            percent(self.wanted.get(loss.objective, 0.0)),
        )
        return f"{spent} of the recorded work of {self.team} went to {loss.objective}, {due} was expected"

    def evidence(self, loss: Loss) -> Evidence:
        """The team's events that belong there."""
        return self.scope.attention(("team", self.team), *belonging(loss, self.scope))


def off_detail(loss: Loss, work: Work, what: str) -> str:
    """How much of a team's work was off the playbook."""
    if loss.reason == "other_playbook":
        return f"{percent(work.other)} of the {what} of {loss.team} served another playbook"
    return f"{percent(work.nowhere)} of the {what} of {loss.team} served no objective"


def belonging(loss: Loss, scope: Scope) -> tuple[tuple[str, str], ...]:
    """The filters of the events that belong to the loss's objective, or to none of the playbook."""
    if loss.objective is not None:
        return (("objective", loss.objective),)
    return ("off_playbook", scope.playbook), (
        "other_playbook",
        str(loss.reason == "other_playbook").lower(),
    )


def figured(context: Context, work: Mapping[str, Work]) -> Mapping[str, Work]:
    """The teams, in the order of their keys, whose work is enough to say anything."""
    enough = context.plan.policy.minimum_events
    return {
        team: found
        for team in context.plan.teams
        if (found := work.get(team)) is not None and found.events >= enough and found.effort > 0
    }


def focus_of(context: Context, team: str) -> float:
    """How much of a team's work went where it was expected."""
    wanted = context.plan.expected[team]
    shares = context.work[team].shares_of(wanted.keys())
    return clamp(fsum([min(share, wanted[objective]) for objective, share in shares.items()]))


def figure(context: Context) -> Figure:
    """The mean of the teams' focus by size; silent without objectives or without enough work."""
    if not context.plan.objectives:
        return silent("the playbook has no active objective")
    teams = figured(context, context.work)
    if not teams:
        return silent("no team has enough recorded work")
    terms = [(context.plan.teams[team].size, focus_of(context, team)) for team in teams]
    score = mean(*zip(*terms, strict=True))
    everyone = context.plan.size
    seen = sum(size for size, _ in terms)
    summary = f"{percent(score)} of the recorded work went where the playbook says"
    # Proven is not coverage times score: by a rounding that could rise when a team falls silent.
    proven = clamp(fsum(size * value for size, value in terms) / everyone)
    return Figure(score, seen / everyone, proven, summary, partial(_losses, context, teams))


def _losses(context: Context, teams: Mapping[str, Work], weight: float) -> Iterator[Loss]:
    seen = sum(context.plan.teams[team].size for team in teams)
    for team, work in teams.items():
        whole, wanted = weight * (context.plan.teams[team].size / seen), context.plan.expected[team]
        account = Spending(context.scope, team, work, wanted)
        yield from off_losses(NAME, team, work, whole, account)
        due, spent = wanted.get, work.unsorted.get
        yield from [
            Loss(NAME, "over_served", whole * over, account, team, objective)
            for objective in context.plan.objectives  # as the shares sorted, without sorting so many for each team
            if (over := spent(objective, 0.0) - due(objective, 0.0)) > 0
        ]


def off_losses(
    component: str, team: str, work: Work, weight: float, account: Account
) -> Iterator[Loss]:
    """What a team's work off the playbook costs, split by whether it served another one."""
    if work.nowhere > 0:
        yield Loss(component, "off_playbook", weight * work.nowhere, account, team)
    if work.other > 0:
        yield Loss(component, "other_playbook", weight * work.other, account, team)
