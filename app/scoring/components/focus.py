"""focus: whether the recorded work goes where the playbook says."""

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

NAME: Final = "focus"


class OffPlaybookWork(WorkExplanation):
    """Explains work that went elsewhere than expected. The rates are the expected shares."""

    __slots__ = ()

    def describe_objective(self, objective: str) -> str:
        """Compare the share of the work with the expected share."""
        spent_percent = format_percent(self.team_effort.shares[objective])
        expected_percent = format_percent(self.objective_rates.get(objective, 0.0))
        return (
            f"{spent_percent} of the recorded work of {self.team} went to {objective}, "
            f"{expected_percent} was expected"
        )


def compute_team_focus(context: ScoringContext, team: str) -> float:
    """Return the share of a team's work that went where it was expected."""
    expected_shares = context.playbook_index.expected_shares[team]
    shares = context.team_efforts[team].shares_of(expected_shares.keys())
    return clamp(
        fsum([min(share, expected_shares[objective]) for objective, share in shares.items()])
    )


def compute_figure(context: ScoringContext) -> Figure:
    """Return the mean of the teams' focus by size.

    The figure is silent without objectives and without a team that has enough work.
    """
    if not context.playbook_index.objectives:
        return figure_without_evidence("the playbook has no active objective")
    team_efforts = select_teams_with_enough_work(context, context.team_efforts)
    if not team_efforts:
        return figure_without_evidence("no team has enough recorded work")
    weighted_focus = [
        (context.playbook_index.teams[team].size, compute_team_focus(context, team))
        for team in team_efforts
    ]
    score = weighted_mean(*zip(*weighted_focus, strict=True))
    total_size = context.playbook_index.total_team_size
    observed_size = sum(size for size, _ in weighted_focus)
    summary = f"{format_percent(score)} of the recorded work went where the playbook says"
    # Coverage times score would be rounded twice, and could rise when a team falls silent.
    proven = clamp(fsum(size * team_focus for size, team_focus in weighted_focus) / total_size)
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
    for team, team_effort in team_efforts.items():
        team_weight = weight * (context.playbook_index.teams[team].size / observed_size)
        expected_shares = context.playbook_index.expected_shares[team]
        explanation = OffPlaybookWork(context.scope, team, team_effort, expected_shares)
        yield from iterate_off_playbook_losses(NAME, team, team_effort, team_weight, explanation)
        get_expected_share = expected_shares.get
        get_spent_share = team_effort.unsorted_shares.get
        # The objectives are sorted already; sorting the shares of every team would be slower.
        yield from [
            Loss(NAME, "over_served", team_weight * excess, explanation, team, objective)
            for objective in context.playbook_index.objectives
            if (excess := get_spent_share(objective, 0.0) - get_expected_share(objective, 0.0)) > 0
        ]
