"""The read that feeds scoring: one statement over the roll-ups. Scoring reads no events.

Rows recorded on closed days do not change until the configuration changes, so they can be cached
and only newer rows are read. A restatement or a rebuild is a change of the configuration.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from json import dumps
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives import epoch
from app.scoring.evidence.accumulator import EvidenceAccumulator, RollupRows
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.snapshot import ScoringFrame, Snapshot
from app.store.alignment import loss_annotations
from app.store.sql.dialect import is_embedded, json_recordset
from app.store.sql.multi_query import JsonQuery, query_many
from app.store.tables.base import get_table
from app.store.tables.rollups import MatchingRow

EXTREME_AGGREGATIONS: Final = frozenset({"min", "max", "last"})
matching_table = get_table(MatchingRow)
WINDOW_COLUMN_TYPES: Final = {
    "window_index": "integer",
    "metric": "text",
    "first": "integer",
    "last": "integer",
    "asks_order": "integer",
}
ROLLUP_NAMES: Final = ("measure", "attention", "sold")


def split_sum(column: str) -> str:
    """Return two columns for a sum of bigints that cannot overflow: its high and its low part.

    Both databases shift arithmetically.
    """
    return (
        f"cast(sum({column} >> 32) as bigint) as high, "
        f"cast(sum({column} & 4294967295) as bigint) as low"
    )


# SQLite has no statistics; the plus keeps it from using the day index for the rows of a metric
# (seconds instead of milliseconds).
MEASURE_JOIN: Final = (
    "m.organization_id = :organization and m.metric = w.metric "
    "and +m.day between w.first and w.last and m.recorded_day <= :known"
)
VERSION_QUERY: Final = JsonQuery(
    "seq, recorded_day, closed",
    "select seq, recorded_day, (select max(seq) from closing "
    "where organization_id = :organization and day <= :known) as closed from cursor "
    "where organization_id = :organization",
)


@cache
def _evidence_queries(prefix: str, period_count: int) -> tuple[JsonQuery, ...]:
    """Return the queries of the evidence; those for the effort of each period come last."""
    return (
        _sums_query(prefix),
        _extremes_query(prefix),
        _latest_query(prefix),
        _latest_gains(prefix),
        _sold_query(prefix),
        _match_sets_query(prefix),
        VERSION_QUERY,
        *(_effort_query(prefix, period) for period in range(period_count)),
    )


def _with_clause(connection: AsyncConnection, prefix: str) -> str:
    """Return the WITH clause: the windows, and with a prefix the recent rows of each roll-up.

    Without a prefix, the queries read the roll-ups themselves.
    """
    windows = json_recordset(connection, "windows", WINDOW_COLUMN_TYPES, "w")
    windows_clause = f"w as materialized (select * from {windows})"  # noqa: S608  # constants
    recent_clauses = [
        f"{prefix}{rollup_name} as materialized (select * from {rollup_name} "  # noqa: S608  # constants
        "where organization_id = :organization and recorded_day > :since "
        "and recorded_day <= :known)"
        for rollup_name in ROLLUP_NAMES
        if prefix
    ]
    return f"with {', '.join([windows_clause, *recent_clauses])}"


def _sums_query(prefix: str) -> JsonQuery:
    return JsonQuery(
        "window_index, source, counted, high, low, no_value, other_unit",
        "select w.window_index, m.source, "  # noqa: S608  # constants
        f"cast(sum(m.counted) as bigint) as counted, {split_sum('m.total')}, "
        "cast(sum(m.no_value) as bigint) as no_value, "
        "cast(sum(m.other_unit) as bigint) as other_unit from w "
        f"join {prefix}measure m on {MEASURE_JOIN} group by w.window_index, m.source",
    )


def _extremes_query(prefix: str) -> JsonQuery:
    """Return the query for low, high and last.

    For a series with recent rows, all rows are read: a retraction may have removed any of them.
    Only rows since the latest reset of a day count. Several rows may have the last instant.
    """
    changed_join = (
        "join (select distinct metric, source "  # noqa: S608  # constants
        f"from {prefix}measure) as t on t.metric = w.metric"
    )
    return JsonQuery(
        "window_index, source, least, most, last_us, last_id, last_value",
        "select window_index, source, least, most, last_us, last_id, "  # noqa: S608  # constants
        "last_value from (select window_index, source, last_us, last_id, last_value, "
        "min(low) over of_source as least, max(high) over of_source as most, "
        "max(last_us) over of_source as newest from (select w.window_index, m.source, m.low, "
        "m.high, m.last_us, m.last_id, m.last_value, m.recorded_day, "
        "max(case when m.reset = 1 then m.recorded_day end) over (partition by w.window_index, "
        f"m.source, m.day) as since from w {changed_join if prefix else ''} "
        f"join measure m on {MEASURE_JOIN} {'and m.source = t.source' if prefix else ''} "
        "where w.asks_order = 1) as buckets where (since is null or recorded_day >= since) "
        "and low is not null window of_source as (partition by window_index, source)) as orders "
        "where last_us = newest",
    )


def _latest_query(prefix: str) -> JsonQuery:
    """Return the query for the latest day with an event, by match set and objective.

    With a prefix, only pairs that lost an event are read.
    """
    loss_condition = (
        "and (matching, objective) in (select matching, objective "  # noqa: S608  # constants
        f"from {prefix}attention where events < 0)"
    )
    return JsonQuery(
        "matching, objective, day",
        "select matching, objective, max(day) as day "  # noqa: S608  # constants
        "from (select matching, objective, day from attention "
        "where organization_id = :organization and day between :first and :until "
        f"and recorded_day <= :known {loss_condition if prefix else ''} "
        "group by matching, objective, day having sum(events) > 0) as days "
        "group by matching, objective",
    )


def _latest_gains(prefix: str) -> JsonQuery:
    """Return the query for the latest day with a new event, and whether an event was retracted.

    It reads recent rows only.
    """
    return JsonQuery(
        "matching, objective, day, least",
        "select matching, objective, "  # noqa: S608  # constants
        "max(case when events > 0 then day end) as day, min(events) as least "
        f"from {prefix}attention where organization_id = :organization "
        f"and day between :first and :until and {'true' if prefix else 'false'} "
        "group by matching, objective",
    )


def _sold_query(prefix: str) -> JsonQuery:
    having_clause = "" if prefix else "having sum(items) <> 0"
    return JsonQuery(
        "offering, team, day, items, high, low",
        "select offering, team, day, "  # noqa: S608  # constants
        f"cast(sum(items) as bigint) as items, {split_sum('value')} from {prefix}sold "
        "where organization_id = :organization and day between :first and :until "
        "and recorded_day <= :known and (:anything = 1 or unit in ('', :unit)) "
        f"group by offering, team, day {having_clause}",
    )


def _match_sets_query(prefix: str) -> JsonQuery:
    set_condition = (
        f"and id in (select matching from {prefix}attention)" if prefix else ""  # noqa: S608  # constants
    )
    query = (
        "select id, metrics from matching "  # noqa: S608  # constants
        f"where organization_id = :organization {set_condition}"
    )
    return JsonQuery("id, metrics", query)


def _effort_query(prefix: str, period: int) -> JsonQuery:
    """Return the query for the effort of one period."""
    having_clause = "" if prefix else "having sum(events) <> 0"
    return JsonQuery(
        "team, kind, matching, objective, events, high, low",
        "select team, kind, matching, objective, "  # noqa: S608  # constants
        f"cast(sum(events) as bigint) as events, {split_sum('effort')} from {prefix}attention "
        f"where organization_id = :organization and day between :first_{period} and :last_{period} "
        f"and recorded_day <= :known group by team, kind, matching, objective {having_clause}",
    )


def supports_incremental_read(connection: AsyncConnection) -> bool:
    """Return whether an incremental read is faster. SQLite plans its statement badly."""
    return not is_embedded(connection)


@dataclass(frozen=True, slots=True)
class ClosedDayEvidence:
    """The evidence that was recorded up to a closed day."""

    accumulator: EvidenceAccumulator
    day: date


async def read_snapshot(
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    frame: ScoringFrame,
    closed_days: ClosedDayEvidence | None = None,
) -> Snapshot:
    """Read the evidence for a score. Rows up to the closed day are taken from `closed_days`."""
    accumulator = (
        EvidenceAccumulator(playbook_index, frame)
        if closed_days is None
        else closed_days.accumulator.copy()
    )
    version_row, delivery_rows = await _add_evidence(
        connection, organization_id, accumulator, None if closed_days is None else closed_days.day
    )
    readings = accumulator.readings
    return Snapshot(
        playbook_index=playbook_index,
        frame=frame,
        version=_to_version(version_row, frame.known_at),
        readings=readings,
        effort_cells=tuple(accumulator.cells.values()),
        latest_activities=tuple(accumulator.latest.values()),
        sold_values=tuple(accumulator.sold.values()),
        team_efforts=None
        if accumulator.effort_totals is None
        else accumulator.effort_totals.to_team_efforts(),
        excluded_currencies=await loss_annotations.excluded_currencies(
            connection, organization_id, frame, readings, accumulator.labels
        ),
        source_activities=await loss_annotations.source_activity_from_rows(
            connection, organization_id, playbook_index, delivery_rows, accumulator.recorded_days
        ),
    )


async def read_closed_days(
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    frame: ScoringFrame,
    day: date,
) -> ClosedDayEvidence:
    """Read the evidence for a score that was recorded up to a closed day."""
    accumulator = EvidenceAccumulator(playbook_index, frame)
    await _add_evidence(connection, organization_id, accumulator, None, day)
    return ClosedDayEvidence(accumulator, day)


async def _add_evidence(
    connection: AsyncConnection,
    organization_id: UUID,
    accumulator: EvidenceAccumulator,
    since: date | None,
    until: date | None = None,
) -> tuple[Sequence[Any], Sequence[tuple[str, int | None]]]:
    """Add the evidence recorded after `since` and up to `until`.

    Return the version row and the last delivery of each hook.
    """
    prefix = "" if since is None else "new_"
    activity_queries, activity_parameters = loss_annotations.source_activity_queries(
        connection, accumulator.playbook_index, accumulator.frame, f"{prefix}measure"
    )
    queries = (*activity_queries, *_evidence_queries(prefix, len(accumulator.periods)))
    parameters = {**activity_parameters, **_query_parameters(accumulator)}
    if since is not None:
        parameters["since"] = epoch.to_day_number(since)
    if until is not None:
        parameters["known"] = epoch.to_day_number(min(until, accumulator.frame.known_at))
    rows = await query_many(
        connection, organization_id, queries, parameters, _with_clause(connection, prefix)
    )
    (
        delivery_rows,
        recorded_days,
        sums,
        extremes,
        latest,
        gains,
        sold,
        match_sets,
        version_rows,
        *attention,
    ) = rows
    accumulator.add_rows(
        RollupRows(sums, extremes, latest, gains, sold, match_sets, recorded_days, attention)
    )
    return version_rows[0], delivery_rows


def _query_parameters(accumulator: EvidenceAccumulator) -> Mapping[str, object]:
    playbook_index = accumulator.playbook_index
    metrics = playbook_index.configuration.metrics
    unit = playbook_index.policy.unit
    days = {
        "first": playbook_index.playbook.starts_on,
        "until": accumulator.frame.until,
        **{f"first_{n}": first for n, (first, _, _) in enumerate(accumulator.periods)},
        **{f"last_{n}": last for n, (_, last, _) in enumerate(accumulator.periods)},
    }
    extreme_metrics = {
        metric_key
        for metric_key in metrics
        if metrics[metric_key].aggregation in EXTREME_AGGREGATIONS
    }
    return {
        **{parameter_name: epoch.to_day_number(day) for parameter_name, day in days.items()},
        "windows": dumps(
            [
                [n, *span, int(span[0] in extreme_metrics)]
                for n, span in enumerate(accumulator.windows)
            ]
        ),
        "anything": int(unit is None),
        "unit": unit or "",
    }


def _to_version(version_row: Sequence[Any], known_at: date) -> int:
    """Return the organization's version at the end of a day, as version_at_end_of_day does."""
    seq, recorded_day, closed_seq = version_row
    return seq if recorded_day <= epoch.to_day_number(known_at) else closed_seq or 0


async def load_metrics_by_set(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, frozenset[str]]:
    """Return the metrics of every match set, the empty one included, by its id."""
    statement = select(matching_table.c.id, matching_table.c.metrics).where(
        matching_table.c.organization_id == organization_id
    )
    return {
        "": frozenset(),
        **{
            set_name: frozenset(metric_key for metric_key, _ in metric_states)
            for set_name, metric_states in await connection.execute(statement)
        },
    }
