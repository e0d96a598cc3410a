"""Recording of events on PostgreSQL, in one statement.

`ingest_sqlite` does the same in several statements. Both must store the same rows.

Each column is one text parameter. asyncpg checks for each element of an array whether it is an
array itself, which takes longer than all its other work.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.domain.primitives import epoch
from app.domain.primitives.decimals import FIXED_SCALE
from app.security import identifiers
from app.store.events.event_columns import EVENT_COLUMN_TYPES, to_event_columns, to_match_sets
from app.store.events.ingest_batch import IngestBatch, IngestOutcome
from app.store.events.rollups import KEY_COLUMNS, MERGE_ATTENTION, MERGE_MEASURE, MERGE_SOLD

DEFAULT_SEPARATOR: Final = "\x1f"
# One row for each match of an event. `counted`, `other_unit` and `no_value` are 0 or 1.
MATCH_COLUMN_TYPES: Final = {
    "uid": "uuid",
    "metric": "text",
    "counted": "int",
    "other_unit": "int",
    "no_value": "int",
    "value": "bigint",
}
OFFERING_COLUMN_TYPES: Final = {"uid": "uuid", "offering": "text", "value": "bigint"}
MATCH_SET_COLUMN_TYPES: Final = {"id": "text", "metrics": "text"}


def pack_columns(
    columns: Sequence[Sequence[object]], separator: str = DEFAULT_SEPARATOR
) -> list[str]:
    """Return a separator, then the values of each column joined by it.

    A packed text has no NULL: None and '' both become an empty value, and the database reads every
    empty value as NULL. This loses nothing. The columns that may hold '' are ids of match sets,
    which are never NULL: the statement turns their NULL back into ''. No other text is ever empty:
    the API and the mappings of sources reject empty units, subjects and keys. So both databases
    store the same.
    """
    texts = [
        separator.join(
            [
                value if type(value) is str else "" if value is None else str(value)
                for value in column
            ]
        )
        for column in columns
    ]
    if all(
        text.count(separator) == max(0, len(column) - 1)
        for text, column in zip(texts, columns, strict=True)
    ):
        return [separator, *texts]
    # A value contains the separator: try again with a random one.
    return pack_columns(
        columns, f"{DEFAULT_SEPARATOR}{identifiers.random_bytes(16).hex()}{DEFAULT_SEPARATOR}"
    )


def unpack_columns_sql(
    separator_position: int, first_position: int, column_types: Mapping[str, str]
) -> str:
    """Return the FROM item that unpacks columns which begin at `first_position`.

    The '' in it makes string_to_array read an empty value as NULL.
    """
    columns = [
        f"string_to_array(${first_position + offset}::text, ${separator_position}::text, '')"
        + ("" if column_type == "text" else f"::{column_type}[]")
        for offset, column_type in enumerate(column_types.values())
    ]
    return f"unnest({', '.join(columns)})"


def _packed_rows_sql(first_position: int, column_types: Mapping[str, str], alias: str) -> str:
    unpacked = unpack_columns_sql(SEPARATOR_POSITION, first_position, column_types)
    return f"{unpacked} as {alias}({', '.join(column_types)})"


# Positions in the statement's arguments: the separator, and the first column of each table.
SEPARATOR_POSITION: Final = 5
EVENTS_POSITION: Final = SEPARATOR_POSITION + 1
MATCHES_POSITION: Final = EVENTS_POSITION + len(EVENT_COLUMN_TYPES)
OFFERINGS_POSITION: Final = MATCHES_POSITION + len(MATCH_COLUMN_TYPES)
MATCH_SETS_POSITION: Final = OFFERINGS_POSITION + len(OFFERING_COLUMN_TYPES)
# The effort of an event without one, as in Event.weight: 1, in ten-thousandths.
DEFAULT_EFFORT: Final = FIXED_SCALE
# `matching` is the only column of `event` that may hold ''; it was unpacked as NULL.
EVENT_VALUES_SQL: Final = ", ".join(
    "coalesce(u.matching, '')" if name == "matching" else f"u.{name}" for name in EVENT_COLUMN_TYPES
)
# The time, id or value of the latest match that counts; of several at one time, the greatest id.
LATEST_VALUE_SQL: Final = (
    "(array_agg({0} order by i.time_us desc, i.id desc) filter (where p.counted = 1))[1]"
)
# One statement advances the version, inserts the new events and adds them to the roll-ups.
# The roll-ups insert their rows in key order: one order in all writers prevents deadlocks.
RECORD_STATEMENT: Final = f"""
-- Locks the row of the organization. No row when the configuration has another version: then all
-- following parts are empty. A later day closes the one before it, at its last version.
with next_version as (
  update cursor set seq = seq + 1, recorded_us = greatest(recorded_us, $2::bigint),
    recorded_day = greatest(recorded_day, $3::int),
    closed_day = case when recorded_day < $3::int then recorded_day else closed_day end,
    closed_seq = case when recorded_day < $3::int then seq else closed_seq end
  where organization_id = $1::uuid and catalogue = $4::bigint
  returning seq, recorded_us, recorded_day, closed_day, closed_seq),
-- The first write of a day stores the version at the end of the day that it closed.
closed_day_row as (
  insert into closing (organization_id, day, seq)
  select $1::uuid, closed_day, closed_seq from next_version where closed_seq = seq - 1),
-- The match sets of the batch that are not stored yet.
new_match_sets as (
  insert into matching (organization_id, id, metrics)
  select $1::uuid, coalesce(u.id, ''), u.metrics
  from {_packed_rows_sql(MATCH_SETS_POSITION, MATCH_SET_COLUMN_TYPES, "u")}, next_version
  on conflict do nothing),
-- The events of the batch that are not recorded yet. The roll-ups below add only these.
new_events as (
  insert into event
    (organization_id, {", ".join(EVENT_COLUMN_TYPES)}, recorded_us, recorded_day, seq)
  select $1::uuid, {EVENT_VALUES_SQL},
    v.recorded_us, v.recorded_day, v.seq
  from {_packed_rows_sql(EVENTS_POSITION, EVENT_COLUMN_TYPES, "u")}, next_version v
  on conflict (organization_id, source, id) do nothing
  returning uid, source, id, time_us, day, recorded_day, team, kind, unit, effort, objective,
    matching),
-- One row for each (metric, source, day). Only a match that counts has a value, all others have 0:
-- the sum needs no filter. The extremes need one, for 0 may be the lowest value.
measure_rows as (
  insert into measure as r (organization_id, metric, source, day, recorded_day, matched, counted,
    other_unit, no_value, total, low, high, last_us, last_id, last_value, reset)
  select $1::uuid, p.metric, i.source, i.day, i.recorded_day, count(*), sum(p.counted),
    sum(p.other_unit), sum(p.no_value), sum(p.value)::bigint,
    min(p.value) filter (where p.counted = 1), max(p.value) filter (where p.counted = 1),
    {LATEST_VALUE_SQL.format("i.time_us")}, {LATEST_VALUE_SQL.format("i.id")},
    {LATEST_VALUE_SQL.format("p.value")}, 0
  from new_events i
    join {_packed_rows_sql(MATCHES_POSITION, MATCH_COLUMN_TYPES, "p")} on p.uid = i.uid
  group by p.metric, i.source, i.day, i.recorded_day
  order by p.metric, i.source, i.day, i.recorded_day
  on conflict (organization_id, {KEY_COLUMNS["measure"]}) do update set {MERGE_MEASURE}),
-- One row for each (team, kind, match set, objective, day). An event without effort weighs 1.
attention_rows as (
  insert into attention as r
    (organization_id, team, kind, matching, objective, day, recorded_day, events, effort)
  select $1::uuid, team, kind, matching, coalesce(objective, ''), day, recorded_day, count(*),
    sum(coalesce(effort, {DEFAULT_EFFORT}))::bigint
  from new_events group by 2, 3, 4, 5, 6, 7 order by 2, 3, 4, 5, 6, 7
  on conflict (organization_id, {KEY_COLUMNS["attention"]}) do update set {MERGE_ATTENTION}),
-- One row for each (offering, team, unit, day).
sold_rows as (
  insert into sold as r (organization_id, offering, team, unit, day, recorded_day, items, value)
  select $1::uuid, s.offering, i.team, coalesce(i.unit, ''), i.day, i.recorded_day, count(*),
    sum(s.value)::bigint
  from new_events i
    join {_packed_rows_sql(OFFERINGS_POSITION, OFFERING_COLUMN_TYPES, "s")} on s.uid = i.uid
  group by 2, 3, 4, 5, 6 order by 2, 3, 4, 5, 6
  on conflict (organization_id, {KEY_COLUMNS["sold"]}) do update set {MERGE_SOLD})
select (select seq from next_version), (select recorded_us from next_version),
  array(select uid from new_events)
"""  # noqa: S608  # every name in it is a constant of this package


async def record_batch(connection: AsyncConnection, batch: IngestBatch) -> IngestOutcome:
    """Record the events of a batch that are new, and add them to the roll-ups."""
    matched_events = batch.matched_events
    match_sets = sorted(to_match_sets(matched_events).items())
    parameter_columns = (
        *to_event_columns(matched_events),
        *_transpose(_to_match_rows(matched_events), len(MATCH_COLUMN_TYPES)),
        *_transpose(_to_offering_rows(matched_events), len(OFFERING_COLUMN_TYPES)),
        *_transpose(match_sets, len(MATCH_SET_COLUMN_TYPES)),
    )
    arguments = (
        batch.organization_id,
        epoch.to_microseconds(batch.now),
        batch.recorded_day,
        batch.configuration_version,
        *pack_columns(parameter_columns),
    )
    row = (await connection.exec_driver_sql(RECORD_STATEMENT, arguments)).one()
    seq, recorded_us, uids = tuple(row)
    recorded_at = batch.now if recorded_us is None else epoch.from_microseconds(recorded_us)
    return IngestOutcome(seq, frozenset(uids), recorded_at)


def _to_match_rows(matched_events: Sequence[MatchedEvent]) -> list[tuple[object, ...]]:
    return [
        (
            uid,
            metric,
            int(state == "counts"),
            int(state == "other_unit"),
            int(state == "no_value"),
            value,
        )
        for uid, matches in [(matched.uid.hex, matched.matches) for matched in matched_events]
        for metric, state, value, _ in matches
    ]


def _to_offering_rows(matched_events: Sequence[MatchedEvent]) -> list[tuple[object, ...]]:
    return [
        (matched.uid.hex, offering, value)
        for matched in matched_events
        for offering, value in matched.event.offerings
    ]


def _transpose(rows: Sequence[tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width
