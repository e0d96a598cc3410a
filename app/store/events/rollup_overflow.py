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
    cells_by_event = {
        matched.uid: _to_additions(matched, recorded_day) for matched in matched_events
    }
    sums: SumsByRow = {}
    for table in SUM_COLUMNS:
        keys = sorted(
            {
                key
                for cells in cells_by_event.values()
                for cell_table, key in cells
                if cell_table == table
            },
            key=str,
        )
        sums |= await _load_sums(connection, organization_id, table, keys)
    overflowing = set()
    for uid, cells in cells_by_event.items():
        new_sums = {cell: sums.get(cell, 0) + addition for cell, addition in cells.items()}
        if all(abs(addition) <= MAX_INTEGER for addition in new_sums.values()):
            sums |= new_sums
        else:
            overflowing.add(uid)
    return frozenset(overflowing)


def _to_additions(matched_event: MatchedEvent, recorded_day: int) -> SumsByRow:
    """Return the additions of an event to each sum."""
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
        connection, "keys", {name: column_types[name] for name in key_columns}, "d"
    )
    join_condition = " and ".join(f"t.{name} = d.{name}" for name in key_columns)
    statement = text(
        f"select {', '.join(f't.{name}' for name in key_columns)}, "  # noqa: S608  # constants
        f"t.{column} from {from_clause} join {table} t on t.organization_id = :organization "
        f"and {join_condition}"
    ).bindparams(bindparam("organization", organization_id, UuidColumn()))
    sum_rows = await connection.execute(statement, {"keys": dumps(keys)})
    return {(table, tuple(row[:-1])): row[-1] for row in sum_rows}
