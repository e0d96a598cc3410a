"""Finds the events that would make a sum overflow.

The search runs only after an overflow, so that other batches do not pay for it.
"""

from collections.abc import Sequence
from json import dumps
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.store.events.rollups import (
    ATTENTION_COLUMN_TYPES,
    KEY_COLUMNS,
    MAX_INTEGER,
    MEASURE_COLUMN_TYPES,
    SOLD_COLUMN_TYPES,
    RollupDeltas,
)
from app.store.sql.column_types import UuidColumn
from app.store.sql.dialect import json_recordset

# The sum of each row, by (roll-up, key of the row). Counts of events cannot overflow.
SumsByRow = dict[tuple[str, tuple[object, ...]], int]
SUM_COLUMNS = {
    "measure": ("total", MEASURE_COLUMN_TYPES),
    "attention": ("effort", ATTENTION_COLUMN_TYPES),
    "sold": ("value", SOLD_COLUMN_TYPES),
}


async def find_overflowing_events(
    connection: AsyncConnection,
    organization_id: UUID,
    matched_events: Sequence[MatchedEvent],
    recorded_day: int,
) -> frozenset[UUID]:
    """Return the events that, added in order, would make a sum exceed 64 bits."""
    additions_by_event = {
        matched.uid: _to_additions(matched, recorded_day) for matched in matched_events
    }
    sums: SumsByRow = {}
    for table in SUM_COLUMNS:
        keys = sorted(
            {
                cell_key
                for additions in additions_by_event.values()
                for row_table, cell_key in additions
                if row_table == table
            },
            key=str,
        )
        sums |= await _load_sums(connection, organization_id, table, keys)
    overflowing = set()
    for uid, additions in additions_by_event.items():
        new_sums = {
            row_key: sums.get(row_key, 0) + addition for row_key, addition in additions.items()
        }
        if all(abs(new_sum) <= MAX_INTEGER for new_sum in new_sums.values()):
            sums |= new_sums
        else:
            overflowing.add(uid)
    return frozenset(overflowing)


def _to_additions(matched_event: MatchedEvent, recorded_day: int) -> SumsByRow:
    """Return what an event adds to each sum."""
    deltas = RollupDeltas()
    deltas.add_event(matched_event, recorded_day)
    return {
        **{("measure", key): bucket.total for key, bucket in deltas.measure.items()},
        **{("attention", key): effort for key, (_, effort) in deltas.attention.items()},
        **{("sold", key): value for key, (_, value) in deltas.sold.items()},
    }


async def _load_sums(
    connection: AsyncConnection,
    organization_id: UUID,
    table: str,
    keys: Sequence[tuple[object, ...]],
) -> SumsByRow:
    column, column_types = SUM_COLUMNS[table]
    key_columns = KEY_COLUMNS[table].split(", ")
    from_clause = json_recordset(
        connection,
        "keys",
        {key_column: column_types[key_column] for key_column in key_columns},
        "d",
    )
    join_condition = " and ".join(f"t.{key_column} = d.{key_column}" for key_column in key_columns)
    sums_query = text(
        f"select {', '.join(f't.{key_column}' for key_column in key_columns)}, "  # noqa: S608  # constants
        f"t.{column} from {from_clause} join {table} t on t.organization_id = :organization "
        f"and {join_condition}"
    ).bindparams(bindparam("organization", organization_id, UuidColumn()))
    sum_rows = await connection.execute(sums_query, {"keys": dumps(keys)})
    return {(table, tuple(row[:-1])): row[-1] for row in sum_rows}
