"""The hot path on an embedded database: all statements of a batch by one visit of the driver's thread."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from json import dumps
from typing import NamedTuple
from uuid import UUID

from app.domain.events.matched_event import MatchedEvent
from app.store.events.rollups import (
    KEY_COLUMNS,
    ROLLUP_DEFINITIONS,
    RollupDeltas,
    check_bounds,
    to_rollup_rows,
)

BUMP_VERSION = """
update cursor set seq = seq + 1, recorded_us = max(recorded_us, ?1), recorded_day = max(recorded_day, ?2),
  closed_day = iif(recorded_day < ?2, recorded_day, closed_day), closed_seq = iif(recorded_day < ?2, seq, closed_seq)
where organization_id = ?3 and catalogue = ?4 returning seq, recorded_us, recorded_day, closed_day, closed_seq
"""
INSERT_CLOSING = "insert into closing (organization_id, day, seq) values (?, ?, ?)"
INSERT_MATCHING = (
    "insert into matching (organization_id, id, metrics) values (?, ?, ?) on conflict do nothing"
)
# A cross join, for SQLite keeps to its order: each name is looked up, and not each event compared with all names.
SELECT_RECORDED = """
select sent.key from json_each(?2) as sent
cross join event as e on e.organization_id = ?1 and e.source = sent.value->>0 and e.id = sent.value->>1
"""


class VersionBump(NamedTuple):
    """Whose cursor is moved, to when, and the version of the configuration that it has to be at."""

    organization_id: str
    now_us: int
    recorded_day: int
    configuration_version: int


def write_batch(
    bump: VersionBump,
    matched_events: Sequence[MatchedEvent],
    column_names: Sequence[str],
    rows: Sequence[Sequence[object]],
    match_sets: Mapping[str, str],
    connection: sqlite3.Connection,
) -> tuple[int, int, frozenset[UUID]] | None:
    """The version, the instant and the ids of what was recorded. None when the configuration has changed.

    Shape: `rows` are those of `event`, by its columns `names`, in the order of `prepared`.
    Raises: BucketFullError; sqlite3.Error.
    """
    organization_id = bump.organization_id
    bump_parameters = (bump.now_us, bump.recorded_day, organization_id, bump.configuration_version)
    cursor_row = connection.execute(BUMP_VERSION, bump_parameters).fetchone()
    if cursor_row is None:
        return None
    seq, recorded_us, recorded_day, closed_day, closed_seq = cursor_row
    if closed_seq == seq - 1:
        connection.execute(INSERT_CLOSING, (organization_id, closed_day, closed_seq))
    connection.executemany(
        INSERT_MATCHING, [(organization_id, *match_set) for match_set in sorted(match_sets.items())]
    )
    event_keys_json = dumps(
        [(matched.event.source, matched.event.id) for matched in matched_events]
    )
    recorded_indexes = {
        index
        for (index,) in connection.execute(SELECT_RECORDED, (organization_id, event_keys_json))
    }
    new_indexes = _first_new_indexes(matched_events, recorded_indexes)
    placeholders = ", ".join("?" * (len(column_names) + 4))
    insertion = f"insert into event (organization_id, recorded_us, recorded_day, seq, {', '.join(column_names)}) values ({placeholders})"  # constants  # noqa: S608  # constants
    shared_columns = (organization_id, recorded_us, recorded_day, seq)
    connection.executemany(
        insertion,
        [
            (*shared_columns, str(matched_events[index].uid), *rows[index][1:])
            for index in new_indexes
        ],
    )
    deltas = RollupDeltas()
    for index in new_indexes:
        deltas.add_event(matched_events[index], recorded_day)
    _add_to_rollups(connection, organization_id, deltas)
    return seq, recorded_us, frozenset(matched_events[index].uid for index in new_indexes)


def _first_new_indexes(
    matched_events: Sequence[MatchedEvent], recorded_indexes: Collection[int]
) -> list[int]:
    """The places of those that are not known yet; of several of one name the first."""
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
        statement = (
            f"insert into {table} as r (organization_id, {', '.join(columns)}) values ({placeholders}) "  # names are constants of this package  # noqa: S608  # names are constants of this package
            f"on conflict (organization_id, {KEY_COLUMNS[table]}) do update set {merge}"
        )
        connection.executemany(statement, [(organization_id, *row) for row in rows])
