"""productivity: whether the busy are productive."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import fsum
from typing import Final

from app.scoring.averages import clamp, weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.effort import TeamEffort
from app.scoring.ledger import Loss
from app.scoring.phrases import format_percent
from app.scoring.result import Figure, figure_without_evidence
from app.scoring.work_losses import (
    WorkExplanation,
    iterate_off_playbook_losses,
    select_teams_with_enough_work,
)

NAME: Final = "productivity"


class UnproductiveWork(WorkExplanation):
    """Explains activity on objectives that do not move. The rates are their attainments."""

    __slots__ = ()

    @property
    def work_label(self) -> str:
        """The kind of work in words."""
        return "activity"

    @property
    def event_filters(self) -> tuple[tuple[str, str], ...]:
        """The filters that select this kind of work."""
        return (("kind", "activity"),)

    def describe_objective(self, objective: str) -> str:
        """Compare the share of the activity with the attainment of the objective."""
        spent_percent = format_percent(self.team_effort.shares[objective])
        attainment_percent = format_percent(self.objective_rates[objective])
        return (
            f"{spent_percent} of the activity of {self.team} went to {objective}, "
            f"whose attainment is {attainment_percent}"
        )


def compute_team_productivity(context: ScoringContext, team: str) -> float:
    """Return the share of a team's activity that landed on objectives that move."""
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
    """Return the mean of the teams' productivity by size.

    The figure is silent without evidence and without a team that has enough activity.
    """
    if not context.has_evidence:
        return figure_without_evidence("no objective has evidence yet")
    team_efforts = select_teams_with_enough_work(context, context.activity_efforts)
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
    # Coverage times score would be rounded twice, and could rise when a team falls silent.
    proven = clamp(
        fsum(size * team_productivity for size, team_productivity in weighted_productivity)
        / total_size
    )
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
    observed_size = sum(context.playbook_index.teams[team].size for team in team_efforts)
    attainments = context.attainments
    for team, team_effort in team_efforts.items():
        team_weight = weight * (context.playbook_index.teams[team].size / observed_size)
        explanation = UnproductiveWork(context.scope, team, team_effort, attainments)
        yield from iterate_off_playbook_losses(NAME, team, team_effort, team_weight, explanation)
        spent_shares = team_effort.unsorted_shares
        # The attainments are sorted already; sorting the shares of every team would be slower.
        yield from [
            Loss(
                NAME,
                "busy_without_result",
                team_weight * spent_shares[objective] * (1 - attainment),
                explanation,
                team,
                objective,
            )
            for objective, attainment in attainments.items()
            if attainment < 1 and objective in spent_shares
        ]
