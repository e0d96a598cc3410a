"""Views of a score: by team, by objective and by pair of teams."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from math import fsum
from statistics import median

from app.domain.playbook.organization import COMPONENTS
from app.scoring.averages import clamp, ratio, weighted_float_mean
from app.scoring.components import (
    agreement,
    deliverability,
    focus,
    freshness,
    playbook,
    productivity,
    shared_responsibility,
)
from app.scoring.context import ScoringContext, build_context
from app.scoring.effort import TeamEffort
from app.scoring.engine import build_alignment, find_silent_teams
from app.scoring.evidence.evidence_scope import EvidenceQuery
from app.scoring.key_result_progress import KeyResultStanding
from app.scoring.ledger import Loss, scale_losses, sort_by_points
from app.scoring.snapshot import Snapshot, SoldValue
from app.scoring.work_losses import select_teams_with_enough_work


@dataclass(frozen=True, slots=True)
class TeamFigure:
    """A component narrowed to one team."""

    name: str
    # None without evidence, and for a component that has no meaning for one team.
    score: float | None
    coverage: float
    applies: bool = True


@dataclass(frozen=True, slots=True)
class Quadrant:
    """Whether a team is busy and productive; None with too little evidence."""

    is_busy: bool | None
    is_productive: bool | None


@dataclass(frozen=True, slots=True)
class Bearing:
    """A team's share of the responsibility for an objective; an objective's shares sum to 1."""

    objective: str
    team: str
    role: str
    share: float


@dataclass(frozen=True, slots=True)
class TeamView:
    """The view of one team."""

    team: str
    figures: tuple[TeamFigure, ...]
    quadrant: Quadrant
    bearings: tuple[Bearing, ...]
    # None with too little work for a figure.
    team_effort: TeamEffort | None
    is_silent: bool
    # The team's own losses and its share of its objectives' losses, largest first.
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """The view of one objective."""

    objective: str
    # The objective's share of the playbook.
    weight: float
    attainment: float
    coverage: float
    key_results: tuple[KeyResultStanding, ...]
    freshness: float
    # Counted from the first day of the playbook without an event.
    days_since: int
    # None without an event in the playbook's window.
    newest: date | None
    stale: bool
    shared_responsibility: float
    bearers: tuple[Bearing, ...]
    evidence: EvidenceQuery
    # Largest first.
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class TeamPair:
    """Two teams and the overlap of their work. The keys are in order."""

    first_team: str
    second_team: str
    overlap: float


def build_team_views(snapshot: Snapshot) -> tuple[TeamView, ...]:
    """Return the views of all teams, in the order of their keys."""
    context = build_context(snapshot)
    losses = build_alignment(context).losses
    team_losses = _group_losses(losses, "team")
    objective_losses = _group_losses((loss for loss in losses if loss.team is None), "objective")
    team_figures = _TeamFigures(context)
    silent_team_keys = find_silent_teams(context)
    efforts = select_teams_with_enough_work(context, context.team_efforts)
    median_effort = _median_effort_per_head(context, efforts)
    playbook_index = context.playbook_index
    views = []
    for team in playbook_index.teams:
        figures_of_team = team_figures.figures_of_team(team)
        shared_losses = [
            loss
            for objective in playbook_index.objective_shares.get(team, {})
            for loss in _share_of_losses(
                objective_losses, objective, playbook_index.team_shares[objective][team]
            )
        ]
        views.append(
            TeamView(
                team=team,
                figures=figures_of_team,
                quadrant=_build_quadrant(
                    context, team, efforts.get(team), median_effort, figures_of_team
                ),
                bearings=tuple(
                    bearing
                    for objective in playbook_index.objective_shares.get(team, {})
                    for bearing in _build_bearers(context, objective, team)
                ),
                team_effort=efforts.get(team),
                is_silent=team in silent_team_keys,
                losses=sort_by_points([*team_losses.get(team, []), *shared_losses]),
            )
        )
    return tuple(views)


def build_objective_views(snapshot: Snapshot) -> tuple[ObjectiveView, ...]:
    """Return the views of the active objectives, in the order of their keys."""
    context = build_context(snapshot)
    losses = _group_losses(build_alignment(context).losses, "objective")
    ages_by_objective = freshness.compute_ages(context)
    sharings = shared_responsibility.sharing_by_objective(context.playbook_index)
    return tuple(
        ObjectiveView(
            objective=objective_key,
            weight=context.playbook_index.objective_weights[objective_key],
            attainment=context.attainments[objective_key],
            coverage=ratio(*context.covered_weights[objective_key]),
            key_results=context.build_standings(objective_key),
            freshness=ages_by_objective[objective_key].freshness,
            days_since=ages_by_objective[objective_key].age_days,
            newest=ages_by_objective[objective_key].latest_day,
            stale=ages_by_objective[objective_key].is_stale,
            shared_responsibility=sharings[objective_key].value,
            bearers=_build_bearers(context, objective_key),
            evidence=ages_by_objective[objective_key].evidence(),
            losses=tuple(losses.get(objective_key, [])),
        )
        for objective_key in context.playbook_index.objectives
    )


def build_team_pairs(snapshot: Snapshot) -> tuple[TeamPair, ...]:
    """Return the overlap of every two teams with enough work."""
    context = build_context(snapshot)
    shares_by_team = {
        team: team_effort.shares
        for team, team_effort in select_teams_with_enough_work(
            context, context.team_efforts
        ).items()
    }
    return tuple(
        TeamPair(
            first_team,
            second_team,
            clamp(
                fsum(
                    min(share, shares_by_team[second_team].get(objective, 0.0))
                    for objective, share in shares_by_team[first_team].items()
                )
            ),
        )
        for first_team, second_team in combinations(shares_by_team, 2)
    )


def _group_losses(losses: Iterable[Loss], field_name: str) -> dict[str, list[Loss]]:
    """Group the losses by a field, in their order. Losses without it are left out."""
    losses_by_key: dict[str, list[Loss]] = {}
    for loss in losses:
        group_key = getattr(loss, field_name)
        if group_key is not None:
            losses_by_key.setdefault(group_key, []).append(loss)
    return losses_by_key


def _share_of_losses(losses: Mapping[str, list[Loss]], objective: str, share: float) -> list[Loss]:
    return scale_losses(losses.get(objective, []), share)


def _build_bearers(
    context: ScoringContext, objective: str, team: str | None = None
) -> tuple[Bearing, ...]:
    """Return the bearings of an objective, or of one team only."""
    team_shares = context.playbook_index.team_shares[objective]
    return tuple(
        Bearing(
            objective, responsibility.team, responsibility.role, team_shares[responsibility.team]
        )
        for responsibility in context.playbook_index.responsibilities.get(objective, ())
        if team in (None, responsibility.team)
    )


def _median_effort_per_head(
    context: ScoringContext, efforts: Mapping[str, TeamEffort]
) -> Fraction | None:
    """Return the exact median effort per head of the teams with enough work, or None.

    The median is never shown.
    """
    efforts_per_head = [
        Fraction(team_effort.effort, context.playbook_index.teams[team].size)
        for team, team_effort in efforts.items()
    ]
    return median(efforts_per_head) if efforts_per_head else None


def _build_quadrant(
    context: ScoringContext,
    team: str,
    team_effort: TeamEffort | None,
    median_effort: Fraction | None,
    figures: tuple[TeamFigure, ...],
) -> Quadrant:
    is_busy = None
    if median_effort is not None and team_effort is not None:
        is_busy = (
            Fraction(team_effort.effort, context.playbook_index.teams[team].size) >= median_effort
        )
    productivity_score = next(
        figure.score for figure in figures if figure.name == productivity.NAME
    )
    return Quadrant(is_busy, None if productivity_score is None else productivity_score >= 0.5)


class _TeamFigures:
    """The components narrowed to teams, with the shared parts computed once."""

    def __init__(self, context: ScoringContext) -> None:
        self._context = context
        self._involvements = context.playbook_index.memoize(playbook.compute_involvements)
        self._freshness_by_objective = {
            objective_key: age.freshness
            for objective_key, age in freshness.compute_ages(context).items()
        }
        self._sharing_by_objective = {
            objective_key: sharing.value
            for objective_key, sharing in shared_responsibility.sharing_by_objective(
                context.playbook_index
            ).items()
        }
        self._coverage_by_objective = {
            objective_key: ratio(*covered_weight)
            for objective_key, covered_weight in context.covered_weights.items()
        }
        self._agreement_by_objective = agreement.compute_agreements(context)
        self._sold_by_team = _group_sold_by_team(context)
        self._working_efforts = (
            select_teams_with_enough_work(context, context.team_efforts)
            if context.playbook_index.objectives
            else {}
        )
        self._active_efforts = (
            select_teams_with_enough_work(context, context.activity_efforts)
            if context.has_evidence
            else {}
        )

    def figures_of_team(self, team: str) -> tuple[TeamFigure, ...]:
        """Return the figures of a team, in the order of the method."""
        context = self._context
        offerings = self._context.snapshot.configuration.offerings
        attainment, coverage = self._attainment_and_coverage(team)
        scores = {
            "playbook": self._involvements[team].involvement_share,
            "shared_responsibility": self._mean_over_objectives(team, self._sharing_by_objective),
            "focus": focus.compute_team_focus(context, team)
            if team in self._working_efforts
            else None,
            "outcomes": attainment,
            "freshness": self._mean_over_objectives(team, self._freshness_by_objective),
            "productivity": productivity.compute_team_productivity(context, team)
            if team in self._active_efforts
            else None,
            "deliverability": deliverability.deliverable_share(
                offerings, self._sold_by_team.get(team, ())
            ),
            "agreement": self._mean_agreement(team),
        }
        applies = {
            "deliverability": bool(offerings),
            "agreement": agreement.has_canonical_source(context),
        }
        coverages = {
            component_name: 0.0 if score is None else 1.0
            for component_name, score in scores.items()
        } | {"outcomes": coverage}
        return tuple(
            TeamFigure(
                component_name,
                scores[component_name],
                coverages[component_name],
                applies.get(component_name, True),
            )
            for component_name in COMPONENTS
        )

    def _mean_over_objectives(
        self, team: str, objective_values: Mapping[str, float]
    ) -> float | None:
        """Return the mean over a team's objectives by weight and share, or None."""
        objective_shares = self._context.playbook_index.objective_shares.get(team, {})
        return (
            weighted_float_mean(
                (share, objective_values[objective])
                for objective, share in objective_shares.items()
            )
            if objective_shares
            else None
        )

    def _mean_agreement(self, team: str) -> float | None:
        """Return the mean agreement of a team's objectives, or None without a second source."""
        objective_shares = self._context.playbook_index.objective_shares.get(team, {})
        weighted_agreements = [
            (share, self._agreement_by_objective[objective])
            for objective, share in objective_shares.items()
            if objective in self._agreement_by_objective
        ]
        return weighted_float_mean(weighted_agreements) if weighted_agreements else None

    def _attainment_and_coverage(self, team: str) -> tuple[float | None, float]:
        """Return the attainment and coverage of a team's objectives.

        Return None without evidence.
        """
        context = self._context
        coverage = self._mean_over_objectives(team, self._coverage_by_objective)
        return (
            (self._mean_over_objectives(team, context.attainments), coverage)
            if coverage
            else (None, 0.0)
        )


def _group_sold_by_team(context: ScoringContext) -> Mapping[str, list[SoldValue]]:
    sold_by_team: dict[str, list[SoldValue]] = {}
    for sale in context.snapshot.sold_values:
        sold_by_team.setdefault(sale.team, []).append(sale)
    return sold_by_team
