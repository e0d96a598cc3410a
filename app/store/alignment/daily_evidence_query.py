"""Evidence by day, as it was known on one day: the input of histories and what-ifs."""

from collections.abc import Mapping, Sequence
from datetime import date
from json import dumps
from typing import Any, Final
from uuid import UUID

from sqlalchemy import TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives import epoch
from app.scoring.evidence.accumulator import join_sum
from app.scoring.evidence.daily_evidence import (
    DailyEffort,
    DailyEvidence,
    DailyMeasure,
    DailySales,
)
from app.store.alignment.evidence_query import load_metrics_by_set, split_sum
from app.store.sql import column_types
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
    """Read the evidence of some days.

    `metrics` says for each metric whether its low, high and last are needed.
    """
    query = _DailyEvidenceQuery(connection, organization_id, days, known_at)
    extremes = await query.load_extremes(
        sorted(metric_key for metric_key, needs_extremes in metrics.items() if needs_extremes)
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
        self._connection = connection
        self._organization_id = organization_id
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
            bindparam("organization", self._organization_id, column_types.UuidColumn())
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
        """Return low, high and last by metric, source and day, from rows since the latest reset."""
        extremes_query = text(
            "select metric, source, day, low, high, last_us, last_id, "  # noqa: S608  # constants
            "last_value from (select m.metric, m.source, m.day, m.low, m.high, m.last_us, "
            "m.last_id, m.last_value, m.recorded_day, "
            "max(case when m.reset = 1 then m.recorded_day end) over (partition by m.metric, "
            f"m.source, m.day) as since from {self._metrics_recordset()} "
            "join measure m on m.organization_id = :organization and m.metric = w.metric "
            "and +m.day between :first and :last and m.recorded_day <= :known) as f "
            "where (since is null or recorded_day >= since) and low is not null"
        )
        extremes: dict[tuple[str, str, int], DayExtremes] = {}
        for metric, source, day, low, high, last_us, event_id, last_value in (
            await self._fetch_rows(extremes_query, metrics=_to_json_rows(metrics))
            if metrics
            else ()
        ):
            extreme_key = metric, source, day
            last = (last_us, event_id, last_value)
            previous = extremes.get(extreme_key, (low, high, last))
            extremes[extreme_key] = (
                min(low, previous[0]),
                max(high, previous[1]),
                max(last, previous[2]),
            )
        return extremes

    async def load_measures(
        self, metrics: Sequence[str], extremes: Mapping[tuple[str, str, int], DayExtremes]
    ) -> Mapping[str, Sequence[DailyMeasure]]:
        """Return the measures of each metric, in the order of their days."""
        measures_query = text(
            "select m.metric, m.day, m.source, "  # noqa: S608  # constants
            f"cast(sum(m.counted) as bigint), {split_sum('m.total')}, "
            "cast(sum(m.no_value) as bigint), cast(sum(m.other_unit) as bigint) "
            f"from {self._metrics_recordset()} join measure m on m.organization_id = :organization "
            "and m.metric = w.metric and +m.day between :first and :last "
            "and m.recorded_day <= :known group by m.metric, m.day, m.source "
            "order by m.metric, m.day, m.source"
        )
        measures_by_metric: dict[str, list[DailyMeasure]] = {}
        for metric, day, source, count, high, low, without_value, other_unit in (
            await self._fetch_rows(measures_query, metrics=_to_json_rows(metrics))
            if metrics
            else ()
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
        """Return the effort of each day."""
        metrics_by_set = await load_metrics_by_set(self._connection, self._organization_id)
        attention_query = text(
            "select day, team, kind, matching, objective, "  # noqa: S608  # constants
            f"cast(sum(events) as bigint), {split_sum('effort')} from attention "
            "where organization_id = :organization and day between :first and :last "
            "and recorded_day <= :known group by day, team, kind, matching, objective "
            "having sum(events) <> 0"
        )
        attention_by_day: dict[int, list[DailyEffort]] = {}
        for day, team, kind, set_name, objective, events, high, low in await self._fetch_rows(
            attention_query
        ):
            attention_day = DailyEffort(
                team, kind, metrics_by_set[set_name], objective or None, events, join_sum(high, low)
            )
            attention_by_day.setdefault(day, []).append(attention_day)
        return {epoch.from_day_number(day): rows for day, rows in attention_by_day.items()}

    async def load_sold(self) -> Mapping[date, Sequence[DailySales]]:
        """Return the sales of each day."""
        sold_query = text(
            f"select day, offering, team, unit, {split_sum('value')} "  # noqa: S608  # constants
            "from sold where organization_id = :organization and day between :first and :last "
            "and recorded_day <= :known group by day, offering, team, unit having sum(items) <> 0"
        )
        sold_by_day: dict[int, list[DailySales]] = {}
        for day, offering, team, unit, high, low in await self._fetch_rows(sold_query):
            sold_by_day.setdefault(day, []).append(
                DailySales(offering, team, unit, join_sum(high, low))
            )
        return {epoch.from_day_number(day): rows for day, rows in sold_by_day.items()}


def _to_json_rows(metrics: Sequence[str]) -> str:
    return dumps([[metric_key] for metric_key in metrics])
