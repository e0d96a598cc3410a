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

from app.domain.events.events import Event, canonical, fingerprint
from app.domain.events.metrics import Match, Matcher
from app.security import identifiers as ids
from app.store.events import ingest_sqlite as embedded_ingest
from app.store.events.ingest_sqlite import Moving
from app.store.events.rollups import (
    KEYS,
    MERGE_ATTENTION,
    MERGE_MEASURE,
    MERGE_SOLD,
    Prepared,
    fitting,
)
from app.store.sql import column_types as types
from app.store.sql.bulk_parameters import packed, unnest
from app.store.sql.dialect import at_once, embedded, recordset

EVENT: Final = {
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
PAIR: Final = {
    "uid": "uuid",
    "metric": "text",
    "counted": "int",
    "other_unit": "int",
    "no_value": "int",
    "value": "bigint",
}
ITEM: Final = {"uid": "uuid", "offering": "text", "value": "bigint"}
SET: Final = {"id": "text", "metrics": "text"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch, and the instant it is recorded at.

    None when the catalogue had changed and nothing was done: `seq`.
    """

    seq: int | None
    uids: frozenset[UUID]
    at: datetime


def matching_id(matches: Sequence[Match]) -> str:
    """The name of a set of matches; the empty set has the empty name."""
    if not matches:
        return ""
    return sha256(canonical([[m.metric, m.label] for m in matches]).encode()).hexdigest()[:32]


def prepare(
    events: Sequence[Event], matcher: Matcher, now: datetime, time_zone: str
) -> list[Prepared]:
    """The events as they will be recorded, sorted by (source, id): the order is what keeps writers from deadlock."""
    prepared = []
    zone, match, names = (
        ZoneInfo(time_zone),
        matcher.match,
        dict[tuple[tuple[str, str, str], ...], str](),
    )
    in_order = sorted(events, key=attrgetter("source", "id"))
    for event, uid in zip(in_order, ids.uuid7s(now, len(in_order)), strict=True):
        matches = match(event)
        kinds = tuple([(metric, state, unit) for metric, state, _, unit in matches])
        if kinds not in names:
            names[kinds] = matching_id(matches)
        day = types.day_number(event.time.astimezone(zone))
        data = canonical(event.data) if event.data else None
        content = fingerprint(event, data or "{}")
        prepared.append(
            Prepared(
                event, uid, types.micros(event.time), day, names[kinds], matches, content, data
            )
        )
    return prepared


def columns(prepared: Sequence[Prepared]) -> list[Sequence[object]]:
    """The columns of `event`, as EVENT names them; ids as hex digits."""
    if not prepared:
        return [[] for _ in EVENT]
    events, uids, times, days, matchings, _, fingerprints, data = zip(*prepared, strict=True)
    (
        named,
        sources,
        kinds,
        _,
        teams,
        sorts,
        values,
        units,
        efforts,
        subjects,
        objectives,
        offered,
        *_,
    ) = zip(*events, strict=True)
    offerings = [_sold(offered_here) if offered_here else None for offered_here in offered]
    told = (
        named,
        kinds,
        times,
        days,
        teams,
        sorts,
        values,
        units,
        efforts,
        subjects,
        objectives,
        offerings,
    )
    return [[uid.hex for uid in uids], sources, *told, data, fingerprints, matchings]


def _sold(offerings: Sequence[tuple[str, int]]) -> str:
    return canonical([{"offering": key, "value": value} for key, value in offerings])


async def record(  # one batch is all of these
    connection: AsyncConnection,
    organization_id: UUID,
    prepared: Sequence[Prepared],
    now: datetime,
    recorded_day: int,
    catalogue: int,
) -> Recorded:
    """Records what is new, with its roll-ups, at the organization's next version.

    Raises: BucketFullError when a sum would no longer fit; then nothing was recorded.
    """
    perform = _record_embedded if embedded(connection) else _record_server
    with fitting():
        return await perform(connection, organization_id, prepared, now, recorded_day, catalogue)


# Where in the statement's arguments each table's columns begin.
SEPARATOR_AT: Final = 5
EVENTS_AT: Final = SEPARATOR_AT + 1
PAIRS_AT: Final = EVENTS_AT + len(EVENT)
ITEMS_AT: Final = PAIRS_AT + len(PAIR)
SETS_AT: Final = ITEMS_AT + len(ITEM)
LAST: Final = "(array_agg({0} order by i.time_us desc, i.id desc) filter (where p.counted = 1))[1]"
# One statement: the cursor, the events that are new, and what they add. Source: database.md, section 2.
RECORD: Final = f"""
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
  select $1::uuid, coalesce(u.id, ''), u.metrics from {unnest(SEPARATOR_AT, SETS_AT, SET)} as u({", ".join(SET)}), cur
  on conflict do nothing),
ins as (
  insert into event (organization_id, {", ".join(EVENT)}, recorded_us, recorded_day, seq)
  select $1::uuid, {", ".join(f"u.{name}" for name in EVENT if name != "matching")}, coalesce(u.matching, ''),
    cur.recorded_us, cur.recorded_day, cur.seq
  from {unnest(SEPARATOR_AT, EVENTS_AT, EVENT)} as u({", ".join(EVENT)}), cur
  on conflict (organization_id, source, id) do nothing
  returning uid, source, id, time_us, day, recorded_day, team, kind, unit, effort, objective, matching),
measured as (
  insert into measure as r (organization_id, metric, source, day, recorded_day, matched, counted, other_unit,
    no_value, total, low, high, last_us, last_id, last_value, reset)
  select $1::uuid, p.metric, i.source, i.day, i.recorded_day, count(*), sum(p.counted), sum(p.other_unit),
    sum(p.no_value), sum(p.value)::bigint,
    min(p.value) filter (where p.counted = 1), max(p.value) filter (where p.counted = 1),
    {LAST.format("i.time_us")}, {LAST.format("i.id")}, {LAST.format("p.value")}, 0
  from ins i join {unnest(SEPARATOR_AT, PAIRS_AT, PAIR)} as p({", ".join(PAIR)}) on p.uid = i.uid
  group by p.metric, i.source, i.day, i.recorded_day order by p.metric, i.source, i.day, i.recorded_day
  on conflict (organization_id, {KEYS["measure"]}) do update set {MERGE_MEASURE}),
attended as (
  insert into attention as r (organization_id, team, kind, matching, objective, day, recorded_day, events, effort)
  select $1::uuid, team, kind, matching, coalesce(objective, ''), day, recorded_day, count(*),
    sum(coalesce(effort, 10000))::bigint
  from ins group by 2, 3, 4, 5, 6, 7 order by 2, 3, 4, 5, 6, 7
  on conflict (organization_id, {KEYS["attention"]}) do update set {MERGE_ATTENTION}),
vended as (
  insert into sold as r (organization_id, offering, team, unit, day, recorded_day, items, value)
  select $1::uuid, s.offering, i.team, coalesce(i.unit, ''), i.day, i.recorded_day, count(*), sum(s.value)::bigint
  from ins i join {unnest(SEPARATOR_AT, ITEMS_AT, ITEM)} as s({", ".join(ITEM)}) on s.uid = i.uid
  group by 2, 3, 4, 5, 6 order by 2, 3, 4, 5, 6
  on conflict (organization_id, {KEYS["sold"]}) do update set {MERGE_SOLD})
select (select seq from cur), (select recorded_us from cur), array(select uid from ins)
"""  # noqa: S608  # every name in it is a constant of this package


def _pairs(prepared: Sequence[Prepared]) -> list[tuple[object, ...]]:
    return [
        (
            uid,
            metric,
            int(state == "counts"),
            int(state == "other_unit"),
            int(state == "no_value"),
            value,
        )
        for uid, matches in [(p.uid.hex, p.matches) for p in prepared]
        for metric, state, value, _ in matches
    ]


def _transposed(rows: Sequence[tuple[object, ...]], width: int) -> Sequence[Sequence[object]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _sets(prepared: Sequence[Prepared]) -> dict[str, str]:
    found = {p.matching: p.matches for p in prepared}
    return {
        name: canonical([[match.metric, match.label] for match in matches])
        for name, matches in found.items()
    }


async def _record_server(  # as `record`
    connection: AsyncConnection,
    organization_id: UUID,
    prepared: Sequence[Prepared],
    now: datetime,
    recorded_day: int,
    catalogue: int,
) -> Recorded:
    items = [
        (p.uid.hex, offering, value) for p in prepared for offering, value in p.event.offerings
    ]
    told = (
        *columns(prepared),
        *_transposed(_pairs(prepared), len(PAIR)),
        *_transposed(items, len(ITEM)),
        *_transposed(sorted(_sets(prepared).items()), len(SET)),
    )
    arguments = (organization_id, types.micros(now), recorded_day, catalogue, *packed(told))
    row = (await connection.exec_driver_sql(RECORD, arguments)).one()
    seq, at, uids = tuple(row)
    return Recorded(seq, frozenset(uids), now if at is None else types.instant(at))


async def _record_embedded(  # as `record`
    connection: AsyncConnection,
    organization_id: UUID,
    prepared: Sequence[Prepared],
    now: datetime,
    recorded_day: int,
    catalogue: int,
) -> Recorded:
    moving = Moving(str(organization_id), types.micros(now), recorded_day, catalogue)
    rows = list(zip(*columns(prepared), strict=True))
    done = await at_once(
        connection,
        partial(embedded_ingest.write, moving, prepared, tuple(EVENT), rows, _sets(prepared)),
    )
    return (
        Recorded(None, frozenset(), now)
        if done is None
        else Recorded(done[0], done[2], types.instant(done[1]))
    )


async def note_sets(
    connection: AsyncConnection, organization_id: UUID, sets: dict[str, str]
) -> None:
    """The sets of matches are known by their names."""
    if not sets:
        return
    rows = recordset(connection, "rows", {"id": "text", "metrics": "text"}, "d")
    statement = text(
        f"insert into matching (organization_id, id, metrics) select :organization, d.id, d.metrics from {rows} "  # noqa: S608  # constants
        "where true on conflict do nothing"
    ).bindparams(bindparam("organization", organization_id, types.Identity()))
    await connection.execute(statement, {"rows": dumps(sorted(sets.items()))})
