"""productivity: whether the busy are productive."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.scoring.averages import clamp, weighted_mean
from app.scoring.components.focus import (
    describe_off_playbook,
    objective_filters,
    off_playbook_losses,
    teams_with_enough_work,
)
from app.scoring.context import ScoringContext
from app.scoring.effort import TeamEffort
from app.scoring.evidence_links import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss
from app.scoring.phrases import format_percent
from app.scoring.result import Figure, figure_without_evidence

NAME: Final = "productivity"


class UnproductiveWork(NamedTuple):
    """Where a team's activity went; it accounts for what went to objectives that do not move, or to none."""

    scope: EvidenceScope
    team: str
    team_effort: TeamEffort
    attainments: Mapping[str, float]

    def detail(self, loss: Loss) -> str:
        """How much of the team's activity it was, and how the objective stands."""
        if loss.objective is None:
            return describe_off_playbook(loss, self.team_effort, "activity")
        spent_percent, attainment_percent = (
            format_percent(self.team_effort.shares[loss.objective]),
            format_percent(self.attainments[loss.objective]),
        )
        return f"{spent_percent} of the activity of {self.team} went to {loss.objective}, whose attainment is {attainment_percent}"

    def evidence(self, loss: Loss) -> EvidenceQuery:
        """The team's activities that belong there."""
        return self.scope.focus_evidence(
            ("team", self.team), ("kind", "activity"), *objective_filters(loss, self.scope)
        )


def compute_team_productivity(context: ScoringContext, team: str) -> float:
    """How much of a team's activity landed on objectives that move."""
    team_effort = context.activity_efforts[team]
    return clamp(
        fsum(
            [
                effort * context.mean_attainment(objectives)
                for objectives, effort in team_effort.effort_by_objectives.items()
            ]
        )
        / team_effort.effort
    )


def compute_figure(context: ScoringContext) -> Figure:
    """The mean of the teams' productivity by size; silent without enough activity, or without any evidence."""
    if not context.has_evidence:
        return figure_without_evidence("no objective has evidence yet")
    team_efforts = teams_with_enough_work(context, context.activity_efforts)
    if not team_efforts:
        return figure_without_evidence("no team has enough recorded activity")
    weighted_productivity = [
        (context.playbook_index.teams[team].size, compute_team_productivity(context, team))
        for team in team_efforts
    ]
    score = weighted_mean(*zip(*weighted_productivity, strict=True))
    total_size = context.playbook_index.total_team_size
    observed_size = sum(size for size, _ in weighted_productivity)
    summary = f"{format_percent(score)} of the activity landed on objectives that move"
    proven = clamp(
        fsum(size * team_productivity for size, team_productivity in weighted_productivity)
        / total_size
    )  # as in focus
    return Figure(
        score,
        observed_size / total_size,
        proven,
        summary,
        partial(_iterate_losses, context, team_efforts),
    )


def _iterate_losses(
    context: ScoringContext, team_efforts: Mapping[str, TeamEffort], weight: float
) -> Iterator[Loss]:
    observed_size, attainments = (
        sum(context.playbook_index.teams[team].size for team in team_efforts),
        context.attainments,
    )
    for team, team_effort in team_efforts.items():
        team_weight, explanation = (
            weight * (context.playbook_index.teams[team].size / observed_size),
            UnproductiveWork(context.scope, team, team_effort, attainments),
        )
        yield from off_playbook_losses(NAME, team, team_effort, team_weight, explanation)
        spent_shares = team_effort.unsorted_shares
        yield from [
            Loss(
                NAME,
                "busy_without_result",
                team_weight * spent_shares[objective] * (1 - attainment),
                explanation,
                team,
                objective,
            )
            for objective, attainment in attainments.items()  # as the shares sorted, without sorting so many for each team
            if attainment < 1 and objective in spent_shares
        ]
