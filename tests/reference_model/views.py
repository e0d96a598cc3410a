"""The views of scoring.md section 5 on the same numbers: a team, an objective, pairs of teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from statistics import median

from tests.reference_model.components import (
    HALF,
    ONE,
    Part,
    attainment,
    deliverability_over,
    focus_of,
    freshness_of,
    freshness_over,
    involvement,
    measured,
    newest,
    outcomes_over,
    part,
    productivity_of,
    sharing,
    sharing_over,
)
from tests.reference_model.ledger import Loss
from tests.reference_model.model import align
from tests.reference_model.scene import ZERO, attention, borne, look, share, with_figure
from tests.reference_model.world import World


@dataclass(frozen=True, slots=True)
class TeamView:
    """One team. `busy` is None without an attention figure, `productive` without a productivity."""

    components: Mapping[str, Part]
    attention_per_head: Fraction | None
    busy: bool | None
    productive: bool | None
    ledger: Mapping[Loss, Fraction]


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """One active objective; `weight` is P_o and `bearers` s_{o,m} of the teams that bear it."""

    weight: Fraction
    attainment: Fraction
    measured: Fraction
    freshness: Fraction
    newest: date | None
    stale: bool
    shared_responsibility: Fraction
    bearers: Mapping[str, Fraction]
    ledger: Mapping[Loss, Fraction]


def team_view(world: World, team: str) -> TeamView:
    """What the score looks like from one team."""
    scene = look(world)
    bears = borne(scene, team)
    everything, activity = attention(scene, team), attention(scene, team, "activity")
    has_outcomes = outcomes_over(scene, scene.weight).cov > 0
    focus = focus_of(scene, team, everything) if everything and scene.objectives else None
    worked = productivity_of(scene, activity) if activity and has_outcomes else None
    per_head = {t.key: figure.total / t.size for t, figure in with_figure(scene)}
    mine = per_head.get(team)
    points = {}
    for loss, lost in align(world).ledger.items():
        if loss.team == team:
            points[loss] = lost
        elif loss.team is None and loss.objective in bears:
            points[loss] = lost * share(world, loss.objective, team)
    return TeamView(
        components={
            "playbook": part(involvement(scene, team)[0]),
            "shared_responsibility": sharing_over(scene, bears),
            "focus": part(focus, ONE),
            "outcomes": outcomes_over(scene, bears),
            "freshness": freshness_over(scene, bears),
            "productivity": part(worked, ONE),
            "deliverability": deliverability_over(scene, team),
        },
        attention_per_head=mine,
        busy=None if mine is None else mine >= median(per_head.values()),
        productive=None if worked is None else worked >= HALF,
        ledger=points,
    )


def objective_view(world: World, objective: str) -> ObjectiveView:
    """How one active objective of the playbook stands."""
    scene = look(world)
    fresh = freshness_of(scene, objective)
    bearers = {t.key: share(world, objective, t.key) for t in world.teams}
    return ObjectiveView(
        weight=scene.weight[objective],
        attainment=attainment(scene, objective),
        measured=measured(scene, objective),
        freshness=fresh,
        newest=newest(scene, objective),
        stale=fresh < HALF,
        shared_responsibility=sharing(scene, objective)[0],
        bearers={t: s for t, s in bearers.items() if s},
        ledger={
            loss: lost for loss, lost in align(world).ledger.items() if loss.objective == objective
        },
    )


def pairs(world: World) -> dict[tuple[str, str], Fraction | None]:
    """overlap(m, n) for every two teams, in the order of their keys; None unless both have a figure."""
    scene = look(world)
    spent = {t.key: attention(scene, t.key) for t in world.teams}
    overlaps: dict[tuple[str, str], Fraction | None] = {}
    for m, n in combinations(sorted(spent), 2):
        a, b = spent[m], spent[n]
        overlaps[m, n] = sum((min(a.on[o], b.on[o]) for o in a.on), ZERO) if a and b else None
    return overlaps
