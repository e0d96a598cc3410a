"""Retractions: recorded, never a deletion; the roll-ups take a negative entry, and low, high and last are made anew."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Matcher
from app.domain.primitives import epoch
from app.store.access.organization_version import WritePosition
from app.store.events.event_queries import event_table, retraction_table, to_event
from app.store.events.rollups import RollupDeltas, apply_deltas
from app.store.sql.dialect import is_embedded
from app.store.tables.events import RestatedDayRow
from app.store.tables.playbook import get_table

CHUNK_SIZE = 5000
restated_day_table = get_table(RestatedDayRow)


async def retract_events(  # a retraction is all of these
    connection: AsyncConnection,
    organization_id: UUID,
    reasons: Mapping[UUID, str],
    position: WritePosition,
    actor: str,
    matcher: Matcher,
    time_zone: str,
) -> int:
    """Those of the events that stood do not any more; returns how many. The cursor's row must be locked."""
    sorted_uids = sorted(reasons)
    new_uids: list[UUID] = []
    for start in range(0, len(sorted_uids), CHUNK_SIZE):
        new_uids += await _insert_retractions(
            connection,
            organization_id,
            sorted_uids[start : start + CHUNK_SIZE],
            reasons,
            position,
            actor,
        )
    if not new_uids:
        return 0
    deltas = RollupDeltas()
    recorded_day = epoch.to_day_number(position.day)
    retracted_events = [
        matched_event
        async for matched_event in _load_matched_events(
            connection, organization_id, matcher, new_uids
        )
    ]
    for matched_event in retracted_events:
        deltas.add_event(matched_event, recorded_day, -1)
    await _recompute_extremes(
        connection, organization_id, deltas, retracted_events, recorded_day, matcher, time_zone
    )
    await _invalidate_restated_days(connection, organization_id, retracted_events)
    await apply_deltas(connection, organization_id, deltas)
    return len(new_uids)


async def _insert_retractions(  # as `retract`
    connection: AsyncConnection,
    organization_id: UUID,
    uids: Sequence[UUID],
    reasons: Mapping[UUID, str],
    position: WritePosition,
    actor: str,
) -> list[UUID]:
    rows = [
        {
            "organization_id": organization_id,
            "uid": uid,
            "reason": reasons[uid],
            "actor": actor,
            "recorded_us": epoch.to_microseconds(position.recorded_at),
            "recorded_day": epoch.to_day_number(position.day),
            "seq": position.seq,
        }
        for uid in uids
    ]
    inserted_uids: list[UUID] = []
    for start in range(0, len(rows), 1000):
        insertion = (sqlite.insert if is_embedded(connection) else postgresql.insert)(
            retraction_table
        )
        statement = (
            insertion.values(rows[start : start + 1000])
            .on_conflict_do_nothing()
            .returning(retraction_table.c.uid)
        )
        inserted_uids += (await connection.execute(statement)).scalars().all()
    return inserted_uids


async def _invalidate_restated_days(
    connection: AsyncConnection, organization_id: UUID, retracted_events: Iterable[MatchedEvent]
) -> None:
    """Where history is being restated, the days of these events have to be done again."""
    where = (
        restated_day_table.c.organization_id == organization_id,
        restated_day_table.c.day.in_({matched_event.day for matched_event in retracted_events}),
    )
    await connection.execute(delete(restated_day_table).where(*where))


async def _load_matched_events(
    connection: AsyncConnection, organization_id: UUID, matcher: Matcher, uids: Sequence[UUID]
) -> AsyncIterator[MatchedEvent]:
    for start in range(0, len(uids), CHUNK_SIZE):
        chunk = uids[start : start + CHUNK_SIZE]
        statement = select(event_table).where(
            event_table.c.organization_id == organization_id, event_table.c.uid.in_(chunk)
        )
        for row in (await connection.execute(statement)).mappings():
            event = to_event(row)
            matches = matcher.match(event)
            yield MatchedEvent(
                event, row["uid"], row["time_us"], row["day"], row["matching"], matches
            )


async def _recompute_extremes(  # as `retract`
    connection: AsyncConnection,
    organization_id: UUID,
    deltas: RollupDeltas,
    retracted_events: Iterable[MatchedEvent],
    recorded_day: int,
    matcher: Matcher,
    time_zone: str,
) -> None:
    """Low, high and last of every bucket that lost a value are those of the events that still stand."""
    metrics_by_day: dict[tuple[str, int], set[str]] = {}
    for matched_event in retracted_events:
        counted_metrics = {
            match.metric for match in matched_event.matches if match.state == "counts"
        }
        if counted_metrics:
            metrics_by_day.setdefault(
                (matched_event.event.source, matched_event.day), set()
            ).update(counted_metrics)
    for (source, day), metrics in sorted(metrics_by_day.items()):
        for metric in metrics:
            bucket = deltas.get_bucket(metric, source, day, recorded_day)
            bucket.reset, bucket.low, bucket.high, bucket.last = 1, None, None, None
        for row in await _load_live_events(connection, organization_id, source, day, time_zone):
            live_event = to_event(row)
            for match in matcher.match(live_event):
                if match.state == "counts" and match.metric in metrics:
                    bucket = deltas.get_bucket(match.metric, source, day, recorded_day)
                    bucket.add_value(match.value, row["time_us"], live_event.id)


async def _load_live_events(
    connection: AsyncConnection, organization_id: UUID, source: str, day: int, time_zone: str
) -> Sequence[RowMapping]:
    earliest, latest = day_bounds(epoch.from_day_number(day), time_zone)
    statement = select(event_table).where(
        event_table.c.organization_id == organization_id,
        event_table.c.time_us >= epoch.to_microseconds(earliest),
        event_table.c.time_us < epoch.to_microseconds(latest),
        event_table.c.source == source,
        event_table.c.day == day,
        ~select(retraction_table.c.uid)
        .where(
            retraction_table.c.organization_id == organization_id,
            retraction_table.c.uid == event_table.c.uid,
        )
        .exists(),
    )
    return (await connection.execute(statement)).mappings().all()


def day_bounds(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """Instants between which the day lies, generously: the day itself is compared besides."""
    midnight = datetime.combine(day, time.min, ZoneInfo(time_zone))
    return midnight - timedelta(hours=3), midnight + timedelta(hours=30)
