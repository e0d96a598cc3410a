"""Roll-ups.

Additive deltas by occurred and recorded day, kept in the transaction of the event or retraction they are of.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import Event
from app.domain.events.metrics import Match
from app.domain.primitives.errors import BucketFullError
from app.store.sql.column_types import Identity
from app.store.sql.dialect import recordset

BOUND: Final = 2**63 - 1
OVERFLOW: Final = "22003"
FULL: Final = "A sum of this day would no longer fit; the values are too large to be added."
MEASURE: Final = {
    "metric": "text",
    "source": "text",
    "day": "whole",
    "recorded_day": "whole",
    "matched": "whole",
    "counted": "whole",
    "other_unit": "whole",
    "no_value": "whole",
    "total": "whole",
    "low": "whole",
    "high": "whole",
    "last_us": "whole",
    "last_id": "text",
    "last_value": "whole",
    "reset": "whole",
}
ATTENTION: Final = {
    "team": "text",
    "kind": "text",
    "matching": "text",
    "objective": "text",
    "day": "whole",
    "recorded_day": "whole",
    "events": "whole",
    "effort": "whole",
}
SOLD: Final = {
    "offering": "text",
    "team": "text",
    "unit": "text",
    "day": "whole",
    "recorded_day": "whole",
    "items": "whole",
    "value": "whole",
}
# One clause for both databases; on conflict `r` is the row that is there.
LATER: Final = "(excluded.last_us > r.last_us or (excluded.last_us = r.last_us and excluded.last_id > r.last_id))"
TAKE_LAST: Final = f"excluded.reset = 1 or r.last_us is null or {LATER}"
MERGE_MEASURE: Final = f"""
  matched = r.matched + excluded.matched, counted = r.counted + excluded.counted,
  other_unit = r.other_unit + excluded.other_unit, no_value = r.no_value + excluded.no_value,
  total = r.total + excluded.total,
  low = case when excluded.reset = 1 or r.low is null or excluded.low < r.low then excluded.low else r.low end,
  high = case when excluded.reset = 1 or r.high is null or excluded.high > r.high then excluded.high else r.high end,
  last_us = case when {TAKE_LAST} then excluded.last_us else r.last_us end,
  last_id = case when {TAKE_LAST} then excluded.last_id else r.last_id end,
  last_value = case when {TAKE_LAST} then excluded.last_value else r.last_value end,
  reset = case when excluded.reset = 1 then 1 else r.reset end"""
MERGE_ATTENTION: Final = "events = r.events + excluded.events, effort = r.effort + excluded.effort"
MERGE_SOLD: Final = "items = r.items + excluded.items, value = r.value + excluded.value"
SHAPES: Final = {
    "measure": (MEASURE, MERGE_MEASURE),
    "attention": (ATTENTION, MERGE_ATTENTION),
    "sold": (SOLD, MERGE_SOLD),
}
KEYS: Final = {
    "measure": "metric, source, day, recorded_day",
    "attention": "team, kind, matching, objective, day, recorded_day",
    "sold": "offering, team, unit, day, recorded_day",
}


class Prepared(NamedTuple):
    """An event ready to be recorded: its id, its day, and what it matched.

    Units: `day` in days since 1970. Shape: `fingerprint` is empty for one that is recorded already.
    None when there is none, or it is recorded already: `data`, the canonical text of the event's.
    """

    event: Event
    uid: UUID
    time_us: int
    day: int
    matching: str
    matches: tuple[Match, ...]
    fingerprint: str = ""
    data: str | None = None


@dataclass(slots=True)
class Bucket:
    """What one (metric, source, day, recorded day) gains."""

    matched: int = 0
    counted: int = 0
    other_unit: int = 0
    no_value: int = 0
    total: int = 0
    low: int | None = None
    high: int | None = None
    last: tuple[int, str, int] | None = None
    reset: int = 0

    def add(self, match: Match, sign: int) -> None:
        """Counts a match, or takes it back."""
        self.matched += sign
        if match.state == "counts":
            self.counted += sign
            self.total += sign * match.value
        elif match.state == "other_unit":
            self.other_unit += sign
        elif match.state == "no_value":
            self.no_value += sign

    def extend(self, value: int, time_us: int, name: str) -> None:
        """Low, high and last include that value."""
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)
        self.last = (
            (time_us, name, value) if self.last is None else max(self.last, (time_us, name, value))
        )


@dataclass(slots=True)
class Deltas:
    """What a set of recordings and retractions adds to the roll-ups, by their keys."""

    measure: dict[tuple[str, str, int, int], Bucket] = field(default_factory=dict)
    attention: dict[tuple[str, str, str, str, int, int], list[int]] = field(default_factory=dict)
    sold: dict[tuple[str, str, str, int, int], list[int]] = field(default_factory=dict)

    def add(self, prepared: Prepared, recorded_day: int, sign: int = 1) -> None:
        """Adds an event recorded on that day, or with sign -1 its retraction.

        Low, high and last only for a recording.
        """
        event, day = prepared.event, prepared.day
        self.measured(prepared, recorded_day, sign)
        self.attended(prepared, prepared.matching, recorded_day, sign)
        for offering, value in event.offerings:
            item = self.sold.setdefault(
                (offering, event.team, event.unit or "", day, recorded_day), [0, 0]
            )
            item[0] += sign
            item[1] += sign * value

    def measured(self, prepared: Prepared, recorded_day: int, sign: int) -> None:
        """Adds what the event says of the metrics that it matched."""
        for match in prepared.matches:
            bucket = self.bucket(match.metric, prepared.event.source, prepared.day, recorded_day)
            bucket.add(match, sign)
            if sign > 0 and match.state == "counts":
                bucket.extend(match.value, prepared.time_us, prepared.event.id)

    def attended(self, prepared: Prepared, matching: str, recorded_day: int, sign: int) -> None:
        """Adds the event as work, under a matched set."""
        event = prepared.event
        place = (
            event.team,
            event.kind,
            matching,
            event.objective or "",
            prepared.day,
            recorded_day,
        )
        cell = self.attention.setdefault(place, [0, 0])
        cell[0] += sign
        cell[1] += sign * event.weight

    def bucket(self, metric: str, source: str, day: int, recorded_day: int) -> Bucket:
        """The bucket of that key."""
        return self.measure.setdefault((metric, source, day, recorded_day), Bucket())


def measure_rows(deltas: Deltas) -> list[list[object]]:
    """The rows of `measure`, in key order: the order is what keeps writers from deadlock."""
    rows: list[list[object]] = []
    for place in sorted(deltas.measure):
        b = deltas.measure[place]
        last = b.last or (None, None, None)
        rows.append(
            [
                *place,
                b.matched,
                b.counted,
                b.other_unit,
                b.no_value,
                b.total,
                b.low,
                b.high,
                *last,
                b.reset,
            ]
        )
    return rows


def pair_rows(
    cells: dict[tuple[str, str, str, str, int, int], list[int]]
    | dict[tuple[str, str, str, int, int], list[int]],
) -> list[list[object]]:
    """The rows of `attention` or `sold`, in key order."""
    return [[*place, *found] for place, found in sorted(cells.items())]


@contextmanager
def fitting() -> Iterator[None]:
    """Raises: BucketFullError in place of a database's own refusal of a sum beyond 64 bits."""
    try:
        yield
    except DBAPIError as error:
        # PostgreSQL says so; SQLite turns the sum into a float, which a STRICT table refuses
        if getattr(error.orig, "sqlstate", None) == OVERFLOW or "cannot store REAL value" in str(
            error.orig
        ):
            raise BucketFullError(FULL) from error
        raise


async def apply(connection: AsyncConnection, organization_id: UUID, deltas: Deltas) -> None:
    """The roll-ups hold the deltas. Raises: BucketFullError when a sum would not fit in 64 bits."""
    for table, rows in rows_of(deltas).items():
        await add(connection, organization_id, table, rows)


def rows_of(deltas: Deltas) -> dict[str, list[list[object]]]:
    """The rows of each roll-up."""
    return {
        "measure": measure_rows(deltas),
        "attention": pair_rows(deltas.attention),
        "sold": pair_rows(deltas.sold),
    }


async def add(
    connection: AsyncConnection, organization_id: UUID, table: str, rows: Sequence[Sequence[object]]
) -> None:
    """The roll-up holds the rows besides what it has. Raises: BucketFullError when a sum would not fit in 64 bits."""
    if not rows:
        return
    check_bounds(rows)
    columns, merge = SHAPES[table]
    names = ", ".join(columns)
    statement = (
        f"insert into {table} as r (organization_id, {names}) "  # noqa: S608  # names are constants of this module
        f"select :organization, {', '.join(f'd.{name}' for name in columns)} "
        f"from {recordset(connection, 'rows', columns, 'd')} "
        f"where true on conflict (organization_id, {KEYS[table]}) do update set {merge}"
    )
    bound = text(statement).bindparams(bindparam("organization", organization_id, Identity()))
    with fitting():
        await connection.execute(bound, {"rows": dumps(rows)})


def check_bounds(rows: Iterable[Iterable[object]]) -> None:
    """Returns when every number fits in 64 bits. Raises: BucketFullError."""
    if any(isinstance(value, int) and abs(value) > BOUND for row in rows for value in row):
        raise BucketFullError(FULL)
