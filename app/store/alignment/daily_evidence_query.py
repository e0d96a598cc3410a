"""The evidence day by day, as it was known on one day: what a history and a what-if are folded from."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from json import dumps
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Match
from app.domain.primitives import epoch
from app.scoring.daily_evidence import (
    DailyEffort,
    DailyEvidence,
    DailyMeasure,
    DailySales,
    EffortKey,
)
from app.scoring.evidence_accumulator import join_sum
from app.store.alignment.evidence_query import load_metrics_by_set, split_sum
from app.store.events.rollup_rebuild import EventState
from app.store.sql import column_types as types
from app.store.sql.dialect import json_recordset

METRIC_COLUMN_TYPES: Final = {"metric": "text"}
DayExtremes = tuple[int, int, tuple[int, str, int]]


async def read_daily_evidence(
    connection: AsyncConnection,
    organization_id: UUID,
    metrics: Mapping[str, bool],
    days: tuple[date, date],
    known_at: date,
) -> DailyEvidence:
    """The evidence of those days. Shape: metrics by key, and whether low, high and last of each are asked for."""
    query = _DailyEvidenceQuery(connection, organization_id, days, known_at)
    extremes = await query.load_extremes(
        sorted(key for key, needs_extremes in metrics.items() if needs_extremes)
    )
    return DailyEvidence(
        await query.load_measures(sorted(metrics), extremes),
        await query.load_attention(),
        await query.load_sold(),
    )


class _DailyEvidenceQuery:
    def __init__(
        self,
        connection: AsyncConnection,
        organization_id: UUID,
        days: tuple[date, date],
        known_at: date,
    ) -> None:
        self._connection, self._organization_id = connection, organization_id
        first_day, last_day = map(epoch.to_day_number, days)
        self._parameters = {
            "first": first_day,
            "last": last_day,
            "known": epoch.to_day_number(known_at),
        }

    async def _fetch_rows(
        self, statement: TextClause, **extra_parameters: str
    ) -> Sequence[tuple[Any, ...]]:
        bound_statement = statement.bindparams(
            bindparam("organization", self._organization_id, types.UuidColumn())
        )
        return [
            tuple(row)
            for row in await self._connection.execute(
                bound_statement, {**self._parameters, **extra_parameters}
            )
        ]

    def _metrics_recordset(self) -> str:
        return json_recordset(self._connection, "metrics", METRIC_COLUMN_TYPES, "w")

    async def load_extremes(
        self, metrics: Sequence[str]
    ) -> Mapping[tuple[str, str, int], DayExtremes]:
        """Low, high and last by metric, source and day, from the rows since the day's latest reset."""
        statement = text(
            "select metric, source, day, low, high, last_us, last_id, last_value from (select m.metric, m.source, "  # constants  # noqa: S608  # constants
            "m.day, m.low, m.high, m.last_us, m.last_id, m.last_value, m.recorded_day, "
            "max(case when m.reset = 1 then m.recorded_day end) over (partition by m.metric, m.source, m.day) as since "
            f"from {self._metrics_recordset()} join measure m on m.organization_id = :organization and m.metric = w.metric "
            "and +m.day between :first and :last and m.recorded_day <= :known) as f "
            "where (since is null or recorded_day >= since) and low is not null"
        )
        extremes: dict[tuple[str, str, int], DayExtremes] = {}
        for metric, source, day, low, high, last_us, event_id, value in (
            await self._fetch_rows(statement, metrics=_to_json_rows(metrics)) if metrics else ()
        ):
            key = metric, source, day
            lowest, highest, last = low, high, (last_us, event_id, value)
            previous = extremes.get(key, (lowest, highest, last))
            extremes[key] = (
                min(lowest, previous[0]),
                max(highest, previous[1]),
                max(last, previous[2]),
            )
        return extremes

    async def load_measures(
        self, metrics: Sequence[str], extremes: Mapping[tuple[str, str, int], DayExtremes]
    ) -> Mapping[str, Sequence[DailyMeasure]]:
        statement = text(
            f"select m.metric, m.day, m.source, cast(sum(m.counted) as bigint), {split_sum('m.total')}, "  # constants  # noqa: S608  # constants
            "cast(sum(m.no_value) as bigint), cast(sum(m.other_unit) as bigint) "
            f"from {self._metrics_recordset()} join measure m on m.organization_id = :organization "
            "and m.metric = w.metric and +m.day between :first and :last and m.recorded_day <= :known "
            "group by m.metric, m.day, m.source order by m.metric, m.day, m.source"
        )
        measures_by_metric: dict[str, list[DailyMeasure]] = {}
        for metric, day, source, count, high, low, without_value, other_unit in (
            await self._fetch_rows(statement, metrics=_to_json_rows(metrics)) if metrics else ()
        ):
            day_extremes = extremes.get((metric, source, day), ())
            measure_day = DailyMeasure(
                epoch.from_day_number(day),
                source,
                count,
                join_sum(high, low),
                without_value,
                other_unit,
                *day_extremes,
            )
            measures_by_metric.setdefault(metric, []).append(measure_day)
        return measures_by_metric

    async def load_attention(self) -> Mapping[date, Sequence[DailyEffort]]:
        metrics_by_set = await load_metrics_by_set(self._connection, self._organization_id)
        statement = text(
            f"select day, team, kind, matching, objective, cast(sum(events) as bigint), {split_sum('effort')} "  # constants  # noqa: S608  # constants
            "from attention where organization_id = :organization and day between :first and :last "
            "and recorded_day <= :known group by day, team, kind, matching, objective having sum(events) <> 0"
        )
        attention_by_day: dict[int, list[DailyEffort]] = {}
        for day, team, kind, set_name, objective, events, high, low in await self._fetch_rows(
            statement
        ):
            attention_day = DailyEffort(
                team, kind, metrics_by_set[set_name], objective or None, events, join_sum(high, low)
            )
            attention_by_day.setdefault(day, []).append(attention_day)
        return {epoch.from_day_number(day): rows for day, rows in attention_by_day.items()}

    async def load_sold(self) -> Mapping[date, Sequence[DailySales]]:
        statement = text(
            f"select day, offering, team, unit, {split_sum('value')} from sold where organization_id = :organization "  # constants  # noqa: S608  # constants
            "and day between :first and :last and recorded_day <= :known "
            "group by day, offering, team, unit having sum(items) <> 0"
        )
        sold_by_day: dict[int, list[DailySales]] = {}
        for day, offering, team, unit, high, low in await self._fetch_rows(statement):
            sold_by_day.setdefault(day, []).append(
                DailySales(offering, team, unit, join_sum(high, low))
            )
        return {epoch.from_day_number(day): rows for day, rows in sold_by_day.items()}


async def with_changed_metrics(  # the evidence, and what it takes to change it
    connection: AsyncConnection,
    organization_id: UUID,
    evidence: DailyEvidence,
    states: Sequence[EventState],
    changed_metrics: Collection[str],
    known_at: date,
) -> DailyEvidence:
    """The evidence as other metrics would make it. Shape: `found` are all events that they concern, matched by them."""
    metrics_by_set, known_day = (
        await load_metrics_by_set(connection, organization_id),
        epoch.to_day_number(known_at),
    )
    measures: dict[str, list[DailyMeasure]] = {
        key: [row for row in rows if key not in changed_metrics]
        for key, rows in evidence.measures.items()
    }
    effort_by_day: dict[date, dict[EffortKey, list[int]]] = {}

    def add_effort(day: date, cell_key: EffortKey, events: int, effort: int) -> None:
        cell = effort_by_day.setdefault(day, {}).setdefault(cell_key, [0, 0])
        cell[0] += events
        cell[1] += effort

    for day, rows in evidence.efforts.items():
        for row in rows:
            add_effort(day, row[:4], row.events, row.effort)
    for state in sorted(states, key=lambda state: state.matched_event.day):
        if state.recorded_day > known_day or (
            state.retracted_day is not None and state.retracted_day <= known_day
        ):
            continue
        matched_event, event, day = (
            state.matched_event,
            state.matched_event.event,
            epoch.from_day_number(state.matched_event.day),
        )
        for match in matched_event.matches:
            if match.metric in changed_metrics:
                measures.setdefault(match.metric, []).append(
                    _to_measure_day(day, matched_event, match)
                )
        for metrics, sign in (
            (metrics_by_set[state.stored_matching], -1),
            (frozenset(match.metric for match in matched_event.matches), 1),
        ):
            add_effort(
                day, (event.team, event.kind, metrics, event.objective), sign, sign * event.weight
            )
    attention = {
        day: [DailyEffort(*cell_key, *sums) for cell_key, sums in cells.items() if sums[0]]
        for day, cells in effort_by_day.items()
    }
    return DailyEvidence(measures, attention, evidence.sales)


def _to_measure_day(day: date, matched_event: MatchedEvent, match: Match) -> DailyMeasure:
    """What one event says of a metric."""
    if match.state != "counts":
        excluded_counts = int(match.state == "no_value"), int(match.state == "other_unit")
        return DailyMeasure(day, matched_event.event.source, 0, 0, *excluded_counts)
    last = (matched_event.time_us, matched_event.event.id, match.value)
    return DailyMeasure(
        day, matched_event.event.source, 1, match.value, 0, 0, match.value, match.value, last
    )


def _to_json_rows(metrics: Sequence[str]) -> str:
    return dumps([[key] for key in metrics])
