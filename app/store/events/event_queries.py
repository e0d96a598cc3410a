"""Loading, listing and counting of events."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from json import loads
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import ErasedMatches, Event
from app.domain.events.matched_event import (
    EventState,
    MatchedEvent,
    to_matching_id,
)
from app.domain.events.metrics import Matcher
from app.domain.playbook.configuration import Configuration
from app.domain.primitives import epoch
from app.store.events.event_filters_sql import (
    EventFilter,
    MatchSets,
    check_filter_keys,
    to_column_conditions,
    to_match_conditions,
    to_time_conditions,
)
from app.store.sql.dialect import in_list
from app.store.tables.base import get_table
from app.store.tables.events import EventRow, RetractionRow
from app.store.tables.rollups import MatchingRow

event_table = get_table(EventRow)
retraction_table = get_table(RetractionRow)
matching_table = get_table(MatchingRow)
MAX_IDS_PER_QUERY: Final = 5000
# A local day begins within HOURS_BEFORE_MIDNIGHT of its computed midnight and ends within
# HOURS_AFTER_MIDNIGHT of it: clock changes skip or repeat midnight and make days of 23 or 25 hours.
HOURS_BEFORE_MIDNIGHT: Final = 3
HOURS_AFTER_MIDNIGHT: Final = 30


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is stored, with what the service added."""

    event: Event
    uid: UUID
    recorded_at: datetime
    # The metrics that the event matches.
    metrics: tuple[str, ...]
    retracted_at: datetime | None
    retraction_reason: str | None
    fingerprint: str


def to_event(row: RowMapping) -> Event:
    """Return the event of a row."""
    offerings = loads(row["offerings"]) if row["offerings"] else []
    return Event(
        id=row["id"],
        source=row["source"],
        type=row["type"],
        time=epoch.from_microseconds(row["time_us"]),
        team=row["team"],
        kind=row["kind"],
        value=row["value"],
        unit=row["unit"],
        effort=row["effort"],
        subject=row["subject"],
        objective=row["objective"],
        offerings=tuple((offering["offering"], offering["value"]) for offering in offerings),
        data=loads(row["data"]) if row["data"] else {},
        erased=_parse_erased_matches(row["erased"]) if row["erased"] else None,
    )


def _parse_erased_matches(erased_json: str) -> ErasedMatches:
    """Return the matches that an erasure stored before it removed the content of the event.

    JSON has no tuples, so each match is an array of state and value, or null for no match.
    """
    return {
        rule: None if match is None else (match[0], match[1])
        for rule, match in loads(erased_json).items()
    }


async def find_event(
    connection: AsyncConnection, organization_id: UUID, uid: UUID
) -> StoredEvent | None:
    """Load an event, retracted or not. Return None when the organization has no such event."""
    events = await load_events_by_uid(connection, organization_id, [uid])
    return events[0] if events else None


async def load_events_by_uid(
    connection: AsyncConnection, organization_id: UUID, uids: Sequence[UUID]
) -> list[StoredEvent]:
    """Load events, retracted or not."""
    return await load_events(connection, organization_id, [event_table.c.uid.in_(uids)])


async def load_events_by_key(
    connection: AsyncConnection, organization_id: UUID, event_keys: Sequence[tuple[str, str]]
) -> Mapping[tuple[str, str], StoredEvent]:
    """Load events by (source, id), retracted or not; keys without an event are left out."""
    events_by_key: dict[tuple[str, str], StoredEvent] = {}
    ids_by_source: dict[str, list[str]] = {}
    for source, event_id in event_keys:
        ids_by_source.setdefault(source, []).append(event_id)
    for source, event_ids in sorted(ids_by_source.items()):
        for start in range(0, len(event_ids), MAX_IDS_PER_QUERY):
            where = [
                event_table.c.source == source,
                event_table.c.id.in_(event_ids[start : start + MAX_IDS_PER_QUERY]),
            ]
            for stored in await load_events(connection, organization_id, where):
                events_by_key[(source, stored.event.id)] = stored
    return events_by_key


async def list_events(
    connection: AsyncConnection,
    organization_id: UUID,
    configuration: Configuration,
    event_filter: EventFilter,
    after_position: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredEvent]:
    """Return at most `limit` live events that match the filter, newest first, after a position.

    Raises: InvalidError for a key that does not exist.
    """
    check_filter_keys(configuration, event_filter)
    where = [*to_column_conditions(event_filter), *to_time_conditions(event_filter)]
    match_sets = await _load_match_sets(connection, organization_id)
    where += to_match_conditions(configuration, event_filter, match_sets)
    if after_position is not None:
        after_us = epoch.to_microseconds(after_position[0])
        where.append(
            or_(
                event_table.c.time_us < after_us,
                and_(event_table.c.time_us == after_us, event_table.c.uid < after_position[1]),
            )
        )
    return await load_events(connection, organization_id, where, limit)


async def load_events(
    connection: AsyncConnection,
    organization_id: UUID,
    where: Sequence[ColumnElement[bool]],
    limit: int | None = None,
) -> list[StoredEvent]:
    """Load the events that satisfy all conditions, retracted or not, newest first.

    The conditions may use columns of `retraction`. They are NULL for an event without one.
    """
    retraction_join = and_(
        retraction_table.c.organization_id == organization_id,
        retraction_table.c.organization_id == event_table.c.organization_id,
        retraction_table.c.uid == event_table.c.uid,
    )
    matching_join = and_(
        matching_table.c.organization_id == organization_id,
        matching_table.c.organization_id == event_table.c.organization_id,
        matching_table.c.id == event_table.c.matching,
    )
    statement = (
        select(
            event_table,
            matching_table.c.metrics,
            retraction_table.c.recorded_us.label("retracted_us"),
            retraction_table.c.reason,
        )
        .select_from(
            event_table.outerjoin(retraction_table, retraction_join).outerjoin(
                matching_table, matching_join
            )
        )
        .where(event_table.c.organization_id == organization_id, *where)
        .order_by(event_table.c.time_us.desc(), event_table.c.uid.desc())
        .limit(limit)
    )
    return [_to_stored_event(row) for row in (await connection.execute(statement)).mappings()]


def _to_stored_event(row: RowMapping) -> StoredEvent:
    return StoredEvent(
        event=to_event(row),
        uid=row["uid"],
        recorded_at=epoch.from_microseconds(row["recorded_us"]),
        metrics=tuple(metric_key for metric_key, _ in row["metrics"] or ()),
        retracted_at=None
        if row["retracted_us"] is None
        else epoch.from_microseconds(row["retracted_us"]),
        retraction_reason=row["reason"],
        fingerprint=row["fingerprint"],
    )


async def _load_match_sets(connection: AsyncConnection, organization_id: UUID) -> MatchSets:
    rows = await connection.execute(
        select(matching_table.c.id, matching_table.c.metrics).where(
            matching_table.c.organization_id == organization_id
        )
    )
    return MatchSets(
        connection, {"": {}, **{set_name: dict(metrics) for set_name, metrics in rows}}
    )


def to_time_bounds(day: date, time_zone: str) -> tuple[datetime, datetime]:
    """Return two instants between which all events of a local day occurred.

    `event` has an index by time but none by day. A condition on these instants lets a query use the
    index. The range is too wide, so the query must compare `day` as well.
    """
    midnight = datetime.combine(day, time.min, ZoneInfo(time_zone))
    return (
        midnight - timedelta(hours=HOURS_BEFORE_MIDNIGHT),
        midnight + timedelta(hours=HOURS_AFTER_MIDNIGHT),
    )


async def list_event_days(
    connection: AsyncConnection, organization_id: UUID, event_types: Collection[str] | None = None
) -> list[int]:
    """Return the days with events, or with events of some types, as days since 1970, in order."""
    where = (
        []
        if event_types is None
        else [in_list(connection, event_table.c.type, sorted(event_types))]
    )
    statement = (
        select(event_table.c.day)
        .where(event_table.c.organization_id == organization_id, *where)
        .distinct()
    )
    return sorted((await connection.execute(statement)).scalars())


async def load_events_of_day(
    connection: AsyncConnection,
    organization_id: UUID,
    matcher: Matcher,
    day: int,
    time_zone: str,
    event_types: Collection[str] | None = None,
) -> list[EventState]:
    """Load the events of a day, retracted ones too, as `matcher` matches them now.

    `day` is in days since 1970. The match set that each event was stored with is in its
    `stored_matching`.
    """
    retraction_join = and_(
        retraction_table.c.organization_id == organization_id,
        retraction_table.c.organization_id == event_table.c.organization_id,
        retraction_table.c.uid == event_table.c.uid,
    )
    earliest, latest = to_time_bounds(epoch.from_day_number(day), time_zone)
    where: list[ColumnElement[bool]] = [
        event_table.c.organization_id == organization_id,
        event_table.c.time_us >= epoch.to_microseconds(earliest),
        event_table.c.time_us < epoch.to_microseconds(latest),
        event_table.c.day == day,
    ]
    if event_types is not None:
        where.append(in_list(connection, event_table.c.type, sorted(event_types)))
    statement = (
        select(event_table, retraction_table.c.recorded_day.label("retracted"))
        .select_from(event_table.outerjoin(retraction_table, retraction_join))
        .where(*where)
    )
    states = []
    for row in (await connection.execute(statement)).mappings():
        event = to_event(row)
        matches = matcher.match(event)
        matched_event = MatchedEvent(
            event, row["uid"], row["time_us"], row["day"], to_matching_id(matches), matches
        )
        states.append(
            EventState(matched_event, row["recorded_day"], row["retracted"], row["matching"])
        )
    return states


async def has_events(connection: AsyncConnection, organization_id: UUID) -> bool:
    """Return whether the organization has any event."""
    statement = (
        select(event_table.c.uid).where(event_table.c.organization_id == organization_id).limit(1)
    )
    return (await connection.execute(statement)).first() is not None


async def count_events_of_types(
    connection: AsyncConnection, organization_id: UUID, event_types: Collection[str], max_count: int
) -> int:
    """Count the events of some types, up to `max_count`."""
    where = (
        event_table.c.organization_id == organization_id,
        in_list(connection, event_table.c.type, sorted(event_types)),
    )
    return len(
        (await connection.execute(select(event_table.c.uid).where(*where).limit(max_count))).all()
    )
