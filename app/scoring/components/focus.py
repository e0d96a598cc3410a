"""focus: whether the recorded work goes where the playbook says."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import fsum
from typing import Final, NamedTuple

from app.scoring.averages import clamp, weighted_mean
from app.scoring.context import ScoringContext
from app.scoring.effort import TeamEffort
from app.scoring.evidence_links import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss, LossExplanation
from app.scoring.phrases import format_percent
from app.scoring.result import Figure, figure_without_evidence

NAME: Final = "focus"


class OffPlaybookWork(NamedTuple):
    """Where a team's work went and was expected to go; it accounts for what went elsewhere."""

    scope: EvidenceScope
    team: str
    team_effort: TeamEffort
    expected_shares: Mapping[str, float]

    def detail(self, loss: Loss) -> str:
        """How much of the team's work it was, and should have been."""
        if loss.objective is None:
            return describe_off_playbook(loss, self.team_effort, "recorded work")
        spent_percent, expected_percent = (
            format_percent(self.team_effort.shares[loss.objective]),
            format_percent(self.expected_shares.get(loss.objective, 0.0)),
        )
        return f"{spent_percent} of the recorded work of {self.team} went to {loss.objective}, {expected_percent} was expected"

    def evidence(self, loss: Loss) -> EvidenceQuery:
        """The team's events that belong there."""
        return self.scope.focus_evidence(("team", self.team), *objective_filters(loss, self.scope))


def describe_off_playbook(loss: Loss, team_effort: TeamEffort, work_label: str) -> str:
    """How much of a team's work was off the playbook."""
    if loss.reason == "other_playbook":
        return f"{format_percent(team_effort.other_playbook_share)} of the {work_label} of {loss.team} served another playbook"
    return f"{format_percent(team_effort.unassigned_share)} of the {work_label} of {loss.team} served no objective"


def objective_filters(loss: Loss, scope: EvidenceScope) -> tuple[tuple[str, str], ...]:
    """The filters of the events that belong to the loss's objective, or to none of the playbook."""
    if loss.objective is not None:
        return (("objective", loss.objective),)
    return ("off_playbook", scope.playbook), (
        "other_playbook",
        str(loss.reason == "other_playbook").lower(),
    )


def teams_with_enough_work(
    context: ScoringContext, team_efforts: Mapping[str, TeamEffort]
) -> Mapping[str, TeamEffort]:
    """The teams, in the order of their keys, whose work is enough to say anything."""
    min_events = context.playbook_index.policy.minimum_events
    return {
        team: team_effort
        for team in context.playbook_index.teams
        if (team_effort := team_efforts.get(team)) is not None
        and team_effort.events >= min_events
        and team_effort.effort > 0
    }


def compute_team_focus(context: ScoringContext, team: str) -> float:
    """How much of a team's work went where it was expected."""
    expected_shares = context.playbook_index.expected_shares[team]
    shares = context.team_efforts[team].shares_of(expected_shares.keys())
    return clamp(
        fsum([min(share, expected_shares[objective]) for objective, share in shares.items()])
    )


def compute_figure(context: ScoringContext) -> Figure:
    """The mean of the teams' focus by size; silent without objectives or without enough work."""
    if not context.playbook_index.objectives:
        return figure_without_evidence("the playbook has no active objective")
    team_efforts = teams_with_enough_work(context, context.team_efforts)
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
    # Proven is not coverage times score: by a rounding that could rise when a team falls silent.
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
        team_weight, expected_shares = (
            weight * (context.playbook_index.teams[team].size / observed_size),
            context.playbook_index.expected_shares[team],
        )
        explanation = OffPlaybookWork(context.scope, team, team_effort, expected_shares)
        yield from off_playbook_losses(NAME, team, team_effort, team_weight, explanation)
        expected_share, spent_share = expected_shares.get, team_effort.unsorted_shares.get
        yield from [
            Loss(NAME, "over_served", team_weight * excess, explanation, team, objective)
            for objective in context.playbook_index.objectives  # as the shares sorted, without sorting so many for each team
            if (excess := spent_share(objective, 0.0) - expected_share(objective, 0.0)) > 0
        ]


def off_playbook_losses(
    component: str, team: str, team_effort: TeamEffort, weight: float, explanation: LossExplanation
) -> Iterator[Loss]:
    """What a team's work off the playbook costs, split by whether it served another one."""
    if team_effort.unassigned_share > 0:
        yield Loss(
            component, "off_playbook", weight * team_effort.unassigned_share, explanation, team
        )
    if team_effort.other_playbook_share > 0:
        yield Loss(
            component,
            "other_playbook",
            weight * team_effort.other_playbook_share,
            explanation,
            team,
        )
