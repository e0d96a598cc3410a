"""Streams of raw events: late, early, tied, retracted, near midnight, with data that only looks like a number."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from random import Random

from hypothesis import strategies as st

from tests.reference_model.world import Event, Json, Retraction

TYPES = ("deal.won", "deal.won", "call.held", "ticket.closed", "noise")
# Names whose order by code point differs from the order of UTF-16, of a locale and of length.
MARKS = ("", "a", "Z", "é", "～", "😀")  # noqa: RUF001  # look-alikes are the point
HOURS = (0, 0, 1, 9, 12, 23, 23.999)
MISSING: object = object()


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what the events may name; `first` is the instant at which the playbook's first day begins."""

    teams: Sequence[str]
    objectives: Sequence[str]
    first: datetime
    days: int


def numbers(*names: str) -> list[Fraction | None]:
    """A few exact numbers."""
    return [Fraction(n) for n in names]


VALUES = [
    None,
    *numbers("0", "1", "2", "-1", "0.5", "3.3333", "100", "-2.5", "40", "999999999999.99"),
]
EFFORTS = [None, None, *numbers("0", "1", "2.5", "0.0001", "8")]
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


def data(chance: Random) -> dict[str, Json]:
    """A data object in which any property may be missing, null or of another type than hoped for."""
    if chance.random() < 0.25:
        return {}
    deal = {"amount": chance.choice(AMOUNTS), "tier": chance.choice(TIERS)}
    kept = {k: v for k, v in deal.items() if v is not MISSING}
    found = {
        "segment": chance.choice(SEGMENTS),
        "deal": chance.choice([kept, kept, kept, "deal", None]),
    }
    return {k: v for k, v in found.items() if v is not MISSING}  # type: ignore[misc]  # every value above is JSON


def event(cast: Cast, number: int, seed: str) -> Event:
    """One event, from days before the playbook to days after it; the number makes its id its own.

    One seed, not twenty draws: a tenth of the time, and a failing example still shrinks to few events.
    """
    chance = Random(seed)
    pick = chance.choice
    day = pick([*range(-2, cast.days + 3), *range(cast.days), *range(cast.days)])
    occurred = cast.first + timedelta(days=day, hours=pick(HOURS))
    catalogue = ["onboarding", "legacy", "support", "moonbase"]
    sold = chance.randint(1, 2) if chance.random() < 0.3 else 0
    return Event(
        source=pick(["crm", "crm", "billing"]),
        id=f"{pick(MARKS)}{number}",
        type=pick(TYPES),
        time=occurred,
        recorded_at=occurred + timedelta(hours=pick([0, 0, 0, 0, 0, 0, 1, 24, 100, -20])),
        team=pick(cast.teams),
        kind=pick(["outcome", "activity", "activity"]),
        value=pick(VALUES),
        unit=pick([None, None, "EUR", "EUR", "USD"]),
        effort=pick(EFFORTS),
        subject=pick([None, "deal/1"]),
        objective=pick(cast.objectives) if cast.objectives and chance.random() < 0.25 else None,
        offerings=tuple((pick(catalogue), pick(PRICES)) for _ in range(sold)),
        data=data(chance),
    )


@st.composite
def events(draw: st.DrawFn, cast: Cast, most: int) -> tuple[Event, ...]:
    """Up to `most` events of distinct ids; most of the streams are busy."""
    least = draw(st.sampled_from([most // 2, most // 4, 0]))
    seeds = draw(st.lists(st.integers(0, 65535), min_size=least, max_size=most))
    return tuple(event(cast, number, f"{seed}/{number}") for number, seed in enumerate(seeds))


def retractions(chance: Random, recorded: Sequence[Event]) -> tuple[Retraction, ...]:
    """Retractions of about one event in ten, each recorded at or after what it retracts."""
    chosen = [e for e in recorded if chance.random() < 0.1]
    return tuple(
        Retraction(e.source, e.id, e.recorded_at + timedelta(hours=chance.choice([0, 1, 24, 100])))
        for e in chosen
    )
