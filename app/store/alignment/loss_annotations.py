"""Facts that explain a loss beside its numbers: silent sources and excluded currencies.

They depend on the queried days only, not on the clock.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from json import dumps
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import to_local_day
from app.domain.events.metrics import OTHER_UNIT_PREFIX
from app.domain.primitives import epoch
from app.domain.sources.silence import HISTORY_WEEKS, SourceActivity, summarize_activity
from app.domain.sources.sources import CRM_CONNECTORS
from app.scoring.playbook_index import MetricWindow, PlaybookIndex
from app.scoring.snapshot import MetricReading, ScoringFrame
from app.store.sources.source_health import (
    SOURCE_COLUMN_TYPES,
    fetch_rows,
    find_intervals_with_deliveries,
)
from app.store.sql.dialect import json_recordset
from app.store.sql.multi_query import JsonQuery, query_many

WINDOW_COLUMN_TYPES: Final = {
    "window_index": "integer",
    "matching": "text",
    "first": "integer",
    "last": "integer",
}
METRIC_SOURCE_COLUMN_TYPES: Final = {"metric": "text", "source": "text"}
DAYS_PER_YEAR: Final = 366


async def excluded_currencies(
    connection: AsyncConnection,
    organization_id: UUID,
    frame: ScoringFrame,
    readings: Mapping[MetricWindow, MetricReading],
    labels: Mapping[str, Mapping[str, str]],
) -> Mapping[MetricWindow, tuple[str, ...]]:
    """Return, for each window, the currencies of the events that another unit excludes.

    A window is left out when the currency of any of these events is unknown. `labels` has the label
    of each metric, by the id of the match set.
    """
    excluded_counts = {
        window: reading.other_unit_count
        for window, reading in readings.items()
        if reading.other_unit_count
    }
    if not excluded_counts:
        return {}
    windows = sorted(excluded_counts)
    units: dict[tuple[int, str], str] = {}
    rows: list[tuple[object, ...]] = []
    for index, (metric, first, last) in enumerate(windows):
        day_range = epoch.to_day_number(first), epoch.to_day_number(min(last, frame.until))
        for set_name, set_labels in labels.items():
            label = set_labels.get(metric, "")
            if label.startswith(OTHER_UNIT_PREFIX):
                units[index, set_name] = label.removeprefix(OTHER_UNIT_PREFIX)
                rows.append((index, set_name, *day_range))
    counts_by_window: dict[MetricWindow, dict[str, int]] = {}
    known_day = epoch.to_day_number(frame.known_at)
    for index, set_name, events in await _count_by_match_set(
        connection, organization_id, rows, known_day
    ):
        counts_by_unit = counts_by_window.setdefault(windows[index], {})
        counts_by_unit[units[index, set_name]] = (
            counts_by_unit.get(units[index, set_name], 0) + events
        )
    # Effort has no source: the sums differ when the canonical source is not the only one.
    return {
        window: tuple(sorted(counts))
        for window, counts in counts_by_window.items()
        if sum(counts.values()) == excluded_counts[window]
    }


async def _count_by_match_set(
    connection: AsyncConnection,
    organization_id: UUID,
    rows: Sequence[tuple[object, ...]],
    known_day: int,
) -> Iterable[tuple[int, str, int]]:
    """Return the number of events of each (window index, match set) in its range of days."""
    if not rows:
        return ()
    windows = json_recordset(connection, "rows", WINDOW_COLUMN_TYPES, "w")
    statement = text(
        "select w.window_index, a.matching, "  # noqa: S608  # constants
        f"cast(sum(a.events) as bigint) from {windows} "
        "join attention a on a.organization_id = :organization "
        "and a.day between w.first and w.last and a.recorded_day <= :known "
        "and a.matching = w.matching group by w.window_index, a.matching having sum(a.events) > 0"
    )
    parameters = {"rows": dumps(rows), "known": known_day}
    return await fetch_rows(connection, statement, organization_id, parameters)


async def source_activity(
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    frame: ScoringFrame,
) -> Mapping[str, SourceActivity]:
    """Return the last activity of the canonical sources and their usual gap, as known on a day.

    A source with a hook is active by deliveries, a source that sends events by events that match
    its metrics. Neither changes for a closed day, so past answers stay the same.
    """
    queries, parameters = source_activity_queries(connection, playbook_index, frame)
    query_rows = await query_many(connection, organization_id, queries, parameters)
    return await source_activity_from_rows(connection, organization_id, playbook_index, *query_rows)


def source_activity_queries(
    connection: AsyncConnection,
    playbook_index: PlaybookIndex,
    frame: ScoringFrame,
    measure_table: str = "measure",
) -> tuple[tuple[JsonQuery, JsonQuery], Mapping[str, object]]:
    """Return the queries of source_activity_from_rows and their parameters."""
    sources = playbook_index.configuration.sources
    zone = playbook_index.configuration.organization.time_zone
    pairs = _canonical_pairs(playbook_index)
    known_day = epoch.to_day_number(frame.known_at)
    hook_sources = sorted({source for _, source in pairs if sources[source].connector != "api"})
    event_pairs = [pair for pair in pairs if sources[pair[1]].connector not in CRM_CONNECTORS]
    delivery_query = JsonQuery(
        "source, received_at",
        "select w.source, (select d.received_at from delivery d "  # noqa: S608  # constants
        "where d.organization_id = :organization and d.source = w.source "
        "and d.received_at < :before and d.origin = 'hook' "
        "order by d.received_at desc limit 1) as received_at "
        f"from {json_recordset(connection, 'hook_sources', SOURCE_COLUMN_TYPES, 'w')}",
    )
    # The recorded days of last year's events that match a metric of the source.
    recorded_query = JsonQuery(
        "source, recorded_day",
        "select w.source, m.recorded_day "  # noqa: S608  # constants
        f"from {json_recordset(connection, 'metric_sources', METRIC_SOURCE_COLUMN_TYPES, 'w')} "
        f"join {measure_table} m on m.organization_id = :organization and m.metric = w.metric "
        "and m.source = w.source and m.day >= :year and m.recorded_day <= :known "
        "group by w.source, m.recorded_day having max(m.matched) > 0",
    )
    parameters = {
        "hook_sources": dumps([[source] for source in hook_sources]),
        "metric_sources": dumps([list(pair) for pair in event_pairs]),
        "before": _midnight_us(frame.known_at + timedelta(days=1), zone),
        "year": known_day - DAYS_PER_YEAR,
        "known": known_day,
    }
    return (delivery_query, recorded_query), parameters


async def source_activity_from_rows(
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    delivery_rows: Sequence[tuple[str, int | None]],
    recorded_rows: Iterable[tuple[str, int]],
) -> Mapping[str, SourceActivity]:
    """Return the activity of each source, as source_activity does, from the rows of the queries."""
    last_received = {
        source: received_us for source, received_us in delivery_rows if received_us is not None
    }
    days_by_source = await _load_delivery_days(
        connection,
        organization_id,
        last_received,
        playbook_index.configuration.organization.time_zone,
    )
    for source, day in recorded_rows:
        days_by_source.setdefault(source, set()).add(epoch.from_day_number(day))
    activity_by_source = {}
    for source, days in sorted(days_by_source.items()):
        recent = max(days) - timedelta(weeks=HISTORY_WEEKS)
        activity = summarize_activity([day for day in days if day >= recent])
        if activity is not None:
            activity_by_source[source] = activity
    return activity_by_source


def _canonical_pairs(playbook_index: PlaybookIndex) -> list[tuple[str, str]]:
    """Return (metric, canonical source) of the key results' metrics, for sources that exist."""
    configuration = playbook_index.configuration
    pairs = (
        (metric_key, configuration.metrics[metric_key].canonical_source)
        for metric_key in sorted({window[0] for window in playbook_index.windows})
    )
    return [
        (metric_key, source)
        for metric_key, source in pairs
        if source is not None and source in configuration.sources
    ]


async def _load_delivery_days(
    connection: AsyncConnection,
    organization_id: UUID,
    last_received: Mapping[str, int],
    time_zone: str,
) -> dict[str, set[date]]:
    """Return the days with deliveries to each hook, in the weeks before its last delivery."""
    source_days: list[tuple[str, date]] = []
    for source, received_us in last_received.items():
        day = to_local_day(epoch.from_microseconds(received_us), time_zone)
        source_days += [
            (source, day - timedelta(days=days_ago)) for days_ago in range(7 * HISTORY_WEEKS + 1)
        ]
    intervals = [
        (source, _midnight_us(day, time_zone), _midnight_us(day + timedelta(days=1), time_zone))
        for source, day in source_days
    ]
    days_by_source: dict[str, set[date]] = {}
    for number in await find_intervals_with_deliveries(connection, organization_id, intervals):
        source, day = source_days[number]
        days_by_source.setdefault(source, set()).add(day)
    return days_by_source


def _midnight_us(day: date, time_zone: str) -> int:
    """Return the first instant of a day, in microseconds since 1970."""
    return epoch.to_microseconds(datetime.combine(day, time.min, ZoneInfo(time_zone)))
