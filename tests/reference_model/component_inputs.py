"""Inputs of every component: evidence, active objectives, load-bearing teams, attention."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.reference_model.evidence import (
    DatedEvent,
    collect_evidence,
    find_counted_events,
    get_scored_day,
    matches_metric,
)
from tests.reference_model.world import (
    Event,
    KeyResult,
    Metric,
    Objective,
    Responsibility,
    Team,
    World,
)

LOAD_BEARING = ("accountable", "responsible")
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class ComponentInputs:
    """A world on its scored day."""

    world: World
    scored_day: date
    dated_events: Sequence[DatedEvent]
    objectives: Sequence[Objective]
    # P_o of every active objective of the playbook.
    weights: dict[str, Fraction]


@dataclass(frozen=True, slots=True)
class TeamAttention:
    """The shares of a team's effort in the attention window."""

    events: int
    total: Fraction
    by_objective: dict[str, Fraction]
    off_playbook: Fraction
    # The part of `off_playbook` that serves another playbook.
    other_playbook: Fraction


def collect_inputs(world: World) -> ComponentInputs:
    objectives = [
        o for o in world.objectives if o.playbook == world.playbook.key and o.state == "active"
    ]
    total = sum((o.priority for o in objectives), ZERO)
    weights = {o.key: o.priority / total for o in objectives}
    return ComponentInputs(
        world, get_scored_day(world), collect_evidence(world), objectives, weights
    )


def compute_mean(weighted: Iterable[tuple[Fraction, Fraction]]) -> Fraction | None:
    """Return the mean of (weight, number) pairs, or None if the weights sum to 0."""
    pairs = list(weighted)
    total = sum((w for w, _ in pairs), ZERO)
    return sum((w * v for w, v in pairs), ZERO) / total if total else None


def find_metric(world: World, key_result: KeyResult) -> Metric:
    return next(m for m in world.metrics if m.key == key_result.metric)


def find_key_results(world: World, objective: str) -> list[KeyResult]:
    return [k for k in world.key_results if k.objective == objective]


def find_key_result_events(inputs: ComponentInputs, key_result: KeyResult) -> list[Event]:
    """Return the events of every source that count for the key result."""
    return find_counted_events(
        inputs.world, inputs.dated_events, key_result, find_metric(inputs.world, key_result)
    )


def find_load_bearing(world: World, objective: str) -> list[Responsibility]:
    """Return the accepted responsibilities of the objective that carry weight."""
    active_teams = {t.key for t in world.teams}
    return [
        r
        for r in world.responsibilities
        if r.objective == objective
        and r.status == "accepted"
        and r.role in LOAD_BEARING
        and r.team in active_teams
    ]


def compute_share(world: World, objective: str, team: str) -> Fraction:
    """Return s_{o,m}: the team's share of the objective's load-bearing responsibilities."""
    responsibilities = find_load_bearing(world, objective)
    total = sum((r.share for r in responsibilities), ZERO)
    return (
        sum((r.share for r in responsibilities if r.team == team), ZERO) / total if total else ZERO
    )


def compute_borne_weights(inputs: ComponentInputs, team: str) -> dict[str, Fraction]:
    """Return P_o * s_{o,m} of the objectives for which the team bears load."""
    weights = {
        o.key: inputs.weights[o.key] * compute_share(inputs.world, o.key, team)
        for o in inputs.objectives
    }
    return {o: weight for o, weight in weights.items() if weight}


def find_served_objectives(world: World, event: Event, playbook: str) -> set[str]:
    """Return the active objectives of a playbook that the event belongs to."""
    active_objectives = {
        o.key for o in world.objectives if o.playbook == playbook and o.state == "active"
    }
    if event.objective is not None:
        return active_objectives & {event.objective}
    return {
        k.objective
        for k in world.key_results
        if k.objective in active_objectives and matches_metric(find_metric(world, k), event)
    }


def serves_other_playbook(world: World, dated_event: DatedEvent) -> bool:
    """Return True if the event serves an objective of another playbook published on its day."""
    return any(
        p.starts_on <= dated_event.day <= p.ends_on
        and find_served_objectives(world, dated_event.event, p.key)
        for p in world.other_playbooks
    )


def find_attention_events(
    inputs: ComponentInputs, team: str, kind: str | None = None
) -> list[DatedEvent]:
    """Return the team's events in the attention window, of one kind if `kind` is given."""
    first = max(
        inputs.scored_day - timedelta(days=inputs.world.policy.focus_days - 1),
        inputs.world.playbook.starts_on,
    )
    return [
        f
        for f in inputs.dated_events
        if first <= f.day <= inputs.scored_day
        and f.event.team == team
        and kind in (None, f.event.kind)
    ]


def measure_attention(
    inputs: ComponentInputs, team: str, kind: str | None = None
) -> TeamAttention | None:
    """Return the team's attention. Return None if there are too few events or no effort."""
    dated_events = find_attention_events(inputs, team, kind)
    by_objective = {o.key: ZERO for o in inputs.objectives}
    off_playbook = other_playbook = ZERO
    for dated_event in dated_events:
        effort = Fraction(1) if dated_event.event.effort is None else dated_event.event.effort
        served_objectives = find_served_objectives(
            inputs.world, dated_event.event, inputs.world.playbook.key
        )
        for objective in served_objectives:
            by_objective[objective] += effort / len(served_objectives)
        if not served_objectives:
            off_playbook += effort
            other_playbook += effort if serves_other_playbook(inputs.world, dated_event) else ZERO
    total = sum(by_objective.values(), off_playbook)
    if len(dated_events) < inputs.world.policy.minimum_events or not total:
        return None
    return TeamAttention(
        len(dated_events),
        total,
        {o: objective_effort / total for o, objective_effort in by_objective.items()},
        off_playbook / total,
        other_playbook / total,
    )


def find_teams_with_attention(
    inputs: ComponentInputs, kind: str | None = None
) -> list[tuple[Team, TeamAttention]]:
    """Return the teams that have an attention figure, with the figure."""
    attention_by_team = [(t, measure_attention(inputs, t.key, kind)) for t in inputs.world.teams]
    return [
        (t, team_attention) for t, team_attention in attention_by_team if team_attention is not None
    ]
