"""Retractions: recorded, never a deletion; the roll-ups take a negative entry, and low, high and last are made anew."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.metrics import Matcher
from app.store.access.organization_version import Position
from app.store.events.event_queries import event, retraction, to_event
from app.store.events.rollups import Deltas, Prepared, apply
from app.store.sql import column_types as types
from app.store.sql.dialect import embedded
from app.store.tables.events import RestatedDayRow
from app.store.tables.playbook import table_of

CHUNK = 5000
restated_day = table_of(RestatedDayRow)


async def retract(  # a retraction is all of these
    connection: AsyncConnection,
    organization_id: UUID,
    reasons: Mapping[UUID, str],
    position: Position,
    actor: str,
    matcher: Matcher,
    time_zone: str,
) -> int:
    """Those of the events that stood do not any more; returns how many. The cursor's row must be locked."""
    wanted = sorted(reasons)
    fresh: list[UUID] = []
    for start in range(0, len(wanted), CHUNK):
        fresh += await _insert(
            connection, organization_id, wanted[start : start + CHUNK], reasons, position, actor
        )
    if not fresh:
        return 0
    deltas = Deltas()
    recorded = types.day_number(position.day)
    gone = [found async for found in _events(connection, organization_id, matcher, fresh)]
    for found in gone:
        deltas.add(found, recorded, -1)
    await _renew(connection, organization_id, deltas, gone, recorded, matcher, time_zone)
    await _spoil(connection, organization_id, gone)
    await apply(connection, organization_id, deltas)
    return len(fresh)


async def _insert(  # as `retract`
    connection: AsyncConnection,
    organization_id: UUID,
    uids: Sequence[UUID],
    reasons: Mapping[UUID, str],
    position: Position,
    actor: str,
) -> list[UUID]:
    rows = [
        {
            "organization_id": organization_id,
            "uid": uid,
            "reason": reasons[uid],
            "actor": actor,
            "recorded_us": types.micros(position.at),
            "recorded_day": types.day_number(position.day),
            "seq": position.seq,
        }
        for uid in uids
    ]
    found: list[UUID] = []
    for start in range(0, len(rows), 1000):
        insert = (sqlite.insert if embedded(connection) else postgresql.insert)(retraction)
        statement = (
            insert.values(rows[start : start + 1000])
            .on_conflict_do_nothing()
            .returning(retraction.c.uid)
        )
        found += (await connection.execute(statement)).scalars().all()
    return found


async def _spoil(
    connection: AsyncConnection, organization_id: UUID, gone: Iterable[Prepared]
) -> None:
    """Where history is being restated, the days of these events have to be done again."""
    where = (
        restated_day.c.organization_id == organization_id,
        restated_day.c.day.in_({found.day for found in gone}),
    )
    await connection.execute(delete(restated_day).where(*where))


async def _events(
    connection: AsyncConnection, organization_id: UUID, matcher: Matcher, uids: Sequence[UUID]
) -> AsyncIterator[Prepared]:
    for start in range(0, len(uids), CHUNK):
        some = uids[start : start + CHUNK]
        statement = select(event).where(
            event.c.organization_id == organization_id, event.c.uid.in_(some)
        )
        for row in (await connection.execute(statement)).mappings():
            found = to_event(row)
            matches = matcher.match(found)
            yield Prepared(found, row["uid"], row["time_us"], row["day"], row["matching"], matches)


async def _renew(  # as `retract`
    connection: AsyncConnection,
    organization_id: UUID,
    deltas: Deltas,
    gone: Iterable[Prepared],
    recorded: int,
    matcher: Matcher,
    time_zone: str,
) -> None:
    """Low, high and last of every bucket that lost a value are those of the events that still stand."""
    touched: dict[tuple[str, int], set[str]] = {}
    for found in gone:
        counted = {m.metric for m in found.matches if m.state == "counts"}
        if counted:
            touched.setdefault((found.event.source, found.day), set()).update(counted)
    for (source, day), metrics in sorted(touched.items()):
        for metric in metrics:
            bucket = deltas.bucket(metric, source, day, recorded)
            bucket.reset, bucket.low, bucket.high, bucket.last = 1, None, None, None
        for row in await _live(connection, organization_id, source, day, time_zone):
            standing = to_event(row)
            for match in matcher.match(standing):
                if match.state == "counts" and match.metric in metrics:
                    bucket = deltas.bucket(match.metric, source, day, recorded)
                    bucket.extend(match.value, row["time_us"], standing.id)


async def _live(
    connection: AsyncConnection, organization_id: UUID, source: str, day: int, time_zone: str
) -> Sequence[RowMapping]:
    first, last = bounds(types.day(day), time_zone)
    statement = select(event).where(
        event.c.organization_id == organization_id,
        event.c.time_us >= types.micros(first),
        event.c.time_us < types.micros(last),
        event.c.source == source,
        event.c.day == day,
        ~select(retraction.c.uid)
        .where(retraction.c.organization_id == organization_id, retraction.c.uid == event.c.uid)
        .exists(),
    )
    return (await connection.execute(statement)).mappings().all()


def bounds(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """Instants between which the day lies, generously: the day itself is compared besides."""
    midnight = datetime.combine(day, time.min, ZoneInfo(time_zone))
    return midnight - timedelta(hours=3), midnight + timedelta(hours=30)
