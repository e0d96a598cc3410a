"""The same numbers seen from one team, one objective or two teams at once."""

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
from app.scoring.evidence_links import EvidenceQuery
from app.scoring.key_result_progress import KeyResultStanding
from app.scoring.ledger import Loss, scale_losses, sort_by_points
from app.scoring.snapshot import Snapshot, SoldValue


@dataclass(frozen=True, slots=True)
class TeamFigure:
    """A component narrowed to one team. None without evidence, or when it has no meaning for one team: `score`."""

    name: str
    score: float | None
    coverage: float
    applies: bool = True


@dataclass(frozen=True, slots=True)
class Quadrant:
    """Busy or not, productive or not; each None while too little is known of the team."""

    is_busy: bool | None
    is_productive: bool | None


@dataclass(frozen=True, slots=True)
class Bearing:
    """A team that bears an objective. Shape: the shares of an objective's bearers sum to 1."""

    objective: str
    team: str
    role: str
    share: float


@dataclass(frozen=True, slots=True)
class TeamView:
    """One team. None when it has too little attention for a figure: `work`.

    Shape: `work` is where its attention went; `losses` are its own and its part of its objectives', largest first.
    """

    team: str
    figures: tuple[TeamFigure, ...]
    quadrant: Quadrant
    bearings: tuple[Bearing, ...]
    team_effort: TeamEffort | None
    is_silent: bool
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """One objective. Shape: `weight` is its part of the playbook; `losses` are those on it, largest first.

    None when no event touched it in the playbook's window, and `days_since` counts from the first day: `newest`.
    """

    objective: str
    weight: float
    attainment: float
    coverage: float
    key_results: tuple[KeyResultStanding, ...]
    freshness: float
    days_since: int
    newest: date | None
    stale: bool
    shared_responsibility: float
    bearers: tuple[Bearing, ...]
    evidence: EvidenceQuery
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class TeamPair:
    """Two teams, in the order of their keys, and how much of their work goes to the same objectives."""

    first_team: str
    second_team: str
    overlap: float


def build_team_views(snapshot: Snapshot) -> tuple[TeamView, ...]:
    """Every team of the organization, by key."""
    context = build_context(snapshot)
    losses = build_alignment(context).losses
    team_losses, objective_losses = (
        _group_losses(losses, "team"),
        _group_losses((loss for loss in losses if loss.team is None), "objective"),
    )
    team_figures = _TeamFigures(context)
    silent_team_keys = find_silent_teams(context)
    efforts = focus.teams_with_enough_work(context, context.team_efforts)
    median_effort = _median_effort_per_head(context, efforts)
    playbook_index, views = context.playbook_index, []
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
    """Every active objective of the playbook, by key."""
    context = build_context(snapshot)
    losses = _group_losses(build_alignment(context).losses, "objective")
    ages_by_objective, sharings = (
        freshness.compute_ages(context),
        shared_responsibility.sharing_by_objective(context.playbook_index),
    )
    return tuple(
        ObjectiveView(
            objective=key,
            weight=context.playbook_index.objective_weights[key],
            attainment=context.attainments[key],
            coverage=ratio(*context.covered_weights[key]),
            key_results=context.build_standings(key),
            freshness=ages_by_objective[key].freshness,
            days_since=ages_by_objective[key].age_days,
            newest=ages_by_objective[key].latest_day,
            stale=ages_by_objective[key].is_stale,
            shared_responsibility=sharings[key].value,
            bearers=_build_bearers(context, key),
            evidence=ages_by_objective[key].evidence(),
            losses=tuple(losses.get(key, [])),
        )
        for key in context.playbook_index.objectives
    )


def build_team_pairs(snapshot: Snapshot) -> tuple[TeamPair, ...]:
    """Every two teams with enough work to say anything, and the overlap of their work."""
    context = build_context(snapshot)
    shares_by_team = {
        team: team_effort.shares
        for team, team_effort in focus.teams_with_enough_work(context, context.team_efforts).items()
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
    """The losses by what one field names, in their own order; those that name nothing are left out."""
    losses_by_key: dict[str, list[Loss]] = {}
    for loss in losses:
        key = getattr(loss, field_name)
        if key is not None:
            losses_by_key.setdefault(key, []).append(loss)
    return losses_by_key


def _share_of_losses(losses: Mapping[str, list[Loss]], objective: str, share: float) -> list[Loss]:
    return scale_losses(losses.get(objective, []), share)


def _build_bearers(
    context: ScoringContext, objective: str, team: str | None = None
) -> tuple[Bearing, ...]:
    """Who bears an objective, or what one team does of it."""
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
    """The median attention per head of the teams with a figure; exact, and never shown. None when no team has one."""
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
    """The components narrowed to a team, with what all teams share worked out once."""

    def __init__(self, context: ScoringContext) -> None:
        self._context = context
        self._involvements = context.playbook_index.memoize(playbook.compute_involvements)
        self._freshness_by_objective = {
            key: age.freshness for key, age in freshness.compute_ages(context).items()
        }
        self._sharing_by_objective = {
            key: sharing.value
            for key, sharing in shared_responsibility.sharing_by_objective(
                context.playbook_index
            ).items()
        }
        self._coverage_by_objective = {
            key: ratio(*covered_weight) for key, covered_weight in context.covered_weights.items()
        }
        self._agreement_by_objective = agreement.compute_agreements(context)
        self._sold_by_team = _group_sold_by_team(context)
        self._working_efforts = (
            focus.teams_with_enough_work(context, context.team_efforts)
            if context.playbook_index.objectives
            else {}
        )
        self._active_efforts = (
            focus.teams_with_enough_work(context, context.activity_efforts)
            if context.has_evidence
            else {}
        )

    def figures_of_team(self, team: str) -> tuple[TeamFigure, ...]:
        """The figures of one team, in the order of the method."""
        context, offerings = self._context, self._context.snapshot.configuration.offerings
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
        coverages = {name: 0.0 if score is None else 1.0 for name, score in scores.items()} | {
            "outcomes": coverage
        }
        return tuple(
            TeamFigure(name, scores[name], coverages[name], applies.get(name, True))
            for name in COMPONENTS
        )

    def _mean_over_objectives(
        self, team: str, objective_values: Mapping[str, float]
    ) -> float | None:
        """The mean over the objectives that a team bears, by their weight and its share; None when it bears none."""
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
        """The mean over the borne objectives on which a second source has a say; None when there is none."""
        objective_shares = self._context.playbook_index.objective_shares.get(team, {})
        weighted_agreements = [
            (share, self._agreement_by_objective[objective])
            for objective, share in objective_shares.items()
            if objective in self._agreement_by_objective
        ]
        return weighted_float_mean(weighted_agreements) if weighted_agreements else None

    def _attainment_and_coverage(self, team: str) -> tuple[float | None, float]:
        """The attainment of the objectives that a team bears, and its coverage; None without evidence of any."""
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
