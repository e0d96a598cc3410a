"""Losses of teams' recorded work: the rules that `focus` and `productivity` share."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from app.scoring.context import ScoringContext
from app.scoring.effort import TeamEffort
from app.scoring.evidence.evidence_scope import EvidenceQuery, EvidenceScope
from app.scoring.ledger import Loss, LossExplanation
from app.scoring.phrases import format_percent


class WorkExplanation(NamedTuple):
    """Explains the losses of one team's work.

    A component subclasses it to describe an objective.
    """

    scope: EvidenceScope
    team: str
    team_effort: TeamEffort
    # By objective: the figure that the component compares the work with, from 0 to 1.
    objective_rates: Mapping[str, float]

    @property
    def work_label(self) -> str:
        """The kind of work in words."""
        return "recorded work"

    @property
    def event_filters(self) -> tuple[tuple[str, str], ...]:
        """The filters that select this kind of work."""
        return ()

    def describe_objective(self, objective: str) -> str:
        """Compare the team's work on an objective with its rate, in words."""
        raise NotImplementedError

    def detail(self, loss: Loss) -> str:
        """Describe the work that was lost."""
        if loss.objective is not None:
            return self.describe_objective(loss.objective)
        if loss.reason == "other_playbook":
            other_playbook_percent = format_percent(self.team_effort.other_playbook_share)
            return (
                f"{other_playbook_percent} of the {self.work_label} of {loss.team} "
                "served another playbook"
            )
        unassigned_percent = format_percent(self.team_effort.unassigned_share)
        return f"{unassigned_percent} of the {self.work_label} of {loss.team} served no objective"

    def evidence(self, loss: Loss) -> EvidenceQuery:
        """Return the query that lists the events of this work."""
        return self.scope.focus_evidence(
            ("team", self.team), *self.event_filters, *_objective_filters(loss, self.scope)
        )


def _objective_filters(loss: Loss, scope: EvidenceScope) -> tuple[tuple[str, str], ...]:
    if loss.objective is not None:
        return (("objective", loss.objective),)
    serves_other_playbook = str(loss.reason == "other_playbook").lower()
    return ("off_playbook", scope.playbook), ("other_playbook", serves_other_playbook)


def select_teams_with_enough_work(
    context: ScoringContext, team_efforts: Mapping[str, TeamEffort]
) -> Mapping[str, TeamEffort]:
    """Return the teams with the policy's minimum of events, in the order of their keys."""
    min_events = context.playbook_index.policy.minimum_events
    return {
        team: team_effort
        for team in context.playbook_index.teams
        if (team_effort := team_efforts.get(team)) is not None
        and team_effort.events >= min_events
        and team_effort.effort > 0
    }


def iterate_off_playbook_losses(
    component: str, team: str, team_effort: TeamEffort, weight: float, explanation: LossExplanation
) -> Iterator[Loss]:
    """Yield the losses of work for no objective and of work for another playbook."""
    if team_effort.unassigned_share > 0:
        points = weight * team_effort.unassigned_share
        yield Loss(component, "off_playbook", points, explanation, team)
    if team_effort.other_playbook_share > 0:
        points = weight * team_effort.other_playbook_share
        yield Loss(component, "other_playbook", points, explanation, team)
