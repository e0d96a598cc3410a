"""The hot path: events and their roll-ups, in one statement on PostgreSQL and in a few of one transaction on SQLite.

No ORM and no objects between the columns and the database, for this is where the speed is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from json import dumps
from operator import attrgetter
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import Event, fingerprint, to_canonical_json
from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Match, Matcher
from app.domain.primitives import epoch
from app.security import identifiers as ids
from app.store.events import ingest_sqlite as embedded_ingest
from app.store.events.ingest_sqlite import VersionBump
from app.store.events.rollups import (
    KEY_COLUMNS,
    MERGE_ATTENTION,
    MERGE_MEASURE,
    MERGE_SOLD,
    overflow_translated,
)
from app.store.sql import column_types as types
from app.store.sql.bulk_parameters import pack_columns, unpack_columns_sql
from app.store.sql.dialect import is_embedded, json_recordset, run_in_driver_thread

EVENT_COLUMN_TYPES: Final = {
    "uid": "uuid",
    "source": "text",
    "id": "text",
    "type": "text",
    "time_us": "bigint",
    "day": "int",
    "team": "text",
    "kind": "text",
    "value": "bigint",
    "unit": "text",
    "effort": "bigint",
    "subject": "text",
    "objective": "text",
    "offerings": "text",
    "data": "text",
    "fingerprint": "text",
    "matching": "text",
}
MATCH_COLUMN_TYPES: Final = {
    "uid": "uuid",
    "metric": "text",
    "counted": "int",
    "other_unit": "int",
    "no_value": "int",
    "value": "bigint",
}
OFFERING_COLUMN_TYPES: Final = {"uid": "uuid", "offering": "text", "value": "bigint"}
MATCHING_COLUMN_TYPES: Final = {"id": "text", "metrics": "text"}


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """What became of a batch, and the instant it is recorded at.

    None when the catalogue had changed and nothing was done: `seq`.
    """

    seq: int | None
    uids: frozenset[UUID]
    recorded_at: datetime


def to_matching_id(matches: Sequence[Match]) -> str:
    """The name of a set of matches; the empty set has the empty name."""
    if not matches:
        return ""
    return sha256(
        to_canonical_json([[match.metric, match.label] for match in matches]).encode()
    ).hexdigest()[:32]


def match_events(
    events: Sequence[Event], matcher: Matcher, now: datetime, time_zone: str
) -> list[MatchedEvent]:
    """The events as they will be recorded, sorted by (source, id): the order is what keeps writers from deadlock."""
    matched_events = []
    zone, match_event, matching_ids = (
        ZoneInfo(time_zone),
        matcher.match,
        dict[tuple[tuple[str, str, str], ...], str](),
    )
    sorted_events = sorted(events, key=attrgetter("source", "id"))
    for event, uid in zip(sorted_events, ids.new_uuid7s(now, len(sorted_events)), strict=True):
        matches = match_event(event)
        match_set = tuple([(metric, state, unit) for metric, state, _, unit in matches])
        if match_set not in matching_ids:
            matching_ids[match_set] = to_matching_id(matches)
        day = epoch.to_day_number(event.time.astimezone(zone))
        data_json = to_canonical_json(event.data) if event.data else None
        event_fingerprint = fingerprint(event, data_json or "{}")
        matched_events.append(
            MatchedEvent(
                event,
                uid,
                epoch.to_microseconds(event.time),
                day,
                matching_ids[match_set],
                matches,
                event_fingerprint,
                data_json,
            )
        )
    return matched_events


def to_event_columns(matched_events: Sequence[MatchedEvent]) -> list[Sequence[object]]:
    """The columns of `event`, as EVENT names them; ids as hex digits."""
    if not matched_events:
        return [[] for _ in EVENT_COLUMN_TYPES]
    events, uids, times, days, matchings, _, fingerprints, data_texts = zip(
        *matched_events, strict=True
    )
    (
        event_ids,
        sources,
        event_types,
        _,
        teams,
        activity_kinds,
        amounts,
        units,
        efforts,
        subjects,
        objectives,
        offering_lists,
        *_,
    ) = zip(*events, strict=True)
    offerings = [
        _to_offerings_json(sold_offerings) if sold_offerings else None
        for sold_offerings in offering_lists
    ]
    event_columns = (
        event_ids,
        event_types,
        times,
        days,
        teams,
        activity_kinds,
        amounts,
        units,
        efforts,
        subjects,
        objectives,
        offerings,
    )
    return [[uid.hex for uid in uids], sources, *event_columns, data_texts, fingerprints, matchings]


def _to_offerings_json(offerings: Sequence[tuple[str, int]]) -> str:
    return to_canonical_json([{"offering": key, "value": value} for key, value in offerings])


async def record_events(  # one batch is all of these
    connection: AsyncConnection,
    organization_id: UUID,
    matched_events: Sequence[MatchedEvent],
    now: datetime,
    recorded_day: int,
    configuration_version: int,
) -> IngestOutcome:
    """Records what is new, with its roll-ups, at the organization's next version.

    Raises: BucketFullError when a sum would no longer fit; then nothing was recorded.
    """
    record_batch = _record_sqlite if is_embedded(connection) else _record_postgresql
    with overflow_translated():
        return await record_batch(
            connection, organization_id, matched_events, now, recorded_day, configuration_version
        )


# Where in the statement's arguments each table's columns begin.
SEPARATOR_POSITION: Final = 5
EVENTS_POSITION: Final = SEPARATOR_POSITION + 1
MATCHES_POSITION: Final = EVENTS_POSITION + len(EVENT_COLUMN_TYPES)
OFFERINGS_POSITION: Final = MATCHES_POSITION + len(MATCH_COLUMN_TYPES)
MATCHINGS_POSITION: Final = OFFERINGS_POSITION + len(OFFERING_COLUMN_TYPES)
LATEST_VALUE_SQL: Final = (
    "(array_agg({0} order by i.time_us desc, i.id desc) filter (where p.counted = 1))[1]"
)
# One statement: the cursor, the events that are new, and what they add. Source: database.md, section 2.
RECORD_STATEMENT: Final = f"""
with cur as (
  update cursor set seq = seq + 1, recorded_us = greatest(recorded_us, $2::bigint),
    recorded_day = greatest(recorded_day, $3::int),
    closed_day = case when recorded_day < $3::int then recorded_day else closed_day end,
    closed_seq = case when recorded_day < $3::int then seq else closed_seq end
  where organization_id = $1::uuid and catalogue = $4::bigint
  returning seq, recorded_us, recorded_day, closed_day, closed_seq),
closes as (
  insert into closing (organization_id, day, seq)
  select $1::uuid, closed_day, closed_seq from cur where closed_seq = seq - 1),
kinds as (
  insert into matching (organization_id, id, metrics)
  select $1::uuid, coalesce(u.id, ''), u.metrics from {unpack_columns_sql(SEPARATOR_POSITION, MATCHINGS_POSITION, MATCHING_COLUMN_TYPES)} as u({", ".join(MATCHING_COLUMN_TYPES)}), cur
  on conflict do nothing),
ins as (
  insert into event (organization_id, {", ".join(EVENT_COLUMN_TYPES)}, recorded_us, recorded_day, seq)
  select $1::uuid, {", ".join(f"u.{name}" for name in EVENT_COLUMN_TYPES if name != "matching")}, coalesce(u.matching, ''),
    cur.recorded_us, cur.recorded_day, cur.seq
  from {unpack_columns_sql(SEPARATOR_POSITION, EVENTS_POSITION, EVENT_COLUMN_TYPES)} as u({", ".join(EVENT_COLUMN_TYPES)}), cur
  on conflict (organization_id, source, id) do nothing
  returning uid, source, id, time_us, day, recorded_day, team, kind, unit, effort, objective, matching),
measured as (
  insert into measure as r (organization_id, metric, source, day, recorded_day, matched, counted, other_unit,
    no_value, total, low, high, last_us, last_id, last_value, reset)
  select $1::uuid, p.metric, i.source, i.day, i.recorded_day, count(*), sum(p.counted), sum(p.other_unit),
    sum(p.no_value), sum(p.value)::bigint,
    min(p.value) filter (where p.counted = 1), max(p.value) filter (where p.counted = 1),
    {LATEST_VALUE_SQL.format("i.time_us")}, {LATEST_VALUE_SQL.format("i.id")}, {LATEST_VALUE_SQL.format("p.value")}, 0
  from ins i join {unpack_columns_sql(SEPARATOR_POSITION, MATCHES_POSITION, MATCH_COLUMN_TYPES)} as p({", ".join(MATCH_COLUMN_TYPES)}) on p.uid = i.uid
  group by p.metric, i.source, i.day, i.recorded_day order by p.metric, i.source, i.day, i.recorded_day
  on conflict (organization_id, {KEY_COLUMNS["measure"]}) do update set {MERGE_MEASURE}),
attended as (
  insert into attention as r (organization_id, team, kind, matching, objective, day, recorded_day, events, effort)
  select $1::uuid, team, kind, matching, coalesce(objective, ''), day, recorded_day, count(*),
    sum(coalesce(effort, 10000))::bigint
  from ins group by 2, 3, 4, 5, 6, 7 order by 2, 3, 4, 5, 6, 7
  on conflict (organization_id, {KEY_COLUMNS["attention"]}) do update set {MERGE_ATTENTION}),
vended as (
  insert into sold as r (organization_id, offering, team, unit, day, recorded_day, items, value)
  select $1::uuid, s.offering, i.team, coalesce(i.unit, ''), i.day, i.recorded_day, count(*), sum(s.value)::bigint
  from ins i join {unpack_columns_sql(SEPARATOR_POSITION, OFFERINGS_POSITION, OFFERING_COLUMN_TYPES)} as s({", ".join(OFFERING_COLUMN_TYPES)}) on s.uid = i.uid
  group by 2, 3, 4, 5, 6 order by 2, 3, 4, 5, 6
  on conflict (organization_id, {KEY_COLUMNS["sold"]}) do update set {MERGE_SOLD})
select (select seq from cur), (select recorded_us from cur), array(select uid from ins)
"""  # noqa: S608  # every name in it is a constant of this package


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


def _transpose(rows: Sequence[tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _to_match_sets(matched_events: Sequence[MatchedEvent]) -> dict[str, str]:
    matches_by_name = {matched.matching: matched.matches for matched in matched_events}
    return {
        name: to_canonical_json([[match.metric, match.label] for match in matches])
        for name, matches in matches_by_name.items()
    }


async def _record_postgresql(  # as `record`
    connection: AsyncConnection,
    organization_id: UUID,
    matched_events: Sequence[MatchedEvent],
    now: datetime,
    recorded_day: int,
    configuration_version: int,
) -> IngestOutcome:
    offering_rows = [
        (matched.uid.hex, offering, value)
        for matched in matched_events
        for offering, value in matched.event.offerings
    ]
    parameter_columns = (
        *to_event_columns(matched_events),
        *_transpose(_to_match_rows(matched_events), len(MATCH_COLUMN_TYPES)),
        *_transpose(offering_rows, len(OFFERING_COLUMN_TYPES)),
        *_transpose(sorted(_to_match_sets(matched_events).items()), len(MATCHING_COLUMN_TYPES)),
    )
    arguments = (
        organization_id,
        epoch.to_microseconds(now),
        recorded_day,
        configuration_version,
        *pack_columns(parameter_columns),
    )
    row = (await connection.exec_driver_sql(RECORD_STATEMENT, arguments)).one()
    seq, recorded_us, uids = tuple(row)
    return IngestOutcome(
        seq, frozenset(uids), now if recorded_us is None else epoch.from_microseconds(recorded_us)
    )


async def _record_sqlite(  # as `record`
    connection: AsyncConnection,
    organization_id: UUID,
    matched_events: Sequence[MatchedEvent],
    now: datetime,
    recorded_day: int,
    configuration_version: int,
) -> IngestOutcome:
    bump = VersionBump(
        str(organization_id), epoch.to_microseconds(now), recorded_day, configuration_version
    )
    event_rows = list(zip(*to_event_columns(matched_events), strict=True))
    outcome = await run_in_driver_thread(
        connection,
        partial(
            embedded_ingest.write_batch,
            bump,
            matched_events,
            tuple(EVENT_COLUMN_TYPES),
            event_rows,
            _to_match_sets(matched_events),
        ),
    )
    return (
        IngestOutcome(None, frozenset(), now)
        if outcome is None
        else IngestOutcome(outcome[0], outcome[2], epoch.from_microseconds(outcome[1]))
    )


async def save_match_sets(
    connection: AsyncConnection, organization_id: UUID, match_sets: dict[str, str]
) -> None:
    """The sets of matches are known by their names."""
    if not match_sets:
        return
    from_clause = json_recordset(connection, "rows", {"id": "text", "metrics": "text"}, "d")
    statement = text(
        f"insert into matching (organization_id, id, metrics) select :organization, d.id, d.metrics from {from_clause} "  # constants  # noqa: S608  # constants
        "where true on conflict do nothing"
    ).bindparams(bindparam("organization", organization_id, types.UuidColumn()))
    await connection.execute(statement, {"rows": dumps(sorted(match_sets.items()))})
