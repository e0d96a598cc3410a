"""What the sentences of a ledger say besides its numbers: since when a source is silent, which currency is left out.

All of it is of the day that is asked for, known at the other: never of the wall clock.
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
    "place": "whole",
    "matching": "text",
    "first": "whole",
    "last": "whole",
}
METRIC_SOURCE_COLUMN_TYPES: Final = {"metric": "text", "source": "text"}
DAYS_PER_YEAR: Final = 366  # days


async def excluded_currencies(
    connection: AsyncConnection,
    organization_id: UUID,
    frame: ScoringFrame,
    readings: Mapping[MetricWindow, MetricReading],
    labels: Mapping[str, Mapping[str, str]],
) -> Mapping[MetricWindow, tuple[str, ...]]:
    """By window, the currencies of the events that are left out for theirs.

    Shape: a window is not in it unless the currency of each of them is known; `labels` are those of the metrics of
    each matched set, by its name.
    """
    excluded_counts = {
        window: reading.other_unit_count
        for window, reading in readings.items()
        if reading.other_unit_count
    }
    if not excluded_counts:
        return {}
    windows, rows = sorted(excluded_counts), []
    units: dict[tuple[int, str], str] = {}
    for index, window in enumerate(windows):
        metric, first, last = window
        day_range = epoch.to_day_number(first), epoch.to_day_number(min(last, frame.until))
        for set_name, set_labels in labels.items():
            label = set_labels.get(metric, "")
            if label.startswith(OTHER_UNIT_PREFIX):
                units[index, set_name] = label.removeprefix(OTHER_UNIT_PREFIX)
                rows.append([index, set_name, *day_range])
    statement = text(
        "select w.place, a.matching, cast(sum(a.events) as bigint) "  # constants  # noqa: S608  # constants
        f"from {json_recordset(connection, 'rows', WINDOW_COLUMN_TYPES, 'w')} join attention a on a.organization_id = :organization "
        "and a.day between w.first and w.last and a.recorded_day <= :known and a.matching = w.matching "
        "group by w.place, a.matching having sum(a.events) > 0"
    )
    parameters = {"rows": dumps(rows), "known": epoch.to_day_number(frame.known_at)}
    counts_by_window: dict[MetricWindow, dict[str, int]] = {}
    for index, set_name, events in (
        await fetch_rows(connection, statement, organization_id, parameters) if rows else ()
    ):
        counts_by_unit = counts_by_window.setdefault(windows[index], {})
        counts_by_unit[units[index, set_name]] = (
            counts_by_unit.get(units[index, set_name], 0) + events
        )
    # Work is not told apart by its source: where the canonical one is not the only one, the sums differ.
    return {
        window: tuple(sorted(counts))
        for window, counts in counts_by_window.items()
        if sum(counts.values()) == excluded_counts[window]
    }


async def source_activity(
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    frame: ScoringFrame,
) -> Mapping[str, SourceActivity]:
    """When the canonical sources of the key results were last heard of, and their usual gap, as known at that day.

    A source with a hook is heard of by its deliveries, one that sends events by those that match its metrics. Neither
    ever changes for a day that is over: a past answer says the same for ever.
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
    """What `heard_from` wants to know, and what it is asked with; of those rows of the roll-up."""
    sources, zone = (
        playbook_index.configuration.sources,
        playbook_index.configuration.organization.time_zone,
    )
    pairs, known_day = _canonical_pairs(playbook_index), epoch.to_day_number(frame.known_at)
    hook_sources = sorted({source for _, source in pairs if sources[source].connector != "api"})
    event_pairs = [pair for pair in pairs if sources[pair[1]].connector not in CRM_CONNECTORS]
    delivery_query = JsonQuery(
        "source, received_at",
        "select w.source, (select d.received_at from delivery d where d.organization_id = :organization "  # constants  # noqa: S608  # constants
        "and d.source = w.source and d.received_at < :before and d.origin = 'hook' "
        "order by d.received_at desc limit 1) as received_at "
        f"from {json_recordset(connection, 'hooked', SOURCE_COLUMN_TYPES, 'w')}",
    )
    # The days on which events of the last year that match one of its metrics were recorded.
    recorded_query = JsonQuery(
        "source, recorded_day",
        f"select w.source, m.recorded_day from {json_recordset(connection, 'told', METRIC_SOURCE_COLUMN_TYPES, 'w')} "  # constants  # noqa: S608  # constants
        f"join {measure_table} m on m.organization_id = :organization and m.metric = w.metric and m.source = w.source "
        "and m.day >= :year and m.recorded_day <= :known "
        "group by w.source, m.recorded_day having max(m.matched) > 0",
    )
    parameters = {
        "hooked": dumps([[source] for source in hook_sources]),
        "told": dumps([list(pair) for pair in event_pairs]),
        "before": _midnight_us(frame.known_at + timedelta(days=1), zone),
        "year": known_day - DAYS_PER_YEAR,
        "known": known_day,
    }
    return (delivery_query, recorded_query), parameters


async def source_activity_from_rows(  # a connection, and what was asked
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    delivery_rows: Sequence[tuple[str, int | None]],
    recorded_rows: Iterable[tuple[str, int]],
) -> Mapping[str, SourceActivity]:
    """As `heard_of`. Shape: the rows that the parts gave."""
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
    """The metrics of key results that score with their canonical source, where that is there."""
    configuration = playbook_index.configuration
    pairs = (
        (key, configuration.metrics[key].canonical_source)
        for key in sorted({window[0] for window in playbook_index.windows})
    )
    return [
        (key, source)
        for key, source in pairs
        if source is not None and source in configuration.sources
    ]


async def _load_delivery_days(
    connection: AsyncConnection,
    organization_id: UUID,
    last_received: Mapping[str, int],
    time_zone: str,
) -> dict[str, set[date]]:
    """The days of the four weeks up to the last one on which anything was delivered to a hook, by source."""
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
    """The first instant of a day, in microseconds since the epoch."""
    return epoch.to_microseconds(datetime.combine(day, time.min, ZoneInfo(time_zone)))
