"""The score recomputed from raw events with exact fractions: an independent check of the program.

`compute_alignment(world)` returns the score; tests/reference_model/views.py returns the views. The
list numbers the points where docs/scoring.md can be read in two ways, with the reading of this
model.

 1. weakest: one of the eight components. If no points are lost, it is the first one (playbook). A
    component of weight 0 loses 0.
 2. Outcome losses of a key result name objective, key_result and metric. Losses of agreement name
    objective and metric only; over_served and busy_without_result name team and objective;
    off_playbook and other_playbook name the team only.
 3. `s_{o,m}` is normalized over the load-bearing responsibilities of the objective, not of the
    team.
 4. An event that names an objective belongs to that objective or to none. Its metrics do not matter
    for attention, and not for other_playbook. If it names a paused objective of this playbook, it
    is off_playbook.
 5. "Leads to" and freshness use the key results of a metric regardless of their windows. Only
    values use windows.
 6. Attention, freshness and silence use every event of the team, including events of effort 0.
    minimum_events counts events, not effort.
 7. agreement applies if a key result of an active objective of this playbook has a metric with a
    canonical source.
 8. deliverability does not apply without a declared offering, even if something unknown was sold.
    Its value and losses are omitted then. Offerings with retired_on <= available_from are never
    deliverable (not_yet_available has priority).
 9. Sold items are those of every team and kind of event, whether or not the event matches a metric.
10. Before the first day, the scored day is the first day: a key result that begins on it expects
    the share of one day, and an objective is 0 days old. Outcomes is null then; the objective view
    shows it.
11. productivity is null while outcomes is null and, like focus, if no team has a figure. Coverage
    is 0 whenever a score is null.
12. If the weights sum to 0 (all, or those that are not null), the score is null and the ledger is
    empty. Coverage and floor are 0 only if the weights of the applicable components sum to 0.
13. A coverage equal to minimum_coverage is sufficient. The comparison is exact here; a double may
    be on the other side.
14. A number beyond the limits of values does not count as the value of a metric. In a condition it
    is an ordinary number.
15. eq on lists and objects is JSON equality (true is not 1, 1 is 1.0). A path goes through objects
    only.
16. A count needs no value and ignores units. Every other aggregation needs a number and equal
    units.
17. An event recorded before it occurred (by at most a day) is filtered by both days, like any
    other.
18. A responsibility of an inactive team carries nothing. Events of such a team count for values,
    freshness, sales and agreement, but not for attention.
19. The agreement of a source is computed from its own events with the aggregation of the metric,
    including `last`.
20. silent_teams lists load-bearing teams of active objectives, sorted by key. Any event in the
    attention window ends silence.
21. Losses of exactly 1e-12 remain. A row of 0 points is not a row.
22. Team view: no agreement, no score. outcomes is null if none of its objectives has evidence;
    coverage is 0 or 1 for focus and productivity; deliverability covers what events of the team
    sold. Its ledger has the losses that name the team in full, and `s_{o,m}` of the losses that
    name an objective of the team and no team.
23. Quadrant: the median is over the teams that have an attention figure, and only these are busy or
    not. Silent teams would otherwise pull the median to 0, and everyone would be busy. Attention is
    of all kinds; without productivity, productive is None.
24. Objective view: its part of the ledger is every loss that names it, including over_served and
    busy_without_result of a team.
25. Pairs: None unless both teams have an attention figure. Defined as 0 without objectives.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.reference_model.component_inputs import (
    ZERO,
    ComponentInputs,
    collect_inputs,
    compute_borne_weights,
    find_attention_events,
)
from tests.reference_model.components import ComponentScore, score_components
from tests.reference_model.ledger import Loss, compute_ledger
from tests.reference_model.world import COMPONENTS, World


@dataclass(frozen=True, slots=True)
class ReferenceAlignment:
    """The expected score."""

    score: Fraction | None
    # The score before minimum_coverage is applied: the ledger sums to 1 - raw_score.
    raw_score: Fraction | None
    floor: Fraction
    coverage: Fraction
    weakest: str
    silent_teams: tuple[str, ...]
    components: Mapping[str, ComponentScore]
    lost_points: Mapping[str, Fraction]
    ledger: Mapping[Loss, Fraction]


def compute_alignment(world: World) -> ReferenceAlignment:
    """Compute the alignment of the world's playbook at the days of the world."""
    inputs = collect_inputs(world)
    components = score_components(inputs)
    weights = world.policy.weights
    applicable_weight = sum((weights[c] for c in COMPONENTS if components[c].applies), ZERO)
    scored_weight = sum((weights[c] for c in COMPONENTS if components[c].score is not None), ZERO)
    earned_points = {
        c: weights[c] * score for c in COMPONENTS if (score := components[c].score) is not None
    }
    raw_score = sum(earned_points.values(), ZERO) / scored_weight if scored_weight else None
    coverage = (
        sum((weights[c] * components[c].coverage for c in COMPONENTS), ZERO) / applicable_weight
        if applicable_weight
        else ZERO
    )
    floor = (
        sum((earned_points[c] * components[c].coverage for c in earned_points), ZERO)
        / applicable_weight
        if applicable_weight
        else ZERO
    )
    lost_points = {
        c: (weights[c] - earned_points[c]) / scored_weight
        if c in earned_points and scored_weight
        else ZERO
        for c in COMPONENTS
    }
    return ReferenceAlignment(
        score=raw_score if coverage >= world.policy.minimum_coverage else None,
        raw_score=raw_score,
        floor=floor,
        coverage=coverage,
        weakest=max(COMPONENTS, key=lambda c: lost_points[c]),
        silent_teams=find_silent_teams(inputs),
        components=components,
        lost_points=lost_points,
        ledger=compute_ledger(inputs, components),
    )


def find_silent_teams(inputs: ComponentInputs) -> tuple[str, ...]:
    """Return the load-bearing teams without an event in the attention window."""
    return tuple(
        sorted(
            t.key
            for t in inputs.world.teams
            if compute_borne_weights(inputs, t.key) and not find_attention_events(inputs, t.key)
        )
    )
