"""Streams of raw events: late, early, tied, retracted, near midnight, with misleading data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random

from hypothesis import strategies as st

from tests.reference_model.world import Event, Json, Retraction

EVENT_TYPES = ("deal.won", "deal.won", "call.held", "ticket.closed", "noise")
# The order by code point differs from the order by UTF-16, by locale and by length.
ID_PREFIXES = ("", "a", "Z", "é", "～", "😀")  # noqa: RUF001  # look-alikes are the point
HOURS = (0, 0, 1, 9, 12, 23, 23.999)
MISSING: object = object()


@dataclass(frozen=True, slots=True)
class EventContext:
    """The teams and objectives that events may name."""

    teams: Sequence[str]
    objectives: Sequence[str]
    # The instant at which the playbook's first day begins.
    starts_at: datetime
    days: int


def to_fractions(*texts: str) -> list[Fraction | None]:
    return [Fraction(n) for n in texts]


EVENT_VALUES = [
    None,
    *to_fractions("0", "1", "2", "-1", "0.5", "3.3333", "100", "-2.5", "40", "999999999999.99"),
]
EFFORTS = [None, None, *to_fractions("0", "1", "2.5", "0.0001", "8")]
PRICES = [Fraction(n) for n in ("0", "1", "10", "2.5", "1000.0001")]
AMOUNTS = [
    MISSING,
    None,
    0,
    1,
    -3,
    2.5,
    100,
    7,
    40,
    "100",
    True,
    0.00005,
    2e12,
    123456789012345.6,
    [],
    {},
]
TIERS = [MISSING, None, 1, 1, 1.0, True, "1", 1.5, 2, 2, False, [1]]
SEGMENTS = [MISSING, None, "big", "big", "small", "Big", True]


def generate_data(rng: Random) -> dict[str, Json]:
    """Make a data object. Any property may be missing, null or of an unexpected type."""
    if rng.random() < 0.25:
        return {}
    deal = {"amount": rng.choice(AMOUNTS), "tier": rng.choice(TIERS)}
    present_deal = {k: v for k, v in deal.items() if v is not MISSING}
    properties = {
        "segment": rng.choice(SEGMENTS),
        "deal": rng.choice([present_deal, present_deal, present_deal, "deal", None]),
    }
    return {k: v for k, v in properties.items() if v is not MISSING}  # type: ignore[misc]  # every value above is JSON


def generate_event(context: EventContext, number: int, seed: str) -> Event:
    """Make one event, from days before the playbook to days after it.

    The number makes its id unique. One seed replaces twenty draws: it takes a tenth of the time,
    and a failing example still shrinks to few events.
    """
    rng = Random(seed)
    choose = rng.choice
    day = choose([*range(-2, context.days + 3), *range(context.days), *range(context.days)])
    occurred_at = context.starts_at + timedelta(days=day, hours=choose(HOURS))
    offering_keys = ["onboarding", "legacy", "support", "moonbase"]
    sold_count = rng.randint(1, 2) if rng.random() < 0.3 else 0
    return Event(
        source=choose(["crm", "crm", "billing"]),
        id=f"{choose(ID_PREFIXES)}{number}",
        type=choose(EVENT_TYPES),
        time=occurred_at,
        recorded_at=occurred_at + timedelta(hours=choose([0, 0, 0, 0, 0, 0, 1, 24, 100, -20])),
        team=choose(context.teams),
        kind=choose(["outcome", "activity", "activity"]),
        value=choose(EVENT_VALUES),
        unit=choose([None, None, "EUR", "EUR", "USD"]),
        effort=choose(EFFORTS),
        subject=choose([None, "deal/1"]),
        objective=choose(context.objectives)
        if context.objectives and rng.random() < 0.25
        else None,
        offerings=tuple((choose(offering_keys), choose(PRICES)) for _ in range(sold_count)),
        data=generate_data(rng),
    )


@st.composite
def event_streams(draw: st.DrawFn, context: EventContext, max_events: int) -> tuple[Event, ...]:
    """Draw up to `max_events` events with distinct ids. Most of the streams have many events."""
    min_events = draw(st.sampled_from([max_events // 2, max_events // 4, 0]))
    seeds = draw(st.lists(st.integers(0, 65535), min_size=min_events, max_size=max_events))
    return tuple(
        generate_event(context, number, f"{seed}/{number}") for number, seed in enumerate(seeds)
    )


def generate_retractions(rng: Random, events: Sequence[Event]) -> tuple[Retraction, ...]:
    """Retract about one event in ten, each at or after its recording."""
    retracted_events = [e for e in events if rng.random() < 0.1]
    return tuple(
        Retraction(e.source, e.id, e.recorded_at + timedelta(hours=rng.choice([0, 1, 24, 100])))
        for e in retracted_events
    )
