"""Which events would make a sum overflow: asked only after one did, so that the others are recorded at once."""

from collections.abc import Sequence
from json import dumps
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.events.rollups import ATTENTION, BOUND, KEYS, MEASURE, SOLD, Deltas, Prepared
from app.store.sql.column_types import Identity
from app.store.sql.dialect import recordset

Cells = dict[tuple[str, tuple[object, ...]], int]
SUMS = {"measure": ("total", MEASURE), "attention": ("effort", ATTENTION), "sold": ("value", SOLD)}


async def misfits(
    connection: AsyncConnection,
    organization_id: UUID,
    prepared: Sequence[Prepared],
    recorded_day: int,
) -> frozenset[UUID]:
    """Those of the events that, taken in order, would make a sum no longer fit in 64 bits."""
    added = {one.uid: _cells(one, recorded_day) for one in prepared}
    sums: Cells = {}
    for table in SUMS:
        places = sorted(
            {place for cells in added.values() for name, place in cells if name == table}, key=str
        )
        sums |= await _kept(connection, organization_id, table, places)
    refused = set()
    for uid, cells in added.items():
        after = {cell: sums.get(cell, 0) + value for cell, value in cells.items()}
        if all(abs(value) <= BOUND for value in after.values()):
            sums |= after
        else:
            refused.add(uid)
    return frozenset(refused)


def _cells(prepared: Prepared, recorded_day: int) -> Cells:
    """What one event adds to each sum."""
    deltas = Deltas()
    deltas.add(prepared, recorded_day)
    return {
        **{("measure", place): bucket.total for place, bucket in deltas.measure.items()},
        **{("attention", place): effort for place, (_, effort) in deltas.attention.items()},
        **{("sold", place): value for place, (_, value) in deltas.sold.items()},
    }


async def _kept(
    connection: AsyncConnection,
    organization_id: UUID,
    table: str,
    places: Sequence[tuple[object, ...]],
) -> Cells:
    """The sums as they are kept."""
    column, shape = SUMS[table]
    names = KEYS[table].split(", ")
    rows = recordset(connection, "places", {name: shape[name] for name in names}, "d")
    same = " and ".join(f"t.{name} = d.{name}" for name in names)
    statement = text(
        f"select {', '.join(f't.{name}' for name in names)}, t.{column} from {rows} "  # noqa: S608  # constants
        f"join {table} t on t.organization_id = :organization and {same}"
    ).bindparams(bindparam("organization", organization_id, Identity()))
    found = await connection.execute(statement, {"places": dumps(places)})
    return {(table, tuple(row[:-1])): row[-1] for row in found}
