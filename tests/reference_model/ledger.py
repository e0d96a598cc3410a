"""The losses: one function for each component, each the points of one row of the table in scoring.md section 4."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.reference_model.components import (
    Part,
    agreements,
    attainment,
    expected_focus,
    freshness_of,
    involvement,
    pace,
    sharing,
    sold,
)
from tests.reference_model.scene import ZERO, Attention, Scene, key_results_of, with_figure

SMALLEST = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a loss is: the component, the reason and what it concerns (None where that does not apply)."""

    component: str
    reason: str
    team: str | None = None
    objective: str | None = None
    key_result: str | None = None
    offering: str | None = None
    metric: str | None = None


Rows = Iterator[tuple[Loss, Fraction]]


def playbook_losses(scene: Scene) -> Rows:
    """One for each team."""
    total = sum((t.size for t in scene.world.teams), ZERO)
    for team in scene.world.teams:
        score, reason = involvement(scene, team.key)
        yield Loss("playbook", reason, team=team.key), team.size / total * (1 - score)


def sharing_losses(scene: Scene) -> Rows:
    """One for each objective."""
    for objective, weight in scene.weight.items():
        score, reason = sharing(scene, objective)
        yield Loss("shared_responsibility", reason, objective=objective), weight * (1 - score)


def off_losses(component: str, team: str, figure: Attention) -> Rows:
    """The share of work that is off the playbook, told apart by where it led."""
    yield Loss(component, "off_playbook", team=team), figure.off - figure.other
    yield Loss(component, "other_playbook", team=team), figure.other


def focus_losses(scene: Scene) -> Rows:
    """One for each team and place where it overspends."""
    figures = with_figure(scene)
    total = sum((t.size for t, _ in figures), ZERO)
    for team, figure in figures:
        wanted = expected_focus(scene, team.key)
        for objective, spent in figure.on.items():
            loss = Loss("focus", "over_served", team=team.key, objective=objective)
            yield loss, team.size / total * max(ZERO, spent - wanted[objective])
        for loss, points in off_losses("focus", team.key, figure):
            yield loss, team.size / total * points


def outcome_losses(scene: Scene) -> Rows:
    """One for each key result, and one for each objective that has none."""
    for objective, weight in scene.weight.items():
        results = key_results_of(scene.world, objective)
        total = sum((k.weight for k in results), ZERO)
        if not results:
            yield Loss("outcomes", "unmeasured", objective=objective), weight
        for key_result in results:
            at = pace(scene, key_result)
            reason = "behind_pace" if at.evidence else "no_evidence"
            loss = Loss(
                "outcomes", reason, None, objective, key_result.key, None, key_result.metric
            )
            yield loss, weight * key_result.weight / total * (1 - at.attainment)


def freshness_losses(scene: Scene) -> Rows:
    """One for each objective."""
    for objective, weight in scene.weight.items():
        yield (
            Loss("freshness", "stale", objective=objective),
            weight * (1 - freshness_of(scene, objective)),
        )


def productivity_losses(scene: Scene) -> Rows:
    """One for each team and objective, and those for what it did off the playbook."""
    figures = with_figure(scene, "activity")
    total = sum((t.size for t, _ in figures), ZERO)
    for team, figure in figures:
        for objective, spent in figure.on.items():
            loss = Loss("productivity", "busy_without_result", team=team.key, objective=objective)
            yield loss, team.size / total * spent * (1 - attainment(scene, objective))
        for loss, points in off_losses("productivity", team.key, figure):
            yield loss, team.size / total * points


def deliverability_losses(scene: Scene) -> Rows:
    """One for each offering and reason."""
    sums = sold(scene)
    total = sum(sums.values(), ZERO)
    for (offering, reason), value in sums.items():
        if reason is not None:
            yield Loss("deliverability", reason, offering=offering), value / total


def agreement_losses(scene: Scene) -> Rows:
    """One for each objective and metric; key results that share both come one after the other, to be summed."""
    found = {o.key: agreements(scene, o.key) for o in scene.objectives}
    total = sum((scene.weight[o] for o, pairs in found.items() if pairs), ZERO)
    for objective, pairs in found.items():
        weights = sum((k.weight for k, _ in pairs), ZERO)
        for key_result, score in pairs:
            loss = Loss(
                "agreement", "sources_disagree", objective=objective, metric=key_result.metric
            )
            yield loss, scene.weight[objective] / total * key_result.weight / weights * (1 - score)


LOSSES: Mapping[str, Callable[[Scene], Rows]] = {
    "playbook": playbook_losses,
    "shared_responsibility": sharing_losses,
    "focus": focus_losses,
    "outcomes": outcome_losses,
    "freshness": freshness_losses,
    "productivity": productivity_losses,
    "deliverability": deliverability_losses,
    "agreement": agreement_losses,
}


def ledger(scene: Scene, parts: Mapping[str, Part]) -> dict[Loss, Fraction]:
    """The points of every loss; empty when no component that is not null has a weight."""
    weights = {c: scene.world.policy.weights[c] for c, p in parts.items() if p.score is not None}
    total = sum(weights.values(), ZERO)
    points: dict[Loss, Fraction] = {}
    for component, weight in weights.items():
        if weight:
            for loss, lost in LOSSES[component](scene):
                points[loss] = points.get(loss, ZERO) + weight / total * lost
    return {loss: lost for loss, lost in points.items() if lost >= SMALLEST}
