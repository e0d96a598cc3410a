"""The hot path on an embedded database: all statements of a batch by one visit of the driver's thread."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from json import dumps
from typing import NamedTuple
from uuid import UUID

from app.store.events.rollups import KEYS, SHAPES, Deltas, Prepared, check_bounds, rows_of

MOVE = """
update cursor set seq = seq + 1, recorded_us = max(recorded_us, ?1), recorded_day = max(recorded_day, ?2),
  closed_day = iif(recorded_day < ?2, recorded_day, closed_day), closed_seq = iif(recorded_day < ?2, seq, closed_seq)
where organization_id = ?3 and catalogue = ?4 returning seq, recorded_us, recorded_day, closed_day, closed_seq
"""
CLOSE = "insert into closing (organization_id, day, seq) values (?, ?, ?)"
NOTE = "insert into matching (organization_id, id, metrics) values (?, ?, ?) on conflict do nothing"
# A cross join, for SQLite keeps to its order: each name is looked up, and not each event compared with all names.
KNOWN = """
select sent.key from json_each(?2) as sent
cross join event as e on e.organization_id = ?1 and e.source = sent.value->>0 and e.id = sent.value->>1
"""


class Moving(NamedTuple):
    """Whose cursor is moved, to when, and the version of the configuration that it has to be at."""

    organization: str
    now_us: int
    recorded_day: int
    catalogue: int


def write(
    moving: Moving,
    prepared: Sequence[Prepared],
    names: Sequence[str],
    rows: Sequence[Sequence[object]],
    sets: Mapping[str, str],
    connection: sqlite3.Connection,
) -> tuple[int, int, frozenset[UUID]] | None:
    """The version, the instant and the ids of what was recorded. None when the configuration has changed.

    Shape: `rows` are those of `event`, by its columns `names`, in the order of `prepared`.
    Raises: BucketFullError; sqlite3.Error.
    """
    organization = moving.organization
    told = (moving.now_us, moving.recorded_day, organization, moving.catalogue)
    moved = connection.execute(MOVE, told).fetchone()
    if moved is None:
        return None
    seq, recorded_us, recorded_day, closed_day, closed_seq = moved
    if closed_seq == seq - 1:
        connection.execute(CLOSE, (organization, closed_day, closed_seq))
    connection.executemany(NOTE, [(organization, *one) for one in sorted(sets.items())])
    sent = dumps([(p.event.source, p.event.id) for p in prepared])
    known = {place for (place,) in connection.execute(KNOWN, (organization, sent))}
    new = _first_of_each(prepared, known)
    places = ", ".join("?" * (len(names) + 4))
    insert = f"insert into event (organization_id, recorded_us, recorded_day, seq, {', '.join(names)}) values ({places})"  # noqa: S608  # constants
    fixed = (organization, recorded_us, recorded_day, seq)
    connection.executemany(
        insert, [(*fixed, str(prepared[place].uid), *rows[place][1:]) for place in new]
    )
    deltas = Deltas()
    for place in new:
        deltas.add(prepared[place], recorded_day)
    _add(connection, organization, deltas)
    return seq, recorded_us, frozenset(prepared[place].uid for place in new)


def _first_of_each(prepared: Sequence[Prepared], known: Collection[int]) -> list[int]:
    """The places of those that are not known yet; of several of one name the first."""
    found: dict[tuple[str, str], int] = {}
    for place, p in enumerate(prepared):
        if place not in known:
            found.setdefault((p.event.source, p.event.id), place)
    return list(found.values())


def _add(connection: sqlite3.Connection, organization: str, deltas: Deltas) -> None:
    for table, rows in rows_of(deltas).items():
        check_bounds(rows)
        columns, merge = SHAPES[table]
        places = ", ".join("?" * (len(columns) + 1))
        statement = (
            f"insert into {table} as r (organization_id, {', '.join(columns)}) values ({places}) "  # noqa: S608  # names are constants of this package
            f"on conflict (organization_id, {KEYS[table]}) do update set {merge}"
        )
        connection.executemany(statement, [(organization, *row) for row in rows])
