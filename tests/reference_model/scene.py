"""What every component looks at: the evidence, the active objectives, who bears them, where work went."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from tests.reference_model.evidence import Fact, counting, evidence, matches, scored_day
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
class Scene:
    """A world on its scored day. `weight` is P_o of every active objective of the playbook."""

    world: World
    at: date
    facts: Sequence[Fact]
    objectives: Sequence[Objective]
    weight: dict[str, Fraction]


@dataclass(frozen=True, slots=True)
class Attention:
    """Where a team's attention went in the attention window; `other` is the part of `off` for another playbook."""

    events: int
    total: Fraction
    on: dict[str, Fraction]
    off: Fraction
    other: Fraction


def look(world: World) -> Scene:
    """The scene of the world's playbook."""
    objectives = [
        o for o in world.objectives if o.playbook == world.playbook.key and o.state == "active"
    ]
    total = sum((o.priority for o in objectives), ZERO)
    weight = {o.key: o.priority / total for o in objectives}
    return Scene(world, scored_day(world), evidence(world), objectives, weight)


def mean(weighted: Iterable[tuple[Fraction, Fraction]]) -> Fraction | None:
    """The mean of (weight, value) pairs; None of none."""
    pairs = list(weighted)
    total = sum((w for w, _ in pairs), ZERO)
    return sum((w * v for w, v in pairs), ZERO) / total if total else None


def metric_of(world: World, key_result: KeyResult) -> Metric:
    """The key result's metric."""
    return next(m for m in world.metrics if m.key == key_result.metric)


def key_results_of(world: World, objective: str) -> list[KeyResult]:
    """The key results of one objective."""
    return [k for k in world.key_results if k.objective == objective]


def events_of(scene: Scene, key_result: KeyResult) -> list[Event]:
    """The events of every source that count for the key result."""
    return counting(scene.world, scene.facts, key_result, metric_of(scene.world, key_result))


def load_bearing(world: World, objective: str) -> list[Responsibility]:
    """The accepted responsibilities of the objective that carry weight."""
    active = {t.key for t in world.teams}
    return [
        r
        for r in world.responsibilities
        if r.objective == objective
        and r.status == "accepted"
        and r.role in LOAD_BEARING
        and r.team in active
    ]


def share(world: World, objective: str, team: str) -> Fraction:
    """s_{o,m}: the team's part of what the objective's load-bearing teams carry."""
    bearing = load_bearing(world, objective)
    total = sum((r.share for r in bearing), ZERO)
    return sum((r.share for r in bearing if r.team == team), ZERO) / total if total else ZERO


def borne(scene: Scene, team: str) -> dict[str, Fraction]:
    """P_o * s_{o,m} of the objectives that the team bears."""
    parts = {o.key: scene.weight[o.key] * share(scene.world, o.key, team) for o in scene.objectives}
    return {o: part for o, part in parts.items() if part}


def leads_to(world: World, event: Event, playbook: str) -> set[str]:
    """The active objectives of a playbook that the event belongs to."""
    active = {o.key for o in world.objectives if o.playbook == playbook and o.state == "active"}
    if event.objective is not None:
        return active & {event.objective}
    return {
        k.objective
        for k in world.key_results
        if k.objective in active and matches(metric_of(world, k), event)
    }


def served_elsewhere(world: World, fact: Fact) -> bool:
    """Whether the event leads to an active objective of another published playbook, on its own day."""
    return any(
        p.starts_on <= fact.day <= p.ends_on and leads_to(world, fact.event, p.key)
        for p in world.others
    )


def attention_facts(scene: Scene, team: str, kind: str | None = None) -> list[Fact]:
    """The team's events (of a kind, if one is given) in the attention window."""
    first = max(
        scene.at - timedelta(days=scene.world.policy.focus_days - 1), scene.world.playbook.starts_on
    )
    return [
        f
        for f in scene.facts
        if first <= f.day <= scene.at and f.event.team == team and kind in (None, f.event.kind)
    ]


def attention(scene: Scene, team: str, kind: str | None = None) -> Attention | None:
    """The team's attention figure; None when the sample is too small or weighs nothing."""
    facts = attention_facts(scene, team, kind)
    on = {o.key: ZERO for o in scene.objectives}
    off = other = ZERO
    for fact in facts:
        effort = Fraction(1) if fact.event.effort is None else fact.event.effort
        served = leads_to(scene.world, fact.event, scene.world.playbook.key)
        for objective in served:
            on[objective] += effort / len(served)
        if not served:
            off += effort
            other += effort if served_elsewhere(scene.world, fact) else ZERO
    total = sum(on.values(), off)
    if len(facts) < scene.world.policy.minimum_events or not total:
        return None
    return Attention(
        len(facts), total, {o: part / total for o, part in on.items()}, off / total, other / total
    )


def with_figure(scene: Scene, kind: str | None = None) -> list[tuple[Team, Attention]]:
    """The teams that have an attention figure, with it."""
    figures = [(t, attention(scene, t.key, kind)) for t in scene.world.teams]
    return [(t, figure) for t, figure in figures if figure is not None]
