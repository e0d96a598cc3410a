"""Counts of events by metric, from the roll-ups."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables.base import get_table
from app.store.tables.rollups import MeasureRow

measure_table = get_table(MeasureRow)


@dataclass(frozen=True, slots=True)
class MetricCounts:
    """The live events that match a metric, by their state."""

    matched: int = 0
    counted: int = 0
    other_unit: int = 0
    no_value: int = 0


async def count_by_metric(
    connection: AsyncConnection, organization_id: UUID, metrics: Collection[str]
) -> Mapping[str, MetricCounts]:
    """Return the counts of each metric."""
    column_names = ("matched", "counted", "other_unit", "no_value")
    statement = (
        select(
            measure_table.c.metric,
            *(func.sum(measure_table.c[column_name]) for column_name in column_names),
        )
        .where(
            measure_table.c.organization_id == organization_id,
            measure_table.c.metric.in_(sorted(metrics)),
        )
        .group_by(measure_table.c.metric)
    )
    counts_by_metric = {
        metric_key: MetricCounts(*map(int, counts))
        for metric_key, *counts in await connection.execute(statement)
    }
    return {metric_key: counts_by_metric.get(metric_key, MetricCounts()) for metric_key in metrics}
