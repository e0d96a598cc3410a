"""The views of docs/scoring.md: a team, an objective, pairs of teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import combinations
from statistics import median

from tests.reference_model.alignment import compute_alignment
from tests.reference_model.component_inputs import (
    ZERO,
    collect_inputs,
    compute_borne_weights,
    compute_share,
    find_teams_with_attention,
    measure_attention,
)
from tests.reference_model.components import (
    FRACTION_ONE,
    HALF,
    ComponentScore,
    assess_involvement,
    assess_sharing,
    compute_attainment,
    compute_focus,
    compute_freshness,
    compute_measured_share,
    compute_productivity,
    find_newest_day,
    make_component_score,
    score_deliverability,
    score_freshness,
    score_outcomes,
    score_shared_responsibility,
)
from tests.reference_model.ledger import Loss
from tests.reference_model.world import World


@dataclass(frozen=True, slots=True)
class TeamView:
    """The score from the point of view of one team."""

    components: Mapping[str, ComponentScore]
    attention_per_head: Fraction | None
    # None without an attention figure.
    is_busy: bool | None
    # None without productivity.
    is_productive: bool | None
    ledger: Mapping[Loss, Fraction]


@dataclass(frozen=True, slots=True)
class ObjectiveView:
    """One active objective."""

    # P_o.
    weight: Fraction
    attainment: Fraction
    measured_share: Fraction
    freshness: Fraction
    newest_day: date | None
    is_stale: bool
    shared_responsibility: Fraction
    # s_{o,m} of the load-bearing teams.
    bearers: Mapping[str, Fraction]
    ledger: Mapping[Loss, Fraction]


def build_team_view(world: World, team: str) -> TeamView:
    inputs = collect_inputs(world)
    borne_weights = compute_borne_weights(inputs, team)
    all_attention = measure_attention(inputs, team)
    activity_attention = measure_attention(inputs, team, "activity")
    has_outcomes = score_outcomes(inputs, inputs.weights).coverage > 0
    focus = (
        compute_focus(inputs, team, all_attention) if all_attention and inputs.objectives else None
    )
    productivity = (
        compute_productivity(inputs, activity_attention)
        if activity_attention and has_outcomes
        else None
    )
    attention_per_head = {
        t.key: team_attention.total / t.size
        for t, team_attention in find_teams_with_attention(inputs)
    }
    team_attention_per_head = attention_per_head.get(team)
    points = {}
    for loss, lost in compute_alignment(world).ledger.items():
        if loss.team == team:
            points[loss] = lost
        elif loss.team is None and loss.objective in borne_weights:
            points[loss] = lost * compute_share(world, loss.objective, team)
    return TeamView(
        components={
            "playbook": make_component_score(assess_involvement(inputs, team)[0]),
            "shared_responsibility": score_shared_responsibility(inputs, borne_weights),
            "focus": make_component_score(focus, FRACTION_ONE),
            "outcomes": score_outcomes(inputs, borne_weights),
            "freshness": score_freshness(inputs, borne_weights),
            "productivity": make_component_score(productivity, FRACTION_ONE),
            "deliverability": score_deliverability(inputs, team),
        },
        attention_per_head=team_attention_per_head,
        is_busy=None
        if team_attention_per_head is None
        else team_attention_per_head >= median(attention_per_head.values()),
        is_productive=None if productivity is None else productivity >= HALF,
        ledger=points,
    )


def build_objective_view(world: World, objective: str) -> ObjectiveView:
    inputs = collect_inputs(world)
    freshness = compute_freshness(inputs, objective)
    bearers = {t.key: compute_share(world, objective, t.key) for t in world.teams}
    return ObjectiveView(
        weight=inputs.weights[objective],
        attainment=compute_attainment(inputs, objective),
        measured_share=compute_measured_share(inputs, objective),
        freshness=freshness,
        newest_day=find_newest_day(inputs, objective),
        is_stale=freshness < HALF,
        shared_responsibility=assess_sharing(inputs, objective)[0],
        bearers={t: s for t, s in bearers.items() if s},
        ledger={
            loss: lost
            for loss, lost in compute_alignment(world).ledger.items()
            if loss.objective == objective
        },
    )


def compute_overlaps(world: World) -> dict[tuple[str, str], Fraction | None]:
    """Return overlap(m, n) for every two teams, ordered by key.

    The overlap is None unless both teams have an attention figure.
    """
    inputs = collect_inputs(world)
    attention_by_team = {t.key: measure_attention(inputs, t.key) for t in world.teams}
    overlaps: dict[tuple[str, str], Fraction | None] = {}
    for m, n in combinations(sorted(attention_by_team), 2):
        a = attention_by_team[m]
        b = attention_by_team[n]
        overlaps[m, n] = (
            sum((min(a.by_objective[o], b.by_objective[o]) for o in a.by_objective), ZERO)
            if a and b
            else None
        )
    return overlaps
