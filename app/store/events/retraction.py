"""Retractions: a row of their own and negative roll-up entries; events are never deleted."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Matcher
from app.domain.primitives import epoch
from app.store.access.organization_version import WritePosition
from app.store.events.event_queries import event_table, retraction_table, to_event, to_time_bounds
from app.store.events.rollups import RollupDeltas, apply_deltas
from app.store.sql.dialect import is_embedded
from app.store.tables.base import get_table
from app.store.tables.rollups import RestatedDayRow

CHUNK_SIZE = 5000
restated_day_table = get_table(RestatedDayRow)


@dataclass(frozen=True, slots=True)
class RetractionBatch:
    """Events of one organization that are retracted at one position."""

    organization_id: UUID
    # The reason of each retraction, by the uid of its event.
    reasons: Mapping[UUID, str]
    actor: str
    position: WritePosition
    matcher: Matcher
    # The organization's time zone.
    time_zone: str


async def retract_events(connection: AsyncConnection, batch: RetractionBatch) -> int:
    """Retract the events that are not retracted yet, and return their number.

    The organization's cursor row must be locked.
    """
    sorted_uids = sorted(batch.reasons)
    new_uids: list[UUID] = []
    for start in range(0, len(sorted_uids), CHUNK_SIZE):
        new_uids += await _insert_retractions(
            connection, batch, sorted_uids[start : start + CHUNK_SIZE]
        )
    if not new_uids:
        return 0
    deltas = RollupDeltas()
    recorded_day = epoch.to_day_number(batch.position.day)
    retracted_events = [
        matched_event
        async for matched_event in _load_matched_events(
            connection, batch.organization_id, batch.matcher, new_uids
        )
    ]
    for matched_event in retracted_events:
        deltas.add_event(matched_event, recorded_day, -1)
    await _recompute_extremes_from_live_events(connection, batch, deltas, retracted_events)
    await _invalidate_restated_days(connection, batch.organization_id, retracted_events)
    await apply_deltas(connection, batch.organization_id, deltas)
    return len(new_uids)


async def _insert_retractions(
    connection: AsyncConnection, batch: RetractionBatch, uids: Sequence[UUID]
) -> list[UUID]:
    rows = [
        {
            "organization_id": batch.organization_id,
            "uid": uid,
            "reason": batch.reasons[uid],
            "actor": batch.actor,
            "recorded_us": epoch.to_microseconds(batch.position.recorded_at),
            "recorded_day": epoch.to_day_number(batch.position.day),
            "seq": batch.position.seq,
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
    """Delete the restated days of these events: a running restatement must compute them again."""
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


async def _recompute_extremes_from_live_events(
    connection: AsyncConnection,
    batch: RetractionBatch,
    deltas: RollupDeltas,
    retracted_events: Iterable[MatchedEvent],
) -> None:
    """Set low, high and last of each bucket that lost a value to those of its live events."""
    recorded_day = epoch.to_day_number(batch.position.day)
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
            bucket.reset_extremes()
        for row in await _load_live_events(connection, batch, source, day):
            live_event = to_event(row)
            for match in batch.matcher.match(live_event):
                if match.state == "counts" and match.metric in metrics:
                    bucket = deltas.get_bucket(match.metric, source, day, recorded_day)
                    bucket.add_value(match.value, row["time_us"], live_event.id)


async def _load_live_events(
    connection: AsyncConnection, batch: RetractionBatch, source: str, day: int
) -> Sequence[RowMapping]:
    earliest, latest = to_time_bounds(epoch.from_day_number(day), batch.time_zone)
    statement = select(event_table).where(
        event_table.c.organization_id == batch.organization_id,
        event_table.c.time_us >= epoch.to_microseconds(earliest),
        event_table.c.time_us < epoch.to_microseconds(latest),
        event_table.c.source == source,
        event_table.c.day == day,
        ~select(retraction_table.c.uid)
        .where(
            retraction_table.c.organization_id == batch.organization_id,
            retraction_table.c.uid == event_table.c.uid,
        )
        .exists(),
    )
    return (await connection.execute(statement)).mappings().all()
