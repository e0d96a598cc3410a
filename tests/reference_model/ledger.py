"""The losses: one function per component, each yields the rows of the ledger in docs/scoring.md."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from tests.reference_model.component_inputs import (
    ZERO,
    ComponentInputs,
    TeamAttention,
    find_key_results,
    find_teams_with_attention,
)
from tests.reference_model.components import (
    ComponentScore,
    assess_involvement,
    assess_sharing,
    compute_agreements,
    compute_attainment,
    compute_expected_focus,
    compute_freshness,
    compute_pace,
    sum_sold_values,
)

MIN_POINTS = Fraction(1, 10**12)


@dataclass(frozen=True, slots=True)
class Loss:
    """The component, the reason and the subject of a loss. A field is None if it does not apply."""

    component: str
    reason: str
    team: str | None = None
    objective: str | None = None
    key_result: str | None = None
    offering: str | None = None
    metric: str | None = None


LossRows = Iterator[tuple[Loss, Fraction]]


def list_playbook_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per team."""
    total = sum((t.size for t in inputs.world.teams), ZERO)
    for team in inputs.world.teams:
        score, reason = assess_involvement(inputs, team.key)
        yield Loss("playbook", reason, team=team.key), team.size / total * (1 - score)


def list_sharing_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per objective."""
    for objective, weight in inputs.weights.items():
        score, reason = assess_sharing(inputs, objective)
        yield Loss("shared_responsibility", reason, objective=objective), weight * (1 - score)


def list_off_playbook_losses(component: str, team: str, team_attention: TeamAttention) -> LossRows:
    """Yield the share of work off the playbook, divided by whether another playbook got it."""
    yield (
        Loss(component, "off_playbook", team=team),
        team_attention.off_playbook - team_attention.other_playbook,
    )
    yield Loss(component, "other_playbook", team=team), team_attention.other_playbook


def list_focus_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per team and objective that it over-serves, and its work off the playbook."""
    teams_with_attention = find_teams_with_attention(inputs)
    total = sum((t.size for t, _ in teams_with_attention), ZERO)
    for team, team_attention in teams_with_attention:
        expected = compute_expected_focus(inputs, team.key)
        for objective, spent in team_attention.by_objective.items():
            loss = Loss("focus", "over_served", team=team.key, objective=objective)
            yield loss, team.size / total * max(ZERO, spent - expected[objective])
        for loss, points in list_off_playbook_losses("focus", team.key, team_attention):
            yield loss, team.size / total * points


def list_outcome_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per key result, and one per objective without key results."""
    for objective, weight in inputs.weights.items():
        key_results = find_key_results(inputs.world, objective)
        total = sum((k.weight for k in key_results), ZERO)
        if not key_results:
            yield Loss("outcomes", "unmeasured", objective=objective), weight
        for key_result in key_results:
            key_result_pace = compute_pace(inputs, key_result)
            reason = "behind_pace" if key_result_pace.has_evidence else "no_evidence"
            loss = Loss(
                "outcomes", reason, None, objective, key_result.key, None, key_result.metric
            )
            yield loss, weight * key_result.weight / total * (1 - key_result_pace.attainment)


def list_freshness_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per objective."""
    for objective, weight in inputs.weights.items():
        yield (
            Loss("freshness", "stale", objective=objective),
            weight * (1 - compute_freshness(inputs, objective)),
        )


def list_productivity_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per team and objective, and the team's activity off the playbook."""
    teams_with_attention = find_teams_with_attention(inputs, "activity")
    total = sum((t.size for t, _ in teams_with_attention), ZERO)
    for team, team_attention in teams_with_attention:
        for objective, spent in team_attention.by_objective.items():
            loss = Loss("productivity", "busy_without_result", team=team.key, objective=objective)
            yield loss, team.size / total * spent * (1 - compute_attainment(inputs, objective))
        for loss, points in list_off_playbook_losses("productivity", team.key, team_attention):
            yield loss, team.size / total * points


def list_deliverability_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per offering and reason."""
    sums = sum_sold_values(inputs)
    total = sum(sums.values(), ZERO)
    for (offering, reason), value in sums.items():
        if reason is not None:
            yield Loss("deliverability", reason, offering=offering), value / total


def list_agreement_losses(inputs: ComponentInputs) -> LossRows:
    """Yield one loss per objective and metric.

    Key results that share both follow each other; the caller adds them up.
    """
    agreements_by_objective = {o.key: compute_agreements(inputs, o.key) for o in inputs.objectives}
    total = sum((inputs.weights[o] for o, pairs in agreements_by_objective.items() if pairs), ZERO)
    for objective, pairs in agreements_by_objective.items():
        weights = sum((k.weight for k, _ in pairs), ZERO)
        for key_result, score in pairs:
            loss = Loss(
                "agreement", "sources_disagree", objective=objective, metric=key_result.metric
            )
            yield (
                loss,
                inputs.weights[objective] / total * key_result.weight / weights * (1 - score),
            )


LOSS_LISTERS: Mapping[str, Callable[[ComponentInputs], LossRows]] = {
    "playbook": list_playbook_losses,
    "shared_responsibility": list_sharing_losses,
    "focus": list_focus_losses,
    "outcomes": list_outcome_losses,
    "freshness": list_freshness_losses,
    "productivity": list_productivity_losses,
    "deliverability": list_deliverability_losses,
    "agreement": list_agreement_losses,
}


def compute_ledger(
    inputs: ComponentInputs, components: Mapping[str, ComponentScore]
) -> dict[Loss, Fraction]:
    """Return the points of every loss. Return no loss if no scored component has a weight."""
    weights = {
        c: inputs.world.policy.weights[c] for c, p in components.items() if p.score is not None
    }
    total = sum(weights.values(), ZERO)
    points: dict[Loss, Fraction] = {}
    for component, weight in weights.items():
        if weight:
            for loss, lost in LOSS_LISTERS[component](inputs):
                points[loss] = points.get(loss, ZERO) + weight / total * lost
    return {loss: lost for loss, lost in points.items() if lost >= MIN_POINTS}
