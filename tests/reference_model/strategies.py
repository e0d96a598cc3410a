"""Small and nasty worlds that the program would accept: every rule of validity is kept, and little else.

Hypothesis draws how many there are of everything, and seeds: two for the configuration and one for every event. Drawing
each field by itself costs ten times as much and finds less, and what shrinks a failing example is having less of
everything. The same seed with a smaller count gives the same things, less the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.reference_model.stream import Cast, events, retractions
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

# A span with the end of summer time in Europe (October 26) and America (November 2), safely in the past.
FIRST = date(2025, 10, 20)
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


def some(*numbers: str) -> list[Fraction]:
    """A few exact numbers to choose from, so that ties and cancellations happen."""
    return [Fraction(n) for n in numbers]


SEEDS = st.integers(0, 2**32 - 1)
POSITIVE = some("1", "1", "2", "3", "0.5", "0.0001", "1.3333", "50")
BASELINES = some("0", "0", "0", "-5", "10", "2.5")
STEPS = some("1", "4", "10", "100", "0.0001", "300")
STATES = ["active", "active", "active", "active", "paused"]
ROLES = ["accountable", "accountable", "responsible", "responsible", "consulted", "informed"]
STATUSES = ["accepted", "accepted", "accepted", "accepted", "proposed", "declined"]


@dataclass(frozen=True, slots=True)
class Dice:
    """Random choices of one seed, each kind of thing and each number of it with its own."""

    seed: int

    def of(self, kind: str, number: int = 0) -> Random:
        """The chance of one thing."""
        return Random(f"{self.seed}/{kind}/{number}")


def teams(dice: Dice, count: int) -> tuple[Team, ...]:
    """Teams in one to four functions."""
    functions = ["sales", "marketing", "operations", "executive"][
        : dice.of("functions").randint(1, 4)
    ]
    found = []
    for number in range(count):
        chance = dice.of("team", number)
        found.append(Team(KEYS[number], chance.choice(functions), chance.choice(POSITIVE)))
    return tuple(found)


def metric(chance: Random, number: int) -> Metric:
    """A metric; some have conditions, read their value from data or have a source that does not exist."""
    return Metric(
        key=f"metric-{number}",
        events=tuple(chance.sample(TYPES, chance.choice([1, 1, 2]))),
        aggregation=chance.choice(AGGREGATIONS),
        unit=chance.choice([None, None, "EUR"]),
        activities=tuple(chance.sample(TYPES, chance.choice([0, 1]))),
        where=tuple(chance.sample(CONDITIONS, chance.choice([0, 0, 0, 0, 1, 2]))),
        value=chance.choice(["value", "value", "data.deal.amount"]),
        canonical_source=chance.choice([None, None, "crm", "crm", "crm", "billing", "ghost"]),
    )


def objectives(dice: Dice, count: int, others: Sequence[Playbook]) -> tuple[Objective, ...]:
    """Objectives of the playbook, and two of every other."""
    found = []
    for number in range(count):
        chance = dice.of("objective", number)
        found.append(
            Objective(f"objective-{number}", "main", chance.choice(POSITIVE), chance.choice(STATES))
        )
    for playbook in others:
        for number in range(2):
            chance = dice.of("elsewhere", number)
            key = f"elsewhere-{number}"
            found.append(
                Objective(key, playbook.key, chance.choice(POSITIVE), chance.choice(STATES))
            )
    return tuple(found)


def key_result(
    chance: Random,
    number: int,
    metrics: Sequence[Metric],
    objectives: Sequence[Objective],
    playbooks: Sequence[Playbook],
) -> KeyResult:
    """A key result with a window of its own inside the playbook's, or the playbook's."""
    here = [o for o in objectives if o.playbook == "main"]
    objective = chance.choice(here if here and chance.random() < 0.75 else objectives)
    playbook = next(p for p in playbooks if p.key == objective.playbook)
    measured = chance.choice(metrics)
    baseline, step = chance.choice(BASELINES), chance.choice(STEPS)
    falls = measured.aggregation not in ("sum", "count") and chance.random() < 0.5
    length = (playbook.ends_on - playbook.starts_on).days
    first = chance.randint(0, length)
    last = chance.randint(first, length)
    return KeyResult(
        key=f"kr-{number}",
        objective=objective.key,
        metric=measured.key,
        baseline=baseline,
        target=baseline - step if falls else baseline + step,
        weight=chance.choice(POSITIVE),
        starts_on=playbook.starts_on + timedelta(days=first) if chance.random() < 0.3 else None,
        ends_on=playbook.starts_on + timedelta(days=last) if chance.random() < 0.3 else None,
        cadence_days=chance.choice([1, 1, 3, 7, 30]),
    )


def responsibilities(
    dice: Dice, objectives: Sequence[Objective], members: Sequence[Team]
) -> tuple[Responsibility, ...]:
    """At most one for each objective and team."""
    found = []
    for number, objective in enumerate(objectives):
        chance = dice.of("responsibilities", number)
        for team in chance.sample(members, chance.randint(0, len(members))):
            role, status = chance.choice(ROLES), chance.choice(STATUSES)
            found.append(
                Responsibility(objective.key, team.key, role, chance.choice(POSITIVE), status)
            )
    return tuple(found)


def policy(chance: Random) -> Policy:
    """Policies with weights of 0 and small samples."""
    weights = some("0", "5", "10", "30", "1", "0.25")
    return Policy(
        weights={
            c: Fraction(0) if chance.random() < 0.02 else chance.choice(weights) for c in COMPONENTS
        },
        focus_days=chance.choice([1, 3, 7, 28, 28, 400]),
        minimum_events=chance.choice([1, 1, 1, 2, 2, 3, 5, 10]),
        required_functions=chance.choice([1, 2, 2, 3, 4]),
        half_life_days=chance.choice(some("14", "1", "0.5", "3.7")),
        minimum_coverage=chance.choice(some("0", "0", "0.25", "0.5", "1")),
        unit=chance.choice([None, None, "EUR"]),
    )


def offerings(chance: Random) -> tuple[Offering, ...]:
    """None to three offerings, which may come late and retire early."""
    catalogue = []
    for key in chance.sample(["onboarding", "legacy", "support"], chance.choice([0, 1, 2, 2, 3])):
        start = FIRST + timedelta(days=chance.randint(-5, 12))
        retired = start + timedelta(days=chance.randint(1, 15)) if chance.random() < 0.5 else None
        catalogue.append(Offering(key, start, retired))
    return tuple(catalogue)


def playbooks(chance: Random) -> tuple[Playbook, ...]:
    """The playbook asked about, then none or one that overlaps it or does not."""
    found = [
        Playbook("main", FIRST, FIRST + timedelta(days=chance.choice([0, 4, 9, 13, 13, 29])), 2)
    ]
    if chance.random() < 0.6:
        start = FIRST + timedelta(days=chance.randint(-20, 10))
        found.append(Playbook("other", start, start + timedelta(days=chance.randint(0, 40))))
    return tuple(found)


def asked_for(chance: Random, main: Playbook) -> tuple[date, date]:
    """as_of, mostly inside the window, and known_at, never before it."""
    span = (main.ends_on - main.starts_on).days
    inside = [
        0,
        span // 3,
        span // 2,
        span // 2,
        span * 3 // 4,
        span * 3 // 4,
        span - 1,
        span,
        span,
    ]
    as_of = FIRST + timedelta(days=chance.choice([*inside, -2, -1, span + 1, span + 3]))
    return as_of, as_of + timedelta(days=chance.choice([0, 0, 1, 5, 60]))


@st.composite
def worlds(draw: st.DrawFn, max_events: int = 60) -> World:
    """A whole world, asked before, inside or after the playbook's window."""
    dice, measuring = Dice(draw(SEEDS)), Dice(draw(SEEDS))
    main, *others = playbooks(dice.of("playbooks"))
    members = teams(dice, draw(st.integers(2, 4)))
    metrics = tuple(metric(measuring.of("metric", n), n) for n in range(draw(st.integers(1, 3))))
    aims = objectives(dice, draw(st.sampled_from([2, 1, 3, 4, 0])), others)
    results = range(draw(st.sampled_from([4, 3, 5, 2, 1, 6, 0])) if aims else 0)
    as_of, known_at = asked_for(measuring.of("asked"), main)
    chance, zone = dice.of("rest"), dice.of("zone").choice(ZONES)
    cast = Cast(
        teams=tuple(t.key for t in members),
        objectives=tuple(o.key for o in aims),
        first=datetime.combine(FIRST, time(), ZoneInfo(zone)).astimezone(UTC),
        days=(main.ends_on - main.starts_on).days + 1,
    )
    recorded = draw(events(cast, max_events))
    return World(
        playbook=main,
        as_of=as_of,
        known_at=known_at,
        zone=zone,
        teams=members,
        metrics=metrics,
        offerings=offerings(dice.of("offerings")),
        others=tuple(others),
        objectives=aims,
        key_results=tuple(
            key_result(measuring.of("kr", n), n, metrics, aims, (main, *others)) for n in results
        ),
        responsibilities=responsibilities(dice, aims, members),
        contributions=frozenset(t.key for t in members if chance.random() < 0.5),
        signoffs={t.key: chance.choice([1, 2, 2]) for t in members if chance.random() < 0.7},
        policy=policy(dice.of("policy")),
        events=recorded,
        retractions=retractions(dice.of("retractions"), recorded),
    )
