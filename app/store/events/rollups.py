"""Roll-ups: sums over events by occurred day and recorded day.

- `measure` holds, for each metric and source, the numbers of events that matched and counted. It
  also holds the total of their values, and the extremes: low, high and last.
- `attention` holds the number and effort of events for each team, kind, match set and objective.
- `sold` holds the number and value of items sold for each offering, team and unit.

The transaction that records or retracts an event also writes its deltas: what the write adds to the
rows of its recorded day. A recording adds to the row of the day on which the event was recorded. A
retraction subtracts from the row of the day of the retraction. So the sum of the rows up to a
recorded day tells what was known on that day.

The extremes are not additive: they cannot be subtracted. A retraction computes them again from the
events that are left and marks its row with `reset`. See MeasureBucket.reset_extremes.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Match
from app.domain.primitives.errors import BucketFullError
from app.store.sql.column_types import UuidColumn
from app.store.sql.dialect import json_recordset

MAX_INTEGER: Final = 2**63 - 1
OVERFLOW_SQLSTATE: Final = "22003"
OVERFLOW_MESSAGE: Final = (
    "A sum of this day would no longer fit; the values are too large to be added."
)
MEASURE_COLUMN_TYPES: Final = {
    "metric": "text",
    "source": "text",
    "day": "integer",
    "recorded_day": "integer",
    "matched": "integer",
    "counted": "integer",
    "other_unit": "integer",
    "no_value": "integer",
    "total": "integer",
    "low": "integer",
    "high": "integer",
    "last_us": "integer",
    "last_id": "text",
    "last_value": "integer",
    "reset": "integer",
}
ATTENTION_COLUMN_TYPES: Final = {
    "team": "text",
    "kind": "text",
    "matching": "text",
    "objective": "text",
    "day": "integer",
    "recorded_day": "integer",
    "events": "integer",
    "effort": "integer",
}
SOLD_COLUMN_TYPES: Final = {
    "offering": "text",
    "team": "text",
    "unit": "text",
    "day": "integer",
    "recorded_day": "integer",
    "items": "integer",
    "value": "integer",
}
# The clauses are the same on both databases. On a conflict, `r` is the existing row and `excluded`
# the row to add.
IS_LATER: Final = (
    "(excluded.last_us > r.last_us "
    "or (excluded.last_us = r.last_us and excluded.last_id > r.last_id))"
)
REPLACES_LAST: Final = f"excluded.reset = 1 or r.last_us is null or {IS_LATER}"
MERGE_MEASURE: Final = f"""
  matched = r.matched + excluded.matched, counted = r.counted + excluded.counted,
  other_unit = r.other_unit + excluded.other_unit, no_value = r.no_value + excluded.no_value,
  total = r.total + excluded.total,
  low = case when excluded.reset = 1 or r.low is null or excluded.low < r.low
    then excluded.low else r.low end,
  high = case when excluded.reset = 1 or r.high is null or excluded.high > r.high
    then excluded.high else r.high end,
  last_us = case when {REPLACES_LAST} then excluded.last_us else r.last_us end,
  last_id = case when {REPLACES_LAST} then excluded.last_id else r.last_id end,
  last_value = case when {REPLACES_LAST} then excluded.last_value else r.last_value end,
  reset = case when excluded.reset = 1 then 1 else r.reset end"""
MERGE_ATTENTION: Final = "events = r.events + excluded.events, effort = r.effort + excluded.effort"
MERGE_SOLD: Final = "items = r.items + excluded.items, value = r.value + excluded.value"
ROLLUP_DEFINITIONS: Final = {
    "measure": (MEASURE_COLUMN_TYPES, MERGE_MEASURE),
    "attention": (ATTENTION_COLUMN_TYPES, MERGE_ATTENTION),
    "sold": (SOLD_COLUMN_TYPES, MERGE_SOLD),
}
KEY_COLUMNS: Final = {
    "measure": "metric, source, day, recorded_day",
    "attention": "team, kind, matching, objective, day, recorded_day",
    "sold": "offering, team, unit, day, recorded_day",
}


@dataclass(slots=True)
class MeasureBucket:
    """The delta of one row of `measure`: of a (metric, source, day, recorded day)."""

    # Events by the state of their match. All but `matched` leave out matches of the state `work`.
    matched: int = 0
    counted: int = 0
    other_unit: int = 0
    no_value: int = 0
    # The sum of the values that count, in ten-thousandths.
    total: int = 0
    # The extremes of the values that count; None without such a value.
    low: int | None = None
    high: int | None = None
    # Time in microseconds, event id, value.
    last: tuple[int, str, int] | None = None
    # 1 if the extremes override those of rows with an earlier recorded day, else 0.
    reset: int = 0

    def add_match(self, match: Match, sign: int) -> None:
        """Count a match, or with sign -1 uncount it."""
        self.matched += sign
        if match.state == "counts":
            self.counted += sign
            self.total += sign * match.value
        elif match.state == "other_unit":
            self.other_unit += sign
        elif match.state == "no_value":
            self.no_value += sign

    def add_value(self, value: int, time_us: int, event_id: str) -> None:
        """Include a value in low, high and last."""
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)
        self.last = (
            (time_us, event_id, value)
            if self.last is None
            else max(self.last, (time_us, event_id, value))
        )

    def reset_extremes(self) -> None:
        """Forget low, high and last, and make them override those of rows recorded before.

        A reader ignores the extremes of rows with an earlier recorded day than the latest row with
        `reset`. The caller adds the values of the events that are left; without any, low, high and
        last are None from this recorded day on.
        """
        self.reset = 1
        self.low = None
        self.high = None
        self.last = None


@dataclass(slots=True)
class RollupDeltas:
    """The deltas of recordings and retractions, by the keys of the roll-ups.

    The keys have the order of KEY_COLUMNS. A cell of `attention` is [events, effort], a cell of
    `sold` is [items, value].
    """

    measure: dict[tuple[str, str, int, int], MeasureBucket] = field(default_factory=dict)
    attention: dict[tuple[str, str, str, str, int, int], list[int]] = field(default_factory=dict)
    sold: dict[tuple[str, str, str, int, int], list[int]] = field(default_factory=dict)

    def add_event(self, matched_event: MatchedEvent, recorded_day: int, sign: int = 1) -> None:
        """Add an event recorded on a day, or with sign -1 its retraction.

        Only a recording changes low, high and last. The caller of a retraction resets them.
        """
        event = matched_event.event
        day = matched_event.day
        self.add_measures(matched_event, recorded_day, sign)
        self.add_attention(matched_event, matched_event.matching, recorded_day, sign)
        for offering, value in event.offerings:
            sold_cell = self.sold.setdefault(
                (offering, event.team, event.unit or "", day, recorded_day), [0, 0]
            )
            sold_cell[0] += sign
            sold_cell[1] += sign * value

    def add_measures(self, matched_event: MatchedEvent, recorded_day: int, sign: int) -> None:
        """Add the matches of an event."""
        for match in matched_event.matches:
            bucket = self.get_bucket(
                match.metric, matched_event.event.source, matched_event.day, recorded_day
            )
            bucket.add_match(match, sign)
            if sign > 0 and match.state == "counts":
                bucket.add_value(match.value, matched_event.time_us, matched_event.event.id)

    def add_attention(
        self, matched_event: MatchedEvent, match_set_id: str, recorded_day: int, sign: int
    ) -> None:
        """Add the effort of an event, under a match set.

        A restatement moves effort from one match set to another, so the set is not always that of
        `matched_event`.
        """
        event = matched_event.event
        cell_key = (
            event.team,
            event.kind,
            match_set_id,
            event.objective or "",
            matched_event.day,
            recorded_day,
        )
        cell = self.attention.setdefault(cell_key, [0, 0])
        cell[0] += sign
        cell[1] += sign * event.weight

    def get_bucket(self, metric: str, source: str, day: int, recorded_day: int) -> MeasureBucket:
        """Return the bucket of a key, a new one if necessary."""
        return self.measure.setdefault((metric, source, day, recorded_day), MeasureBucket())


def to_measure_rows(deltas: RollupDeltas) -> list[list[object]]:
    """Return the rows of `measure` in key order: one order in all writers prevents deadlocks."""
    rows: list[list[object]] = []
    for bucket_key in sorted(deltas.measure):
        bucket = deltas.measure[bucket_key]
        last = bucket.last or (None, None, None)
        rows.append(
            [
                *bucket_key,
                bucket.matched,
                bucket.counted,
                bucket.other_unit,
                bucket.no_value,
                bucket.total,
                bucket.low,
                bucket.high,
                *last,
                bucket.reset,
            ]
        )
    return rows


def to_cell_rows(
    cells: dict[tuple[str, str, str, str, int, int], list[int]]
    | dict[tuple[str, str, str, int, int], list[int]],
) -> list[list[object]]:
    """Return the rows of `attention` or `sold` in key order."""
    return [[*cell_key, *sums] for cell_key, sums in sorted(cells.items())]


@contextmanager
def overflow_translated() -> Iterator[None]:
    """Raise BucketFullError instead of the database's error for a sum beyond 64 bits."""
    try:
        yield
    except DBAPIError as error:
        # PostgreSQL raises 22003; SQLite turns the sum into a float, which a STRICT table rejects.
        if getattr(
            error.orig, "sqlstate", None
        ) == OVERFLOW_SQLSTATE or "cannot store REAL value" in str(error.orig):
            raise BucketFullError(OVERFLOW_MESSAGE) from error
        raise


async def apply_deltas(
    connection: AsyncConnection, organization_id: UUID, deltas: RollupDeltas
) -> None:
    """Add deltas to the roll-ups. Raises: BucketFullError when a sum exceeds 64 bits."""
    for table, rows in to_rollup_rows(deltas).items():
        await add_rows(connection, organization_id, table, rows)


def to_rollup_rows(deltas: RollupDeltas) -> dict[str, list[list[object]]]:
    """Return the rows of each roll-up."""
    return {
        "measure": to_measure_rows(deltas),
        "attention": to_cell_rows(deltas.attention),
        "sold": to_cell_rows(deltas.sold),
    }


async def add_rows(
    connection: AsyncConnection, organization_id: UUID, table: str, rows: Sequence[Sequence[object]]
) -> None:
    """Add rows to a roll-up. Raises: BucketFullError when a sum exceeds 64 bits."""
    if not rows:
        return
    check_bounds(rows)
    column_types, merge_clause = ROLLUP_DEFINITIONS[table]
    column_list = ", ".join(column_types)
    selected_columns = ", ".join(f"d.{column_name}" for column_name in column_types)
    upsert = (
        f"insert into {table} as r (organization_id, "  # noqa: S608  # constants
        f"{column_list}) select :organization, {selected_columns} "
        f"from {json_recordset(connection, 'rows', column_types, 'd')} where true "
        f"on conflict (organization_id, {KEY_COLUMNS[table]}) do update set {merge_clause}"
    )
    bound_statement = text(upsert).bindparams(
        bindparam("organization", organization_id, UuidColumn())
    )
    with overflow_translated():
        await connection.execute(bound_statement, {"rows": dumps(rows)})


def check_bounds(rows: Iterable[Iterable[object]]) -> None:
    """Check that every number fits in 64 bits. Raises: BucketFullError."""
    if any(isinstance(value, int) and abs(value) > MAX_INTEGER for row in rows for value in row):
        raise BucketFullError(OVERFLOW_MESSAGE)
