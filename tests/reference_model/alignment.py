"""Method 1 of scoring.md recomputed from raw events with exact fractions: slow, plain, and a judge of the program.

`align(world)` is the answer of section 4; the views of section 5 are in model.views.

Where scoring.md leaves room, this is how it was read (numbered so that a disagreement can name one):

 1. weakest: always one of the eight, so with nothing lost it is the first of section 3 (playbook). A component of
    weight 0 loses 0.
 2. Outcome losses of a key result name objective, key_result and metric; agreement's name objective and metric
    only; over_served and busy_without_result name team and objective; off_playbook and other_playbook name the team
    only.
 3. `s_{o,m}` is normalized over the load-bearing responsibilities of the objective (not of the team).
 4. An event that names an objective belongs to that one or to none: its metrics do not matter for attention,
    neither here nor for other_playbook. A paused objective of this playbook that is named is off_playbook.
 5. "Leads to" and freshness look at a metric's key results whatever their windows; only values look at windows.
 6. Attention, freshness and silence take every event of the team, of effort 0 too; minimum_events counts events,
    not effort.
 7. agreement applies when a key result of an active objective of this playbook has a metric with a canonical
    source.
 8. deliverability does not apply without a declared offering, even if something unknown was sold; its value and its
    losses are left out then. Offerings of retired_on <= available_from are never deliverable (not_yet_available
    comes first).
 9. Sold items are those of every team and kind of event, whether the event matches a metric or not.
10. Before the first day the scored day is the first day: a key result that begins on it expects its first day's
    share, and an objective is 0 days old. (Outcomes is null then; the objective view shows it.)
11. productivity is null while outcomes is null, and (as focus) when no team has a figure; cov is 0 whenever a score
    is null.
12. With weights that sum to 0 (all, or those that are not null) the score is null and the ledger empty; coverage
    and floor are 0 only when those of the components that apply sum to 0.
13. coverage equal to minimum_coverage is enough (exactly compared here; a double may sit on the other side of it).
14. A number beyond the limits of values does not count as a metric's value; in a condition it is a number like
    another.
15. eq on lists and objects is equality of JSON (true is not 1, 1 is 1.0). A path steps through objects only.
16. A count needs no value and heeds no unit; every other aggregation needs a number and units that do not differ.
17. An event recorded before it occurred (by at most a day) is judged by both days all the same.
18. A responsibility of a team that is not active carries nothing. Events of such a team count for values,
    freshness, sales and agreement, never for attention.
19. The agreement of a source is taken over that source's own events under the metric's aggregation, `last`
    included.
20. silent_teams is about load-bearing teams of active objectives, sorted by key; any event in the attention window
    ends silence.
21. Losses of exactly 1e-12 stay. A row of 0 points is no row.
22. Team view: no agreement, no score; outcomes is null when none of what it bears has evidence; coverage is 0 or 1
    for focus and productivity; deliverability is over what the team's own events sold. Its ledger: losses that name
    the team whole, and `s_{o,m}` of the losses that name an objective it bears and no team.
23. Quadrant: the median is over the teams that have an attention figure, and only those are busy or not (a silent
    half of the organization would make the median 0 and everyone busy); attention is all kinds; without
    productivity, productive is None.
24. Objective view: its share of the ledger is every loss that names it, also a team's over_served and
    busy_without_result.
25. Pairs: None unless both teams have an attention figure; defined without objectives too (0).
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
    """The answer. `raw` is the score before minimum_coverage is asked: the ledger sums to 1 - raw."""

    score: Fraction | None
    raw_score: Fraction | None
    floor: Fraction
    coverage: Fraction
    weakest: str
    silent_teams: tuple[str, ...]
    components: Mapping[str, ComponentScore]
    lost_points: Mapping[str, Fraction]
    ledger: Mapping[Loss, Fraction]


def compute_alignment(world: World) -> ReferenceAlignment:
    """The alignment of the world's playbook, as of and known at the world's days."""
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
    """The teams that bear an objective and have no event in the attention window."""
    return tuple(
        sorted(
            t.key
            for t in inputs.world.teams
            if compute_borne_weights(inputs, t.key) and not find_attention_events(inputs, t.key)
        )
    )
