"""productivity: whether the busy are productive."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.scoring.averages import clamp, mean
from app.scoring.components.focus import belonging, figured, off_detail, off_losses
from app.scoring.context import Context
from app.scoring.effort import Work
from app.scoring.evidence_links import Evidence, Scope
from app.scoring.ledger import Loss
from app.scoring.phrases import percent
from app.scoring.result import Figure, silent

NAME: Final = "productivity"


class Spending(NamedTuple):
    """Where a team's activity went; it accounts for what went to objectives that do not move, or to none."""

    scope: Scope
    team: str
    work: Work
    attained: Mapping[str, float]

    def detail(self, loss: Loss) -> str:
        """How much of the team's activity it was, and how the objective stands."""
        if loss.objective is None:
            return off_detail(loss, self.work, "activity")
        spent, attained = (
            percent(self.work.shares[loss.objective]),
            percent(self.attained[loss.objective]),
        )
        return f"{spent} of the activity of {self.team} went to {loss.objective}, whose attainment is {attained}"

    def evidence(self, loss: Loss) -> Evidence:
        """The team's activities that belong there."""
        return self.scope.attention(
            ("team", self.team), ("kind", "activity"), *belonging(loss, self.scope)
        )


def productivity_of(context: Context, team: str) -> float:
    """How much of a team's activity landed on objectives that move."""
    work = context.activity[team]
    return clamp(
        fsum([effort * context.attained_of(place) for place, effort in work.split.items()])
        / work.effort
    )


def figure(context: Context) -> Figure:
    """The mean of the teams' productivity by size; silent without enough activity, or without any evidence."""
    if not context.measured:
        return silent("no objective has evidence yet")
    teams = figured(context, context.activity)
    if not teams:
        return silent("no team has enough recorded activity")
    terms = [(context.plan.teams[team].size, productivity_of(context, team)) for team in teams]
    score = mean(*zip(*terms, strict=True))
    everyone = context.plan.size
    seen = sum(size for size, _ in terms)
    summary = f"{percent(score)} of the activity landed on objectives that move"
    proven = clamp(fsum(size * value for size, value in terms) / everyone)  # as in focus
    return Figure(score, seen / everyone, proven, summary, partial(_losses, context, teams))


def _losses(context: Context, teams: Mapping[str, Work], weight: float) -> Iterator[Loss]:
    seen, attained = sum(context.plan.teams[team].size for team in teams), context.attained
    for team, work in teams.items():
        whole, account = (
            weight * (context.plan.teams[team].size / seen),
            Spending(context.scope, team, work, attained),
        )
        yield from off_losses(NAME, team, work, whole, account)
        spent = work.unsorted
        yield from [
            Loss(
                NAME,
                "busy_without_result",
                whole * spent[objective] * (1 - moved),
                account,
                team,
                objective,
            )
            for objective, moved in attained.items()  # as the shares sorted, without sorting so many for each team
            if moved < 1 and objective in spent
        ]
