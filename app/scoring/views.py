"""The same numbers seen from one team, one objective or two teams at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from math import fsum
from statistics import median

from app.domain.playbook.organization import COMPONENTS
from app.scoring.averages import blend, clamp, ratio
from app.scoring.components import (
    agreement,
    deliverability,
    focus,
    freshness,
    playbook,
    productivity,
    shared_responsibility,
)
from app.scoring.context import Context, build
from app.scoring.effort import Work
from app.scoring.engine import align, silent_teams
from app.scoring.evidence_links import Evidence
from app.scoring.key_result_progress import Standing
from app.scoring.ledger import Loss, ordered, part
from app.scoring.snapshot import Snapshot, Sold


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

    busy: bool | None
    productive: bool | None


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
    bears: tuple[Bearing, ...]
    work: Work | None
    silent: bool
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
    key_results: tuple[Standing, ...]
    freshness: float
    days_since: int
    newest: date | None
    stale: bool
    shared_responsibility: float
    bearers: tuple[Bearing, ...]
    evidence: Evidence
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two teams, in the order of their keys, and how much of their work goes to the same objectives."""

    one: str
    other: str
    overlap: float


def team_views(snapshot: Snapshot) -> tuple[TeamView, ...]:
    """Every team of the organization, by key."""
    context = build(snapshot)
    losses = align(context).losses
    own, shared = (
        _by(losses, "team"),
        _by((loss for loss in losses if loss.team is None), "objective"),
    )
    figures = _Figures(context)
    mute = silent_teams(context)
    enough = focus.figured(context, context.work)
    middle = _median_attention(context, enough)
    plan, found = context.plan, []
    for team in plan.teams:
        narrowed = figures.of(team)
        parts = [
            loss
            for o in plan.borne.get(team, {})
            for loss in _part(shared, o, plan.shares[o][team])
        ]
        found.append(
            TeamView(
                team=team,
                figures=narrowed,
                quadrant=_quadrant(context, team, enough.get(team), middle, narrowed),
                bears=tuple(
                    bearing
                    for o in plan.borne.get(team, {})
                    for bearing in _bearers(context, o, team)
                ),
                work=enough.get(team),
                silent=team in mute,
                losses=ordered([*own.get(team, []), *parts]),
            )
        )
    return tuple(found)


def objective_views(snapshot: Snapshot) -> tuple[ObjectiveView, ...]:
    """Every active objective of the playbook, by key."""
    context = build(snapshot)
    losses = _by(align(context).losses, "objective")
    ages, sharings = freshness.ages(context), shared_responsibility.shared(context.plan)
    return tuple(
        ObjectiveView(
            objective=key,
            weight=context.plan.parts[key],
            attainment=context.attained[key],
            coverage=ratio(*context.covered[key]),
            key_results=context.standings_of(key),
            freshness=ages[key].value,
            days_since=ages[key].days,
            newest=ages[key].newest,
            stale=ages[key].stale,
            shared_responsibility=sharings[key].value,
            bearers=_bearers(context, key),
            evidence=ages[key].evidence(),
            losses=tuple(losses.get(key, [])),
        )
        for key in context.plan.objectives
    )


def pairs(snapshot: Snapshot) -> tuple[Pair, ...]:
    """Every two teams with enough work to say anything, and the overlap of their work."""
    context = build(snapshot)
    shares = {team: found.shares for team, found in focus.figured(context, context.work).items()}
    return tuple(
        Pair(
            one,
            other,
            clamp(
                fsum(min(share, shares[other].get(key, 0.0)) for key, share in shares[one].items())
            ),
        )
        for one, other in combinations(shares, 2)
    )


def _by(losses: Iterable[Loss], field: str) -> dict[str, list[Loss]]:
    """The losses by what one field names, in their own order; those that name nothing are left out."""
    found: dict[str, list[Loss]] = {}
    for loss in losses:
        key = getattr(loss, field)
        if key is not None:
            found.setdefault(key, []).append(loss)
    return found


def _part(losses: Mapping[str, list[Loss]], objective: str, share: float) -> list[Loss]:
    return part(losses.get(objective, []), share)


def _bearers(context: Context, objective: str, team: str | None = None) -> tuple[Bearing, ...]:
    """Who bears an objective, or what one team does of it."""
    shares = context.plan.shares[objective]
    return tuple(
        Bearing(objective, found.team, found.role, shares[found.team])
        for found in context.plan.bearing.get(objective, ())
        if team in (None, found.team)
    )


def _median_attention(context: Context, enough: Mapping[str, Work]) -> Fraction | None:
    """The median attention per head of the teams with a figure; exact, and never shown. None when no team has one."""
    found = [Fraction(work.effort, context.plan.teams[team].size) for team, work in enough.items()]
    return median(found) if found else None


def _quadrant(
    context: Context,
    team: str,
    work: Work | None,
    middle: Fraction | None,
    figures: tuple[TeamFigure, ...],
) -> Quadrant:
    busy = None
    if middle is not None and work is not None:
        busy = Fraction(work.effort, context.plan.teams[team].size) >= middle
    productive = next(figure.score for figure in figures if figure.name == productivity.NAME)
    return Quadrant(busy, None if productive is None else productive >= 0.5)


class _Figures:
    """The components narrowed to a team, with what all teams share worked out once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._involved = context.plan.once(playbook.involvements)
        self._fresh = {key: age.value for key, age in freshness.ages(context).items()}
        self._shared = {
            key: part.value for key, part in shared_responsibility.shared(context.plan).items()
        }
        self._covered = {key: ratio(*found) for key, found in context.covered.items()}
        self._agreed = agreement.agreements(context)
        self._sold = _by_team(context)
        self._working = focus.figured(context, context.work) if context.plan.objectives else {}
        self._active = focus.figured(context, context.activity) if context.measured else {}

    def of(self, team: str) -> tuple[TeamFigure, ...]:
        """The figures of one team, in the order of the method."""
        context, offerings = self._context, self._context.snapshot.configuration.offerings
        attained, coverage = self._outcomes(team)
        scores = {
            "playbook": self._involved[team].value,
            "shared_responsibility": self._over(team, self._shared),
            "focus": focus.focus_of(context, team) if team in self._working else None,
            "outcomes": attained,
            "freshness": self._over(team, self._fresh),
            "productivity": productivity.productivity_of(context, team)
            if team in self._active
            else None,
            "deliverability": deliverability.delivered(offerings, self._sold.get(team, ())),
            "agreement": self._agreement(team),
        }
        applies = {"deliverability": bool(offerings), "agreement": agreement.has_canonical(context)}
        covered = {name: 0.0 if score is None else 1.0 for name, score in scores.items()} | {
            "outcomes": coverage
        }
        return tuple(
            TeamFigure(name, scores[name], covered[name], applies.get(name, True))
            for name in COMPONENTS
        )

    def _over(self, team: str, values: Mapping[str, float]) -> float | None:
        """The mean over the objectives that a team bears, by their weight and its share; None when it bears none."""
        borne = self._context.plan.borne.get(team, {})
        return (
            blend((part, values[objective]) for objective, part in borne.items()) if borne else None
        )

    def _agreement(self, team: str) -> float | None:
        """The mean over the borne objectives on which a second source has a say; None when there is none."""
        borne = self._context.plan.borne.get(team, {})
        parts = [
            (part, self._agreed[objective])
            for objective, part in borne.items()
            if objective in self._agreed
        ]
        return blend(parts) if parts else None

    def _outcomes(self, team: str) -> tuple[float | None, float]:
        """The attainment of the objectives that a team bears, and its coverage; None without evidence of any."""
        context = self._context
        coverage = self._over(team, self._covered)
        return (self._over(team, context.attained), coverage) if coverage else (None, 0.0)


def _by_team(context: Context) -> Mapping[str, list[Sold]]:
    found: dict[str, list[Sold]] = {}
    for item in context.snapshot.sold:
        found.setdefault(item.team, []).append(item)
    return found
