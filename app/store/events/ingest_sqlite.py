"""Recording of events on SQLite: all statements of a batch in one call on the driver's thread.

`ingest_postgresql` does the same in one statement. Both must store the same rows.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from json import dumps

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.domain.primitives import epoch
from app.store.events.event_columns import EVENT_COLUMN_TYPES, to_event_columns, to_match_sets
from app.store.events.ingest_batch import IngestBatch, IngestOutcome
from app.store.events.rollups import (
    KEY_COLUMNS,
    ROLLUP_DEFINITIONS,
    RollupDeltas,
    check_bounds,
    to_rollup_rows,
)
from app.store.sql.dialect import run_in_driver_thread

# No row is returned when the configuration has another version: then nothing is recorded.
# `closed_day` and `closed_seq` change with the first write of a day: they hold the day before it
# and the last version of that day.
BUMP_VERSION = """
update cursor set seq = seq + 1, recorded_us = max(recorded_us, ?1),
  recorded_day = max(recorded_day, ?2),
  closed_day = iif(recorded_day < ?2, recorded_day, closed_day),
  closed_seq = iif(recorded_day < ?2, seq, closed_seq)
where organization_id = ?3 and catalogue = ?4
returning seq, recorded_us, recorded_day, closed_day, closed_seq
"""
INSERT_CLOSING = "insert into closing (organization_id, day, seq) values (?, ?, ?)"
INSERT_MATCHING = (
    "insert into matching (organization_id, id, metrics) values (?, ?, ?) on conflict do nothing"
)
# SQLite keeps the order of a cross join: it looks up each key instead of comparing each event
# with all keys.
SELECT_RECORDED = """
select sent.key from json_each(?2) as sent
cross join event as e
  on e.organization_id = ?1 and e.source = sent.value->>0 and e.id = sent.value->>1
"""


async def record_batch(connection: AsyncConnection, batch: IngestBatch) -> IngestOutcome:
    """Record the events of a batch that are new, and add them to the roll-ups."""
    event_rows = list(zip(*to_event_columns(batch.matched_events), strict=True))
    match_sets = to_match_sets(batch.matched_events)
    return await run_in_driver_thread(
        connection, partial(_write_batch, batch, event_rows, match_sets)
    )


def _write_batch(
    batch: IngestBatch,
    event_rows: Sequence[Sequence[object]],
    match_sets: Mapping[str, str],
    connection: sqlite3.Connection,
) -> IngestOutcome:
    """Write a batch by the driver's connection.

    The event rows are in the order of the batch, their columns in that of EVENT_COLUMN_TYPES.
    Raises: BucketFullError when a sum does not fit in one row; sqlite3.Error.
    """
    # run_in_driver_thread turns a sqlite3.Error into a DBAPIError, as SQLAlchemy does. So
    # overflow_translated recognizes a sum that overflows in the database.
    organization_id = str(batch.organization_id)
    now_us = epoch.to_microseconds(batch.now)
    bump_parameters = (now_us, batch.recorded_day, organization_id, batch.configuration_version)
    cursor_row = connection.execute(BUMP_VERSION, bump_parameters).fetchone()
    if cursor_row is None:
        return IngestOutcome(None, frozenset(), batch.now)
    seq, recorded_us, recorded_day, closed_day, closed_seq = cursor_row
    if closed_seq == seq - 1:  # this is the first write of its day
        connection.execute(INSERT_CLOSING, (organization_id, closed_day, closed_seq))
    connection.executemany(
        INSERT_MATCHING, [(organization_id, *match_set) for match_set in sorted(match_sets.items())]
    )
    new_indexes = _first_new_indexes(
        batch.matched_events, _find_recorded_indexes(connection, organization_id, batch)
    )
    column_names = ("organization_id", "recorded_us", "recorded_day", "seq", *EVENT_COLUMN_TYPES)
    placeholders = ", ".join("?" * len(column_names))
    insertion = f"insert into event ({', '.join(column_names)}) values ({placeholders})"  # noqa: S608  # constants
    shared_columns = (organization_id, recorded_us, recorded_day, seq)
    connection.executemany(
        insertion,
        [
            # EVENT_COLUMN_TYPES begins with `uid`: SQLite stores it with hyphens.
            (*shared_columns, str(batch.matched_events[index].uid), *event_rows[index][1:])
            for index in new_indexes
        ],
    )
    deltas = RollupDeltas()
    for index in new_indexes:
        deltas.add_event(batch.matched_events[index], recorded_day)
    _add_to_rollups(connection, organization_id, deltas)
    new_uids = frozenset(batch.matched_events[index].uid for index in new_indexes)
    return IngestOutcome(seq, new_uids, epoch.from_microseconds(recorded_us))


def _find_recorded_indexes(
    connection: sqlite3.Connection, organization_id: str, batch: IngestBatch
) -> set[int]:
    event_keys_json = dumps(
        [(matched.event.source, matched.event.id) for matched in batch.matched_events]
    )
    rows = connection.execute(SELECT_RECORDED, (organization_id, event_keys_json))
    return {index for (index,) in rows}


def _first_new_indexes(
    matched_events: Sequence[MatchedEvent], recorded_indexes: Collection[int]
) -> list[int]:
    """Return the indexes of the new events; of several with the same key, the first."""
    first_indexes: dict[tuple[str, str], int] = {}
    for index, matched in enumerate(matched_events):
        if index not in recorded_indexes:
            first_indexes.setdefault((matched.event.source, matched.event.id), index)
    return list(first_indexes.values())


def _add_to_rollups(
    connection: sqlite3.Connection, organization_id: str, deltas: RollupDeltas
) -> None:
    for table, rows in to_rollup_rows(deltas).items():
        check_bounds(rows)
        columns, merge = ROLLUP_DEFINITIONS[table]
        placeholders = ", ".join("?" * (len(columns) + 1))
        upsert = (
            f"insert into {table} as r (organization_id, "  # noqa: S608  # constants
            f"{', '.join(columns)}) values ({placeholders}) "
            f"on conflict (organization_id, {KEY_COLUMNS[table]}) do update set {merge}"
        )
        connection.executemany(upsert, [(organization_id, *row) for row in rows])
