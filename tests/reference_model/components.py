"""The eight components of scoring.md section 3, each from nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from tests.reference_model.evidence import aggregate, matches, window
from tests.reference_model.scene import (
    LOAD_BEARING,
    ZERO,
    Attention,
    Scene,
    borne,
    events_of,
    key_results_of,
    load_bearing,
    mean,
    metric_of,
    with_figure,
)
from tests.reference_model.world import KeyResult, Team

ONE = Fraction(1)
HALF = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class Part:
    """A component. `score` is None without evidence, and `cov` is 0 then."""

    score: Fraction | None
    cov: Fraction
    applies: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """How one key result stands. `value` is the baseline when nothing makes it."""

    evidence: bool
    value: Fraction
    progress: Fraction
    expected: Fraction
    attainment: Fraction


def clamp(x: Fraction) -> Fraction:
    """`x` held inside [0, 1]."""
    return min(max(x, ZERO), ONE)


def part(score: Fraction | None, cov: Fraction = ONE, applies: bool = True) -> Part:
    """A component, whose coverage is 0 when it has no score or does not apply."""
    known = score is not None and applies
    return Part(score if known else None, cov if known else ZERO, applies)


def involvement(scene: Scene, team: str) -> tuple[Fraction, str]:
    """P_m, and why it is not 1."""
    world = scene.world
    contributed = team in world.contributions
    revision = world.signoffs.get(team)
    signed = ZERO if revision is None else ONE if revision == world.playbook.revision else HALF
    reasons = [
        ("not_involved", not contributed and not signed),
        ("not_signed", not signed),
        ("signed_old_revision", signed == HALF),
        ("did_not_contribute", True),
    ]
    return HALF * contributed + HALF * signed, next(r for r, fits in reasons if fits)


def sharing(scene: Scene, objective: str) -> tuple[Fraction, str]:
    """sh_o, and why it is not 1."""
    world = scene.world
    function = {t.key: t.function for t in world.teams}
    bearing = load_bearing(world, objective)
    total = sum((r.share for r in bearing), ZERO)
    by_function = {
        f: sum((r.share for r in bearing if function[r.team] == f), ZERO) / total
        for f in {function[r.team] for r in bearing}
    }
    required = min(world.policy.required_functions, len(set(function.values())))
    balance = ZERO
    if bearing and required <= 1:
        balance = ONE
    elif bearing:
        number = 1 / sum((s * s for s in by_function.values()), ZERO)
        balance = clamp((number - 1) / (required - 1))
    accountable = sum(r.role == "accountable" for r in bearing)
    proposed = any(
        r.objective == objective and r.status == "proposed" and r.role in LOAD_BEARING
        for r in world.responsibilities
    )
    reasons = [
        ("not_accepted", not bearing and proposed),
        ("no_owner", not bearing),
        ("single_function", len(by_function) == 1 and required > 1),
        ("no_accountable", accountable == 0),
        ("several_accountable", accountable > 1),
        ("unbalanced", True),
    ]
    return balance * (ONE if accountable == 1 else HALF), next(r for r, fits in reasons if fits)


def expected_focus(scene: Scene, team: str) -> dict[str, Fraction]:
    """r(o): where the playbook wants the team's work."""
    wanted = borne(scene, team) or scene.weight
    total = sum(wanted.values(), ZERO)
    return {o.key: wanted.get(o.key, ZERO) / total for o in scene.objectives}


def focus_of(scene: Scene, team: str, figure: Attention) -> Fraction:
    """focus_m."""
    wanted = expected_focus(scene, team)
    return sum((min(figure.on[o], wanted[o]) for o in wanted), ZERO)


def pace(scene: Scene, key_result: KeyResult) -> Pace:
    """Where the key result stands on the scored day against where it should."""
    metric = metric_of(scene.world, key_result)
    making = [
        e for e in events_of(scene, key_result) if metric.canonical_source in (None, e.source)
    ]
    value = aggregate(metric, making) if making else key_result.baseline
    progress = clamp((value - key_result.baseline) / (key_result.target - key_result.baseline))
    first, last = window(scene.world.playbook, key_result)
    expected = clamp(Fraction((scene.at - first).days + 1, (last - first).days + 1))
    return Pace(bool(making), value, progress, expected, 1 - max(ZERO, expected - progress))


def attainment(scene: Scene, objective: str) -> Fraction:
    """A_o."""
    return (
        mean((k.weight, pace(scene, k).attainment) for k in key_results_of(scene.world, objective))
        or ZERO
    )


def measured(scene: Scene, objective: str) -> Fraction:
    """The share, by weight, of the objective's key results that have an event which makes the value."""
    results = key_results_of(scene.world, objective)
    return mean((k.weight, ONE if pace(scene, k).evidence else ZERO) for k in results) or ZERO


def newest(scene: Scene, objective: str) -> date | None:
    """The day of the newest event, inside the playbook's window, that is evidence of life for the objective."""
    metrics = [metric_of(scene.world, k) for k in key_results_of(scene.world, objective)]
    days = [
        f.day
        for f in scene.facts
        if f.day >= scene.world.playbook.starts_on
        and (f.event.objective == objective or any(matches(m, f.event) for m in metrics))
    ]
    return max(days, default=None)


def freshness_of(scene: Scene, objective: str) -> Fraction:
    """f_o. The one place where a double is taken, and as a fraction it goes on."""
    age = (scene.at - (newest(scene, objective) or scene.world.playbook.starts_on)).days
    cadence = min((k.cadence_days for k in key_results_of(scene.world, objective)), default=7)
    if age <= cadence:
        return ONE
    return Fraction(0.5 ** float((age - cadence) / scene.world.policy.half_life_days))


def productivity_of(scene: Scene, activity: Attention) -> Fraction:
    """The share of a team's activity that lands on attainment."""
    return sum((q * attainment(scene, o) for o, q in activity.on.items()), ZERO)


def sold(scene: Scene, team: str | None = None) -> dict[tuple[str, str | None], Fraction]:
    """The value sold (by one team, if one is given) for each offering and reason not to deliver (None: none)."""
    catalogue = {o.key: o for o in scene.world.offerings}
    unit = scene.world.policy.unit
    sums: dict[tuple[str, str | None], Fraction] = {}
    for fact in scene.facts:
        if fact.day < scene.world.playbook.starts_on or team not in (None, fact.event.team):
            continue
        if unit is not None and fact.event.unit not in (None, unit):
            continue
        for key, value in fact.event.offerings:
            offering, reason = catalogue.get(key), None
            if offering is None:
                reason = "unknown_offering"
            elif fact.day < offering.available_from:
                reason = "not_yet_available"
            elif offering.retired_on is not None and fact.day >= offering.retired_on:
                reason = "retired"
            sums[key, reason] = sums.get((key, reason), ZERO) + value
    return sums


def agreements(scene: Scene, objective: str) -> list[tuple[KeyResult, Fraction]]:
    """The agreement of each of the objective's key results that has another source to agree with."""
    found = []
    for key_result in key_results_of(scene.world, objective):
        metric = metric_of(scene.world, key_result)
        events = events_of(scene, key_result)
        others = {e.source for e in events} - {metric.canonical_source}
        if metric.canonical_source is None or not others:
            continue
        value = {
            s: aggregate(metric, [e for e in events if e.source == s])
            for s in {e.source for e in events}
        }
        found.append(
            (key_result, min(alike(value[s], value.get(metric.canonical_source)) for s in others))
        )
    return found


def alike(other: Fraction, canonical: Fraction | None) -> Fraction:
    """How well one source's value agrees with the canonical one's; 0 when that is silent."""
    if canonical is None:
        return ZERO
    largest = max(abs(other), abs(canonical))
    return max(ZERO, 1 - abs(other - canonical) / largest) if largest else ONE


def outcomes_over(scene: Scene, weight: Mapping[str, Fraction]) -> Part:
    """The component outcomes over some objectives."""
    cov = mean((w, measured(scene, o)) for o, w in weight.items()) or ZERO
    return part(mean((w, attainment(scene, o)) for o, w in weight.items()) if cov else None, cov)


def freshness_over(scene: Scene, weight: Mapping[str, Fraction]) -> Part:
    """The component freshness over some objectives."""
    return part(mean((w, freshness_of(scene, o)) for o, w in weight.items()))


def sharing_over(scene: Scene, weight: Mapping[str, Fraction]) -> Part:
    """The component shared_responsibility over some objectives."""
    return part(mean((w, sharing(scene, o)[0]) for o, w in weight.items()))


def deliverability_over(scene: Scene, team: str | None = None) -> Part:
    """The component deliverability over what was sold, or what one team sold."""
    sums = sold(scene, team)
    score = mean((value, ONE if reason is None else ZERO) for (_, reason), value in sums.items())
    return part(score, applies=bool(scene.world.offerings))


def agreement(scene: Scene) -> Part:
    """The component agreement."""
    canonical = any(
        metric_of(scene.world, k).canonical_source is not None
        for o in scene.objectives
        for k in key_results_of(scene.world, o.key)
    )
    found = [(scene.weight[o.key], agreements(scene, o.key)) for o in scene.objectives]
    score = mean((w, mean((k.weight, a) for k, a in pairs) or ZERO) for w, pairs in found if pairs)
    return part(score, applies=canonical)


def size_share(scene: Scene, teams: list[tuple[Team, Attention]]) -> Fraction:
    """The size of some teams as a share of all active ones'."""
    total = sum((t.size for t in scene.world.teams), ZERO)
    return sum((t.size for t, _ in teams), ZERO) / total if total else ZERO


def components(scene: Scene) -> dict[str, Part]:
    """The eight components, in their order."""
    everyone, active = with_figure(scene), with_figure(scene, "activity")
    outcomes = outcomes_over(scene, scene.weight)
    focus = (
        mean((t.size, focus_of(scene, t.key, q)) for t, q in everyone) if scene.objectives else None
    )
    worked = mean((t.size, productivity_of(scene, q)) for t, q in active) if outcomes.cov else None
    return {
        "playbook": part(mean((t.size, involvement(scene, t.key)[0]) for t in scene.world.teams)),
        "shared_responsibility": sharing_over(scene, scene.weight),
        "focus": part(focus, size_share(scene, everyone)),
        "outcomes": outcomes,
        "freshness": freshness_over(scene, scene.weight),
        "productivity": part(worked, size_share(scene, active)),
        "deliverability": deliverability_over(scene),
        "agreement": agreement(scene),
    }
