"""Small valid worlds with many edge cases.

Hypothesis draws the number of resources of each kind, and seeds: two for the configuration and one
for every event. Drawing each field takes ten times as long and finds fewer failures. A failing
example shrinks by smaller counts: a seed with a smaller count gives the same resources without the
last ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference_model.event_strategies import EventContext, event_streams, generate_retractions
from tests.reference_model.world import (
    COMPONENTS,
    Condition,
    KeyResult,
    Metric,
    Objective,
    Offering,
    Playbook,
    Policy,
    Responsibility,
    Team,
    World,
)

# The days after this one include the end of summer time in Europe (October 26) and in
# America (November 2). They are in the past, so no test depends on the current date.
FIRST_DAY = date(2025, 10, 20)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "Asia/Kolkata",
)
KEYS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
TYPES = ("deal.won", "call.held", "ticket.closed")
AGGREGATIONS = ("sum", "count", "mean", "min", "max", "last")
CONDITIONS = (
    Condition("data.segment", "eq", "big"),
    Condition("data.segment", "ne", "big"),
    Condition("data.segment", "in", ("big", "small")),
    Condition("data.segment", "not_in", ("small", True)),
    Condition("data.segment", "exists", True),
    Condition("data.segment", "exists", False),
    Condition("data.deal.tier", "eq", 1),
    Condition("data.deal.tier", "eq", True),
    Condition("data.deal.tier", "not_in", (1, "1")),
    Condition("data.deal.tier", "gte", 1.5),
    Condition("data.deal.tier", "lt", 2),
    Condition("value", "gt", 0),
    Condition("value", "lte", 100),
    Condition("value", "exists", False),
    Condition("unit", "ne", "USD"),
    Condition("kind", "eq", "outcome"),
    Condition("source", "in", ("crm",)),
    Condition("team", "ne", "alpha"),
    Condition("subject", "exists", True),
)


def to_fractions(*numbers: str) -> list[Fraction]:
    """Return exact numbers to choose from. Few choices make ties and cancellations likely."""
    return [Fraction(n) for n in numbers]


SEEDS = st.integers(0, 2**32 - 1)
POSITIVE_NUMBERS = to_fractions("1", "1", "2", "3", "0.5", "0.0001", "1.3333", "50")
BASELINES = to_fractions("0", "0", "0", "-5", "10", "2.5")
TARGET_STEPS = to_fractions("1", "4", "10", "100", "0.0001", "300")
STATES = ["active", "active", "active", "active", "paused"]
ROLES = ["accountable", "accountable", "responsible", "responsible", "consulted", "informed"]
STATUSES = ["accepted", "accepted", "accepted", "accepted", "proposed", "declined"]


@dataclass(frozen=True, slots=True)
class SeededRandom:
    """Random generators from one seed, independent for each kind of resource and each number."""

    seed: int

    def create_random(self, kind: str, number: int = 0) -> Random:
        return Random(f"{self.seed}/{kind}/{number}")


def build_teams(seeded_random: SeededRandom, count: int) -> tuple[Team, ...]:
    """Build teams in one to four functions."""
    functions = ["sales", "marketing", "operations", "executive"][
        : seeded_random.create_random("functions").randint(1, 4)
    ]
    teams = []
    for number in range(count):
        rng = seeded_random.create_random("team", number)
        teams.append(Team(KEYS[number], rng.choice(functions), rng.choice(POSITIVE_NUMBERS)))
    return tuple(teams)


def build_metric(rng: Random, number: int) -> Metric:
    """Build a metric.

    Some have conditions, read their value from data or have an unknown source.
    """
    return Metric(
        key=f"metric-{number}",
        events=tuple(rng.sample(TYPES, rng.choice([1, 1, 2]))),
        aggregation=rng.choice(AGGREGATIONS),
        unit=rng.choice([None, None, "EUR"]),
        activities=tuple(rng.sample(TYPES, rng.choice([0, 1]))),
        where=tuple(rng.sample(CONDITIONS, rng.choice([0, 0, 0, 0, 1, 2]))),
        value=rng.choice(["value", "value", "data.deal.amount"]),
        canonical_source=rng.choice([None, None, "crm", "crm", "crm", "billing", "ghost"]),
    )


def build_objectives(
    seeded_random: SeededRandom, count: int, other_playbooks: Sequence[Playbook]
) -> tuple[Objective, ...]:
    """Build objectives of the main playbook, and two of every other playbook."""
    objectives = []
    for number in range(count):
        rng = seeded_random.create_random("objective", number)
        objectives.append(
            Objective(
                f"objective-{number}", "main", rng.choice(POSITIVE_NUMBERS), rng.choice(STATES)
            )
        )
    for playbook in other_playbooks:
        for number in range(2):
            rng = seeded_random.create_random("elsewhere", number)
            objective_key = f"elsewhere-{number}"
            objectives.append(
                Objective(
                    objective_key, playbook.key, rng.choice(POSITIVE_NUMBERS), rng.choice(STATES)
                )
            )
    return tuple(objectives)


def build_key_result(
    rng: Random,
    number: int,
    metrics: Sequence[Metric],
    objectives: Sequence[Objective],
    playbooks: Sequence[Playbook],
) -> KeyResult:
    """Build a key result with a window of its own, or with that of its playbook."""
    main_objectives = [o for o in objectives if o.playbook == "main"]
    objective = rng.choice(
        main_objectives if main_objectives and rng.random() < 0.75 else objectives
    )
    playbook = next(p for p in playbooks if p.key == objective.playbook)
    metric = rng.choice(metrics)
    baseline = rng.choice(BASELINES)
    step = rng.choice(TARGET_STEPS)
    is_falling = metric.aggregation not in ("sum", "count") and rng.random() < 0.5
    length = (playbook.ends_on - playbook.starts_on).days
    first_offset = rng.randint(0, length)
    last_offset = rng.randint(first_offset, length)
    return KeyResult(
        key=f"kr-{number}",
        objective=objective.key,
        metric=metric.key,
        baseline=baseline,
        target=baseline - step if is_falling else baseline + step,
        weight=rng.choice(POSITIVE_NUMBERS),
        starts_on=playbook.starts_on + timedelta(days=first_offset) if rng.random() < 0.3 else None,
        ends_on=playbook.starts_on + timedelta(days=last_offset) if rng.random() < 0.3 else None,
        cadence_days=rng.choice([1, 1, 3, 7, 30]),
    )


def build_responsibilities(
    seeded_random: SeededRandom, objectives: Sequence[Objective], teams: Sequence[Team]
) -> tuple[Responsibility, ...]:
    """Build at most one responsibility for each objective and team."""
    responsibilities = []
    for number, objective in enumerate(objectives):
        rng = seeded_random.create_random("responsibilities", number)
        for team in rng.sample(teams, rng.randint(0, len(teams))):
            role = rng.choice(ROLES)
            status = rng.choice(STATUSES)
            responsibilities.append(
                Responsibility(objective.key, team.key, role, rng.choice(POSITIVE_NUMBERS), status)
            )
    return tuple(responsibilities)


def build_policy(rng: Random) -> Policy:
    """Build a policy. Some weights are 0, and some minimum samples are small."""
    weights = to_fractions("0", "5", "10", "30", "1", "0.25")
    return Policy(
        weights={
            c: Fraction(0) if rng.random() < 0.02 else rng.choice(weights) for c in COMPONENTS
        },
        focus_days=rng.choice([1, 3, 7, 28, 28, 400]),
        minimum_events=rng.choice([1, 1, 1, 2, 2, 3, 5, 10]),
        required_functions=rng.choice([1, 2, 2, 3, 4]),
        half_life_days=rng.choice(to_fractions("14", "1", "0.5", "3.7")),
        minimum_coverage=rng.choice(to_fractions("0", "0", "0.25", "0.5", "1")),
        unit=rng.choice([None, None, "EUR"]),
    )


def build_offerings(rng: Random) -> tuple[Offering, ...]:
    """Build up to three offerings, some with a late start or an early end."""
    offerings = []
    for offering_key in rng.sample(
        ["onboarding", "legacy", "support"], rng.choice([0, 1, 2, 2, 3])
    ):
        available_from = FIRST_DAY + timedelta(days=rng.randint(-5, 12))
        retired_on = (
            available_from + timedelta(days=rng.randint(1, 15)) if rng.random() < 0.5 else None
        )
        offerings.append(Offering(offering_key, available_from, retired_on))
    return tuple(offerings)


def build_playbooks(rng: Random) -> tuple[Playbook, ...]:
    """Build the main playbook, and sometimes a second one that may overlap it."""
    playbooks = [
        Playbook(
            "main", FIRST_DAY, FIRST_DAY + timedelta(days=rng.choice([0, 4, 9, 13, 13, 29])), 2
        )
    ]
    if rng.random() < 0.6:
        starts_on = FIRST_DAY + timedelta(days=rng.randint(-20, 10))
        playbooks.append(
            Playbook("other", starts_on, starts_on + timedelta(days=rng.randint(0, 40)))
        )
    return tuple(playbooks)


def choose_days(rng: Random, playbook: Playbook) -> tuple[date, date]:
    """Choose as_of, usually inside the window, and known_at, never before as_of."""
    length = (playbook.ends_on - playbook.starts_on).days
    offsets = [
        0,
        length // 3,
        length // 2,
        length // 2,
        length * 3 // 4,
        length * 3 // 4,
        length - 1,
        length,
        length,
    ]
    as_of = FIRST_DAY + timedelta(days=rng.choice([*offsets, -2, -1, length + 1, length + 3]))
    return as_of, as_of + timedelta(days=rng.choice([0, 0, 1, 5, 60]))


@st.composite
def worlds(draw: st.DrawFn, max_events: int = 60) -> World:
    """Draw a world that is scored before, inside or after the playbook's window."""
    seeded_random = SeededRandom(draw(SEEDS))
    metric_random = SeededRandom(draw(SEEDS))
    main_playbook, *other_playbooks = build_playbooks(seeded_random.create_random("playbooks"))
    teams = build_teams(seeded_random, draw(st.integers(2, 4)))
    metrics = tuple(
        build_metric(metric_random.create_random("metric", n), n)
        for n in range(draw(st.integers(1, 3)))
    )
    objectives = build_objectives(
        seeded_random, draw(st.sampled_from([2, 1, 3, 4, 0])), other_playbooks
    )
    key_result_numbers = range(draw(st.sampled_from([4, 3, 5, 2, 1, 6, 0])) if objectives else 0)
    as_of, known_at = choose_days(metric_random.create_random("asked"), main_playbook)
    rng = seeded_random.create_random("rest")
    zone = seeded_random.create_random("zone").choice(ZONES)
    event_context = EventContext(
        teams=tuple(t.key for t in teams),
        objectives=tuple(o.key for o in objectives),
        starts_at=datetime.combine(FIRST_DAY, time(), ZoneInfo(zone)).astimezone(UTC),
        days=(main_playbook.ends_on - main_playbook.starts_on).days + 1,
    )
    recorded_events = draw(event_streams(event_context, max_events))
    return World(
        playbook=main_playbook,
        as_of=as_of,
        known_at=known_at,
        zone=zone,
        teams=teams,
        metrics=metrics,
        offerings=build_offerings(seeded_random.create_random("offerings")),
        other_playbooks=tuple(other_playbooks),
        objectives=objectives,
        key_results=tuple(
            build_key_result(
                metric_random.create_random("kr", n),
                n,
                metrics,
                objectives,
                (main_playbook, *other_playbooks),
            )
            for n in key_result_numbers
        ),
        responsibilities=build_responsibilities(seeded_random, objectives, teams),
        contributions=frozenset(t.key for t in teams if rng.random() < 0.5),
        signoffs={t.key: rng.choice([1, 2, 2]) for t in teams if rng.random() < 0.7},
        policy=build_policy(seeded_random.create_random("policy")),
        events=recorded_events,
        retractions=generate_retractions(
            seeded_random.create_random("retractions"), recorded_events
        ),
    )
