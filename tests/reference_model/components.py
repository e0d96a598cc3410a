"""The eight components of docs/scoring.md, each computed from raw events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.reference_model.component_inputs import (
    LOAD_BEARING,
    ZERO,
    ComponentInputs,
    TeamAttention,
    compute_borne_weights,
    compute_mean,
    find_key_result_events,
    find_key_results,
    find_load_bearing,
    find_metric,
    find_teams_with_attention,
)
from tests.reference_model.evidence import aggregate_events, get_window, matches_metric
from tests.reference_model.world import KeyResult, Team

FRACTION_ONE = Fraction(1)
HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class ComponentScore:
    """The score of a component."""

    # None without evidence; `coverage` is 0 then.
    score: Fraction | None
    coverage: Fraction
    applies: bool = True


@dataclass(frozen=True, slots=True)
class KeyResultPace:
    """The progress of one key result on the scored day."""

    has_evidence: bool
    # The baseline if there is no evidence.
    value: Fraction
    progress: Fraction
    expected: Fraction
    attainment: Fraction


def clamp_fraction(x: Fraction) -> Fraction:
    """Limit `x` to [0, 1]."""
    return min(max(x, ZERO), FRACTION_ONE)


def make_component_score(
    score: Fraction | None, coverage: Fraction = FRACTION_ONE, applies: bool = True
) -> ComponentScore:
    """Make a component score. Coverage is 0 without a score, or if it does not apply."""
    is_scored = score is not None and applies
    return ComponentScore(score if is_scored else None, coverage if is_scored else ZERO, applies)


def assess_involvement(inputs: ComponentInputs, team: str) -> tuple[Fraction, str]:
    """Return P_m, and the reason why it is not 1."""
    world = inputs.world
    has_contributed = team in world.contributions
    revision = world.signoffs.get(team)
    signature_share = (
        ZERO if revision is None else FRACTION_ONE if revision == world.playbook.revision else HALF
    )
    reasons = [
        ("not_involved", not has_contributed and not signature_share),
        ("not_signed", not signature_share),
        ("signed_old_revision", signature_share == HALF),
        ("did_not_contribute", True),
    ]
    return HALF * has_contributed + HALF * signature_share, next(
        r for r, applies in reasons if applies
    )


def assess_sharing(inputs: ComponentInputs, objective: str) -> tuple[Fraction, str]:
    """Return sh_o, and the reason why it is not 1."""
    world = inputs.world
    function_by_team = {t.key: t.function for t in world.teams}
    responsibilities = find_load_bearing(world, objective)
    total = sum((r.share for r in responsibilities), ZERO)
    by_function = {
        f: sum((r.share for r in responsibilities if function_by_team[r.team] == f), ZERO) / total
        for f in {function_by_team[r.team] for r in responsibilities}
    }
    required = min(world.policy.required_functions, len(set(function_by_team.values())))
    balance = ZERO
    if responsibilities and required <= 1:
        balance = FRACTION_ONE
    elif responsibilities:
        effective_functions = 1 / sum((s * s for s in by_function.values()), ZERO)
        balance = clamp_fraction((effective_functions - 1) / (required - 1))
    accountable_count = sum(r.role == "accountable" for r in responsibilities)
    has_proposed = any(
        r.objective == objective and r.status == "proposed" and r.role in LOAD_BEARING
        for r in world.responsibilities
    )
    reasons = [
        ("not_accepted", not responsibilities and has_proposed),
        ("no_owner", not responsibilities),
        ("single_function", len(by_function) == 1 and required > 1),
        ("no_accountable", accountable_count == 0),
        ("several_accountable", accountable_count > 1),
        ("unbalanced", True),
    ]
    return balance * (FRACTION_ONE if accountable_count == 1 else HALF), next(
        r for r, applies in reasons if applies
    )


def compute_expected_focus(inputs: ComponentInputs, team: str) -> dict[str, Fraction]:
    """Return r(o): the distribution of work that the playbook expects of the team."""
    weights = compute_borne_weights(inputs, team) or inputs.weights
    total = sum(weights.values(), ZERO)
    return {o.key: weights.get(o.key, ZERO) / total for o in inputs.objectives}


def compute_focus(inputs: ComponentInputs, team: str, team_attention: TeamAttention) -> Fraction:
    """Return focus_m."""
    expected = compute_expected_focus(inputs, team)
    return sum((min(team_attention.by_objective[o], expected[o]) for o in expected), ZERO)


def compute_pace(inputs: ComponentInputs, key_result: KeyResult) -> KeyResultPace:
    """Compare the key result's progress on the scored day with the expected progress."""
    metric = find_metric(inputs.world, key_result)
    counted_events = [
        e
        for e in find_key_result_events(inputs, key_result)
        if metric.canonical_source in (None, e.source)
    ]
    value = aggregate_events(metric, counted_events) if counted_events else key_result.baseline
    progress = clamp_fraction(
        (value - key_result.baseline) / (key_result.target - key_result.baseline)
    )
    first, last = get_window(inputs.world.playbook, key_result)
    expected = clamp_fraction(
        Fraction((inputs.scored_day - first).days + 1, (last - first).days + 1)
    )
    return KeyResultPace(
        bool(counted_events), value, progress, expected, 1 - max(ZERO, expected - progress)
    )


def compute_attainment(inputs: ComponentInputs, objective: str) -> Fraction:
    """Return A_o."""
    return (
        compute_mean(
            (k.weight, compute_pace(inputs, k).attainment)
            for k in find_key_results(inputs.world, objective)
        )
        or ZERO
    )


def compute_measured_share(inputs: ComponentInputs, objective: str) -> Fraction:
    """Return the share, by weight, of the objective's key results that have evidence."""
    key_results = find_key_results(inputs.world, objective)
    return (
        compute_mean(
            (k.weight, FRACTION_ONE if compute_pace(inputs, k).has_evidence else ZERO)
            for k in key_results
        )
        or ZERO
    )


def find_newest_day(inputs: ComponentInputs, objective: str) -> date | None:
    """Return the day of the objective's newest event in the playbook's window."""
    metrics = [find_metric(inputs.world, k) for k in find_key_results(inputs.world, objective)]
    days = [
        f.day
        for f in inputs.dated_events
        if f.day >= inputs.world.playbook.starts_on
        and (f.event.objective == objective or any(matches_metric(m, f.event) for m in metrics))
    ]
    return max(days, default=None)


def compute_freshness(inputs: ComponentInputs, objective: str) -> Fraction:
    """Return f_o. The power is the only double of the model; it becomes a fraction again."""
    age = (
        inputs.scored_day - (find_newest_day(inputs, objective) or inputs.world.playbook.starts_on)
    ).days
    cadence = min((k.cadence_days for k in find_key_results(inputs.world, objective)), default=7)
    if age <= cadence:
        return FRACTION_ONE
    return Fraction(0.5 ** float((age - cadence) / inputs.world.policy.half_life_days))


def compute_productivity(inputs: ComponentInputs, activity: TeamAttention) -> Fraction:
    """Return the share of the team's activity that serves attained objectives."""
    return sum((q * compute_attainment(inputs, o) for o, q in activity.by_objective.items()), ZERO)


def sum_sold_values(
    inputs: ComponentInputs, team: str | None = None
) -> dict[tuple[str, str | None], Fraction]:
    """Sum the sold value by offering and by the reason not to deliver.

    The reason is None for deliverable sales. Count one team only if `team` is given.
    """
    offerings = {o.key: o for o in inputs.world.offerings}
    unit = inputs.world.policy.unit
    sums: dict[tuple[str, str | None], Fraction] = {}
    for dated_event in inputs.dated_events:
        if dated_event.day < inputs.world.playbook.starts_on or team not in (
            None,
            dated_event.event.team,
        ):
            continue
        if unit is not None and dated_event.event.unit not in (None, unit):
            continue
        for offering_key, value in dated_event.event.offerings:
            offering = offerings.get(offering_key)
            reason = None
            if offering is None:
                reason = "unknown_offering"
            elif dated_event.day < offering.available_from:
                reason = "not_yet_available"
            elif offering.retired_on is not None and dated_event.day >= offering.retired_on:
                reason = "retired"
            sums[offering_key, reason] = sums.get((offering_key, reason), ZERO) + value
    return sums


def compute_agreements(inputs: ComponentInputs, objective: str) -> list[tuple[KeyResult, Fraction]]:
    """Return the agreement of each key result of the objective that has a second source."""
    agreements = []
    for key_result in find_key_results(inputs.world, objective):
        metric = find_metric(inputs.world, key_result)
        events = find_key_result_events(inputs, key_result)
        other_sources = {e.source for e in events} - {metric.canonical_source}
        if metric.canonical_source is None or not other_sources:
            continue
        value_by_source = {
            s: aggregate_events(metric, [e for e in events if e.source == s])
            for s in {e.source for e in events}
        }
        agreements.append(
            (
                key_result,
                min(
                    compute_similarity(
                        value_by_source[s], value_by_source.get(metric.canonical_source)
                    )
                    for s in other_sources
                ),
            )
        )
    return agreements


def compute_similarity(compared: Fraction, canonical: Fraction | None) -> Fraction:
    """Return how close a source's value is to the canonical one. Return 0 if that is missing."""
    if canonical is None:
        return ZERO
    largest = max(abs(compared), abs(canonical))
    return max(ZERO, 1 - abs(compared - canonical) / largest) if largest else FRACTION_ONE


def score_outcomes(inputs: ComponentInputs, weights: Mapping[str, Fraction]) -> ComponentScore:
    """Return the component outcomes over some objectives."""
    coverage = (
        compute_mean((w, compute_measured_share(inputs, o)) for o, w in weights.items()) or ZERO
    )
    return make_component_score(
        compute_mean((w, compute_attainment(inputs, o)) for o, w in weights.items())
        if coverage
        else None,
        coverage,
    )


def score_freshness(inputs: ComponentInputs, weights: Mapping[str, Fraction]) -> ComponentScore:
    """Return the component freshness over some objectives."""
    return make_component_score(
        compute_mean((w, compute_freshness(inputs, o)) for o, w in weights.items())
    )


def score_shared_responsibility(
    inputs: ComponentInputs, weights: Mapping[str, Fraction]
) -> ComponentScore:
    """Return the component shared_responsibility over some objectives."""
    return make_component_score(
        compute_mean((w, assess_sharing(inputs, o)[0]) for o, w in weights.items())
    )


def score_deliverability(inputs: ComponentInputs, team: str | None = None) -> ComponentScore:
    """Return the component deliverability over all sales, or over those of one team."""
    sums = sum_sold_values(inputs, team)
    score = compute_mean(
        (value, FRACTION_ONE if reason is None else ZERO) for (_, reason), value in sums.items()
    )
    return make_component_score(score, applies=bool(inputs.world.offerings))


def score_agreement(inputs: ComponentInputs) -> ComponentScore:
    """Return the component agreement."""
    has_canonical_source = any(
        find_metric(inputs.world, k).canonical_source is not None
        for o in inputs.objectives
        for k in find_key_results(inputs.world, o.key)
    )
    weighted_agreements = [
        (inputs.weights[o.key], compute_agreements(inputs, o.key)) for o in inputs.objectives
    ]
    score = compute_mean(
        (w, compute_mean((k.weight, a) for k, a in pairs) or ZERO)
        for w, pairs in weighted_agreements
        if pairs
    )
    return make_component_score(score, applies=has_canonical_source)


def compute_size_share(
    inputs: ComponentInputs, teams: list[tuple[Team, TeamAttention]]
) -> Fraction:
    """Return the size of some teams as a share of the size of all active teams."""
    total = sum((t.size for t in inputs.world.teams), ZERO)
    return sum((t.size for t, _ in teams), ZERO) / total if total else ZERO


def score_components(inputs: ComponentInputs) -> dict[str, ComponentScore]:
    """Return the eight components in their order."""
    teams_with_attention = find_teams_with_attention(inputs)
    teams_with_activity = find_teams_with_attention(inputs, "activity")
    outcomes = score_outcomes(inputs, inputs.weights)
    focus = (
        compute_mean((t.size, compute_focus(inputs, t.key, q)) for t, q in teams_with_attention)
        if inputs.objectives
        else None
    )
    productivity = (
        compute_mean((t.size, compute_productivity(inputs, q)) for t, q in teams_with_activity)
        if outcomes.coverage
        else None
    )
    return {
        "playbook": make_component_score(
            compute_mean((t.size, assess_involvement(inputs, t.key)[0]) for t in inputs.world.teams)
        ),
        "shared_responsibility": score_shared_responsibility(inputs, inputs.weights),
        "focus": make_component_score(focus, compute_size_share(inputs, teams_with_attention)),
        "outcomes": outcomes,
        "freshness": score_freshness(inputs, inputs.weights),
        "productivity": make_component_score(
            productivity, compute_size_share(inputs, teams_with_activity)
        ),
        "deliverability": score_deliverability(inputs),
        "agreement": score_agreement(inputs),
    }
