"""The one read that feeds scoring: the evidence, folded from the roll-ups in one statement; no event is read.

What was recorded on days that are over stays as it is while the configuration does: it can be kept, and only what was
recorded since is read. All that changes rows of such days, a restatement and a rebuild, is a change of configuration.
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
from app.scoring.evidence_accumulator import EvidenceAccumulator, RollupRows
from app.scoring.playbook_index import PlaybookIndex
from app.scoring.snapshot import ScoringFrame, Snapshot
from app.store.alignment import loss_annotations as remarks
from app.store.sql.dialect import is_embedded, json_recordset
from app.store.sql.multi_query import JsonQuery, query_many
from app.store.tables.events import MatchingRow
from app.store.tables.playbook import get_table

EXTREME_AGGREGATIONS: Final = frozenset({"min", "max", "last"})
matching_table = get_table(MatchingRow)
WINDOW_COLUMN_TYPES: Final = {
    "place": "whole",
    "metric": "text",
    "first": "whole",
    "last": "whole",
    "asks_order": "whole",
}
ROLLUP_NAMES: Final = ("measure", "attention", "sold")


def split_sum(column: str) -> str:
    """A sum of bigints that cannot overflow, as its high and its low part; both databases shift arithmetically."""
    return f"cast(sum({column} >> 32) as bigint) as high, cast(sum({column} & 4294967295) as bigint) as low"


# The plus keeps SQLite, which has no statistics, from looking the rows of a metric up by their days alone: that took
# seconds instead of milliseconds.
MEASURE_JOIN: Final = (
    "m.organization_id = :organization and m.metric = w.metric "
    "and +m.day between w.first and w.last and m.recorded_day <= :known"
)
VERSION_QUERY: Final = JsonQuery(
    "seq, recorded_day, closed",
    "select seq, recorded_day, (select max(seq) from closing where organization_id = :organization and day <= :known) "
    "as closed from cursor where organization_id = :organization",
)


@cache
def _evidence_queries(prefix: str, period_count: int) -> tuple[JsonQuery, ...]:
    """What is read, the work of so many stretches of days last. Shape: `recent` as in `_before`."""
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
    """What the parts read: the windows, and what was recorded since, under the names of the roll-ups with that prefix.

    Shape: without a prefix all is read, from the roll-ups themselves.
    """
    windows_clause = f"w as materialized (select * from {json_recordset(connection, 'windows', WINDOW_COLUMN_TYPES, 'w')})"  # constants  # noqa: S608  # constants
    recent_clauses = [
        f"{prefix}{name} as materialized (select * from {name} where organization_id = :organization "  # constants  # noqa: S608  # constants
        "and recorded_day > :since and recorded_day <= :known)"
        for name in ROLLUP_NAMES
        if prefix
    ]
    return f"with {', '.join([windows_clause, *recent_clauses])}"


def _sums_query(prefix: str) -> JsonQuery:
    return JsonQuery(
        "place, source, counted, high, low, no_value, other_unit",
        f"select w.place, m.source, cast(sum(m.counted) as bigint) as counted, {split_sum('m.total')}, "  # constants  # noqa: S608  # constants
        "cast(sum(m.no_value) as bigint) as no_value, cast(sum(m.other_unit) as bigint) as other_unit "
        f"from w join {prefix}measure m on {MEASURE_JOIN} group by w.place, m.source",
    )


def _extremes_query(prefix: str) -> JsonQuery:
    """Low, high and last; where any row is new of all rows, for a retraction may have taken any of them back.

    Of a day they are those of the rows since its latest reset; several rows may have the last instant.
    """
    changed_join = f"join (select distinct metric, source from {prefix}measure) as t on t.metric = w.metric"  # constants  # noqa: S608  # constants
    return JsonQuery(
        "place, source, least, most, last_us, last_id, last_value",
        "select place, source, least, most, last_us, last_id, last_value from (select place, source, last_us, last_id, "  # constants  # noqa: S608  # constants
        "last_value, min(low) over of_source as least, max(high) over of_source as most, "
        "max(last_us) over of_source as newest "
        "from (select w.place, m.source, m.low, m.high, m.last_us, m.last_id, m.last_value, m.recorded_day, "
        "max(case when m.reset = 1 then m.recorded_day end) over (partition by w.place, m.source, m.day) as since "
        f"from w {changed_join if prefix else ''} join measure m on {MEASURE_JOIN} {'and m.source = t.source' if prefix else ''} "
        "where w.asks_order = 1) as buckets where (since is null or recorded_day >= since) and low is not null "
        "window of_source as (partition by place, source)) as orders where last_us = newest",
    )


def _latest_query(prefix: str) -> JsonQuery:
    """The newest day with an event, by what was matched and named; where any is new only of what lost one."""
    loss_condition = f"and (matching, objective) in (select matching, objective from {prefix}attention where events < 0)"  # constants  # noqa: S608  # constants
    return JsonQuery(
        "matching, objective, day",
        "select matching, objective, max(day) as day from (select matching, objective, day from attention "  # constants  # noqa: S608  # constants
        "where organization_id = :organization and day between :first and :until and recorded_day <= :known "
        f"{loss_condition if prefix else ''} group by matching, objective, day having sum(events) > 0) as days "
        "group by matching, objective",
    )


def _latest_gains(prefix: str) -> JsonQuery:
    """The newest day that gained an event, and whether any lost one: of what is there already nothing is asked."""
    return JsonQuery(
        "matching, objective, day, least",
        "select matching, objective, max(case when events > 0 then day end) as day, min(events) as least "  # constants  # noqa: S608  # constants
        f"from {prefix}attention where organization_id = :organization and day between :first and :until "
        f"and {'true' if prefix else 'false'} group by matching, objective",
    )


def _sold_query(prefix: str) -> JsonQuery:
    having_clause = "" if prefix else "having sum(items) <> 0"
    return JsonQuery(
        "offering, team, day, items, high, low",
        f"select offering, team, day, cast(sum(items) as bigint) as items, {split_sum('value')} from {prefix}sold "  # constants  # noqa: S608  # constants
        "where organization_id = :organization and day between :first and :until and recorded_day <= :known "
        f"and (:anything = 1 or unit in ('', :unit)) group by offering, team, day {having_clause}",
    )


def _match_sets_query(prefix: str) -> JsonQuery:
    set_condition = (
        f"and id in (select matching from {prefix}attention)" if prefix else ""  # noqa: S608  # constants
    )  # constants
    query = f"select id, metrics from matching where organization_id = :organization {set_condition}"  # constants  # noqa: S608  # constants
    return JsonQuery("id, metrics", query)


def _effort_query(prefix: str, period: int) -> JsonQuery:
    """Where the work of one stretch of days went."""
    having_clause = "" if prefix else "having sum(events) <> 0"
    return JsonQuery(
        "team, kind, matching, objective, events, high, low",
        f"select team, kind, matching, objective, cast(sum(events) as bigint) as events, {split_sum('effort')} "  # constants  # noqa: S608  # constants
        f"from {prefix}attention where organization_id = :organization and day between :first_{period} "
        f"and :last_{period} and recorded_day <= :known group by team, kind, matching, objective {having_clause}",
    )


def supports_incremental_read(connection: AsyncConnection) -> bool:
    """Whether it is quicker to read only what is new: an embedded database plans that statement badly."""
    return not is_embedded(connection)


@dataclass(frozen=True, slots=True)
class ClosedDayEvidence:
    """The evidence that was recorded up to a day that is over."""

    accumulator: EvidenceAccumulator
    day: date


async def read_snapshot(
    connection: AsyncConnection,
    organization_id: UUID,
    playbook_index: PlaybookIndex,
    frame: ScoringFrame,
    closed_days: ClosedDayEvidence | None = None,
) -> Snapshot:
    """Everything that a score by that plan in that frame needs; what is kept of it is not read again."""
    accumulator = (
        EvidenceAccumulator(playbook_index, frame)
        if closed_days is None
        else closed_days.accumulator.copy()
    )
    version_row, delivery_rows = await _add_evidence(
        connection, organization_id, accumulator, None if closed_days is None else closed_days.day
    )
    readings, known_at = accumulator.readings, frame.known_at
    return Snapshot(
        playbook_index=playbook_index,
        frame=frame,
        version=_to_version(version_row, known_at),
        readings=readings,
        effort_cells=tuple(accumulator.cells.values()),
        latest_activities=tuple(accumulator.latest.values()),
        sold_values=tuple(accumulator.sold.values()),
        team_efforts=None
        if accumulator.effort_totals is None
        else accumulator.effort_totals.to_team_efforts(),
        excluded_currencies=await remarks.excluded_currencies(
            connection, organization_id, frame, readings, accumulator.labels
        ),
        source_activities=await remarks.source_activity_from_rows(
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
    """The evidence for a score by that plan in that frame, as far as it was recorded up to that day, which is over."""
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
    """What was recorded after the one day and up to the other is added; the version, and when hooks were heard of."""
    prefix = "" if since is None else "new_"
    activity_queries, activity_parameters = remarks.source_activity_queries(
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
    """What the statement is asked with."""
    playbook_index, frame = accumulator.playbook_index, accumulator.frame
    metrics, unit = playbook_index.configuration.metrics, playbook_index.policy.unit
    days = {
        "first": playbook_index.playbook.starts_on,
        "until": frame.until,
        **{f"first_{n}": first for n, (first, _, _) in enumerate(accumulator.periods)},
        **{f"last_{n}": last for n, (_, last, _) in enumerate(accumulator.periods)},
    }
    extreme_metrics = {key for key in metrics if metrics[key].aggregation in EXTREME_AGGREGATIONS}
    return {
        **{name: epoch.to_day_number(day) for name, day in days.items()},
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
    """The organization's version at the end of that day, as `cursor.version_on` says."""
    seq, recorded_day, closed_seq = version_row
    return seq if recorded_day <= epoch.to_day_number(known_at) else closed_seq or 0


async def load_metrics_by_set(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, frozenset[str]]:
    """The metrics of every matched set, by its name; the empty one too."""
    statement = select(matching_table.c.id, matching_table.c.metrics).where(
        matching_table.c.organization_id == organization_id
    )
    return {
        "": frozenset(),
        **{
            set_name: frozenset(key for key, _ in metric_states)
            for set_name, metric_states in await connection.execute(statement)
        },
    }
