"""How many events stand to a metric in which way, from the roll-ups."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.tables.events import MeasureRow
from app.store.tables.playbook import table_of

measure = table_of(MeasureRow)


@dataclass(frozen=True, slots=True)
class Figures:
    """Live events that match a metric, that count for it, and that do not for their unit or for want of a number."""

    matched: int = 0
    counted: int = 0
    other_unit: int = 0
    no_value: int = 0


async def figures(
    connection: AsyncConnection, organization_id: UUID, metrics: Collection[str]
) -> Mapping[str, Figures]:
    """The figures of each of these metrics."""
    names = ("matched", "counted", "other_unit", "no_value")
    statement = (
        select(measure.c.metric, *(func.sum(measure.c[name]) for name in names))
        .where(measure.c.organization_id == organization_id, measure.c.metric.in_(sorted(metrics)))
        .group_by(measure.c.metric)
    )
    found = {
        key: Figures(*map(int, counts)) for key, *counts in await connection.execute(statement)
    }
    return {key: found.get(key, Figures()) for key in metrics}
