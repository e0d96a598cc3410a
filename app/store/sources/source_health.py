"""The health of sources: all of them at a cost that does not grow with their history."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from json import dumps
from statistics import median_low
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, func, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives import epoch
from app.domain.sources.silence import HISTORY_WEEKS, MIN_GAP_HOURS, is_silent
from app.domain.sources.sources import CRM_CONNECTORS, Source
from app.store.events.event_queries import event_table
from app.store.sql import column_types
from app.store.sql.dialect import json_recordset
from app.store.tables.base import get_table
from app.store.tables.sources import UnmappedRow

unmapped_table = get_table(UnmappedRow)
MAX_UNMAPPED_VALUES: Final = 100
MAX_LAG_EVENTS_PER_HOUR: Final = 200
HOURS_PER_DAY: Final = 24
MICROSECONDS_PER_HOUR: Final = 3_600_000_000
# A won deal without an amount is stored as an unmapped value: no CRM property has an empty name.
WITHOUT_AMOUNT: Final = ("", "won")
SOURCE_COLUMN_TYPES: Final = {"source": "text"}
INTERVAL_COLUMN_TYPES: Final = {
    "interval_index": "integer",
    "source": "text",
    "first": "integer",
    "last": "integer",
}


@dataclass(frozen=True, slots=True)
class SourceHealthReport:
    """The health of a source.

    A lag is the time in seconds from an event to its recording; corrections do not count.
    """

    # None when there was no delivery.
    last_delivery_at: datetime | None = None
    # None when no delivery was rejected.
    last_refused_at: datetime | None = None
    deliveries_last_day: int = 0
    failures_last_day: int = 0
    silent: bool = False
    # None when no event was recorded in the last day.
    lag_median_seconds: int | None = None
    lag_worst_seconds: int | None = None
    wins_without_amount: int = 0
    # (property, value, number of records), most frequent first.
    unmapped: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _DeliveryCounts:
    """The deliveries of a source: counts of the last day, and times in microseconds since 1970."""

    last_received_us: int | None
    last_hook_received_us: int | None
    last_refused_us: int | None
    delivery_count: int
    failed_count: int


async def load_source_health(
    connection: AsyncConnection, organization_id: UUID, sources: Sequence[Source], now: datetime
) -> Mapping[str, SourceHealthReport]:
    """Return the health of each source at `now`, by its key."""
    if not sources:
        return {}
    keys = sorted(source.key for source in sources)
    now_us = epoch.to_microseconds(now)
    counts_by_source = await _count_deliveries(connection, organization_id, keys, now)
    last_received = {
        source_key: counts.last_hook_received_us
        for source_key, counts in counts_by_source.items()
        if counts.last_hook_received_us is not None
    }
    silent_sources = await _find_silent_sources(connection, organization_id, last_received, now_us)
    lags = await _load_lags(connection, organization_id, sources, now)
    unmapped_by_source = await _count_unmapped_values(connection, organization_id, keys)
    health_by_source = {}
    for source_key in keys:
        counts = counts_by_source[source_key]
        lag = lags.get(source_key, [])
        unmapped_counts = unmapped_by_source.get(source_key, {})
        health_by_source[source_key] = SourceHealthReport(
            None
            if counts.last_received_us is None
            else epoch.from_microseconds(counts.last_received_us),
            None
            if counts.last_refused_us is None
            else epoch.from_microseconds(counts.last_refused_us),
            counts.delivery_count,
            counts.failed_count,
            source_key in silent_sources,
            median_low(lag) if lag else None,
            max(lag, default=None),
            unmapped_counts.get(WITHOUT_AMOUNT, 0),
            tuple(
                (*pair, count) for pair, count in unmapped_counts.items() if pair != WITHOUT_AMOUNT
            )[:MAX_UNMAPPED_VALUES],
        )
    return health_by_source


async def _count_deliveries(
    connection: AsyncConnection, organization_id: UUID, keys: Sequence[str], now: datetime
) -> Mapping[str, _DeliveryCounts]:
    from_source = "from delivery d where d.organization_id = :organization and d.source = w.source"
    newest_first = "order by d.received_at desc limit 1"
    statement = text(
        "select w.source, "  # noqa: S608  # constants
        f"(select d.received_at {from_source} {newest_first}), (select d.received_at {from_source} "
        f"and d.origin = 'hook' {newest_first}), (select h.refused_at from hook h "
        "where h.organization_id = :organization and h.source = w.source), "
        f"(select count(*) {from_source} and d.received_at > :since), "
        f"(select count(*) {from_source} and d.received_at > :since and d.state = 'failed') "
        f"from {json_recordset(connection, 'sources', SOURCE_COLUMN_TYPES, 'w')}"
    )
    since_us = epoch.to_microseconds(now - timedelta(hours=HOURS_PER_DAY))
    parameters = {"sources": dumps([[source_key] for source_key in keys]), "since": since_us}
    return {
        source_key: _DeliveryCounts(*columns)
        for source_key, *columns in await fetch_rows(
            connection, statement, organization_id, parameters
        )
    }


async def _find_silent_sources(
    connection: AsyncConnection,
    organization_id: UUID,
    last_received: Mapping[str, int],
    now_us: int,
) -> Collection[str]:
    """Return the silent sources, given the last delivery of each hook."""
    source_hours = [
        (source, received_us // MICROSECONDS_PER_HOUR - hours_ago)
        for source, received_us in sorted(last_received.items())
        # Skips most sources: they delivered recently.
        if now_us - received_us > MIN_GAP_HOURS * MICROSECONDS_PER_HOUR
        for hours_ago in range(HOURS_PER_DAY * 7 * HISTORY_WEEKS + 1)
    ]
    active_indexes = await find_intervals_with_deliveries(
        connection,
        organization_id,
        [
            (source, hour * MICROSECONDS_PER_HOUR, (hour + 1) * MICROSECONDS_PER_HOUR)
            for source, hour in source_hours
        ],
    )
    active_hours: dict[str, list[int]] = {}
    for index in active_indexes:
        source, hour = source_hours[index]
        active_hours.setdefault(source, []).append(hour)
    return {
        source
        for source, hours in active_hours.items()
        if is_silent(hours, now_us // MICROSECONDS_PER_HOUR)
    }


async def find_intervals_with_deliveries(
    connection: AsyncConnection, organization_id: UUID, intervals: Sequence[tuple[str, int, int]]
) -> Sequence[int]:
    """Return the indexes of the intervals in which the source's hook received a delivery.

    An interval is (source, first instant, first instant after it) in microseconds since 1970. The
    cost depends on the number of intervals, not on the number of deliveries.
    """
    if not intervals:
        return []
    intervals_query = text(
        "select w.interval_index "  # noqa: S608  # constants
        f"from {json_recordset(connection, 'rows', INTERVAL_COLUMN_TYPES, 'w')} "
        "where exists (select 1 from delivery d where d.organization_id = :organization "
        "and d.source = w.source and d.received_at >= w.first and d.received_at < w.last "
        "and d.origin = 'hook')"
    )
    rows = [[index, *interval] for index, interval in enumerate(intervals)]
    return [
        index
        for (index,) in await fetch_rows(
            connection, intervals_query, organization_id, {"rows": dumps(rows)}
        )
    ]


async def _load_lags(
    connection: AsyncConnection, organization_id: UUID, sources: Sequence[Source], now: datetime
) -> Mapping[str, Sequence[int]]:
    """Return the lags of the last day's events by source, those of the newest events of each hour.

    The uid of an event begins with its recording time, and the table is ordered by it.
    """
    slices = []
    for hours_ago in range(HOURS_PER_DAY):
        first_uid, last_uid = (
            _first_uid_at(now - timedelta(hours=hours)) for hours in (hours_ago + 1, hours_ago)
        )
        uid_conditions = (
            (event_table.c.uid >= first_uid, event_table.c.uid < last_uid)
            if hours_ago
            else (event_table.c.uid >= first_uid,)
        )
        columns = (
            event_table.c.source,
            event_table.c.id,
            event_table.c.time_us,
            event_table.c.recorded_us,
        )
        hour_query = select(*columns).where(
            event_table.c.organization_id == organization_id, *uid_conditions
        )
        slices.append(
            select(
                hour_query.order_by(event_table.c.uid.desc())
                .limit(MAX_LAG_EVENTS_PER_HOUR)
                .subquery()
            )
        )
    connectors = {source.key: source.connector for source in sources}
    lags_by_source: dict[str, list[int]] = {}
    for source, event_id, occurred_us, recorded_us in await connection.execute(union_all(*slices)):
        is_correction = connectors.get(source) in CRM_CONNECTORS and not event_id.endswith("/1")
        if source in connectors and not is_correction:
            lags_by_source.setdefault(source, []).append(
                max(0, recorded_us - occurred_us) // 1_000_000
            )
    return lags_by_source


def _first_uid_at(instant: datetime) -> UUID:
    """Return the least uid of an event that is recorded at an instant."""
    return UUID(int=epoch.to_microseconds(instant) // 1000 << 80)


async def _count_unmapped_values(
    connection: AsyncConnection, organization_id: UUID, keys: Sequence[str]
) -> Mapping[str, Mapping[tuple[str, str], int]]:
    """Return the number of records with each unmapped value, by source, most frequent first."""
    record_count = func.count().label("number")
    order = (record_count.desc(), unmapped_table.c.property, unmapped_table.c.value)
    rank = (
        func.row_number()
        .over(partition_by=unmapped_table.c.source, order_by=order)
        .label("frequency_rank")
    )
    ranked = (
        select(
            unmapped_table.c.source,
            unmapped_table.c.property,
            unmapped_table.c.value,
            record_count,
            rank,
        )
        .where(
            unmapped_table.c.organization_id == organization_id, unmapped_table.c.source.in_(keys)
        )
        .group_by(unmapped_table.c.source, unmapped_table.c.property, unmapped_table.c.value)
        .subquery()
    )
    is_reported = (ranked.c.frequency_rank <= MAX_UNMAPPED_VALUES) | (
        ranked.c.property == WITHOUT_AMOUNT[0]
    )
    counts_by_source: dict[str, dict[tuple[str, str], int]] = {}
    ranking_query = (
        select(ranked).where(is_reported).order_by(ranked.c.source, ranked.c.frequency_rank)
    )
    for source, property_name, unmapped_value, frequency, _ in await connection.execute(
        ranking_query
    ):
        counts_by_source.setdefault(source, {})[property_name, unmapped_value] = frequency
    return counts_by_source


async def fetch_rows(
    connection: AsyncConnection,
    statement: TextClause,
    organization_id: UUID,
    parameters: Mapping[str, object],
) -> Iterable[tuple[Any, ...]]:  # Any: each column has its own type
    """Return the rows of a statement that is bound to one organization."""
    bound_statement = statement.bindparams(
        bindparam("organization", organization_id, column_types.UuidColumn())
    )
    return [tuple(row) for row in await connection.execute(bound_statement, parameters)]
