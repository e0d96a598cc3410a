"""Restating history after a metric was redefined: a day at a time, kept apart until all days are done."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.metrics import Metric
from app.domain.playbook import serialization as codec
from app.store.events import rollups
from app.store.events.ingest import save_match_sets
from app.store.events.rollup_rebuild import (
    EventState,
    RecomputedRollups,
    recompute_extremes,
    update_matches,
)
from app.store.events.rollups import RollupDeltas, to_cell_rows, to_measure_rows
from app.store.tables.events import AttentionRow, MeasureRow, RestatedDayRow, RestatementRow
from app.store.tables.playbook import get_table

attention_table, measure_table = get_table(AttentionRow), get_table(MeasureRow)
restatement_table, restated_day_table = get_table(RestatementRow), get_table(RestatedDayRow)
TableRows = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class PendingRestatement:
    """A restatement under way. Shape: `metrics` are as they were before, None for one that was not there.

    Units: `days` since 1970, in order.
    """

    metrics: Mapping[str, Metric | None]
    days: tuple[int, ...]
    actor: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class RestatedDay:
    """One day of history as redefined metrics make it.

    Shape: rows of `measure` for those metrics, rows to add to `attention`, sets by name, and (uid, set) of what moves.
    """

    day: int
    measure: TableRows
    attention: TableRows
    sets: Mapping[str, str]
    moved: Sequence[tuple[str, str]]


async def load_previous_metrics(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, Metric | None]:
    """The metrics whose change history does not show yet, as they were before it; None for one that was not there."""
    restatement = await find_restatement(connection, organization_id)
    return {} if restatement is None else restatement.metrics


async def find_restatement(
    connection: AsyncConnection, organization_id: UUID
) -> PendingRestatement | None:
    """The restatement under way. None when there is none."""
    statement = select(restatement_table).where(
        restatement_table.c.organization_id == organization_id
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    metrics = {key: _to_metric(content) for key, content in row["metrics"].items()}
    return PendingRestatement(metrics, tuple(row["days"]), row["actor"], row["started_at"])


def _to_metric(content: Mapping[str, object] | None) -> Metric | None:
    resource = None if content is None else codec.from_json("metric", content)
    return resource if isinstance(resource, Metric) else None


async def begin_restatement(
    connection: AsyncConnection, organization_id: UUID, restatement: PendingRestatement
) -> None:
    """That restatement is under way, in place of any other."""
    await end_restatement(connection, organization_id)
    metrics = {
        key: None if metric is None else codec.to_json(metric)
        for key, metric in restatement.metrics.items()
    }
    columns = {
        "metrics": metrics,
        "days": list(restatement.days),
        "actor": restatement.actor,
        "started_at": restatement.started_at,
    }
    await connection.execute(
        insert(restatement_table).values(organization_id=organization_id, **columns)
    )


async def set_remaining_days(
    connection: AsyncConnection, organization_id: UUID, days: Sequence[int]
) -> None:
    """These are the days to do."""
    where = restatement_table.c.organization_id == organization_id
    await connection.execute(update(restatement_table).where(where).values(days=list(days)))


async def end_restatement(connection: AsyncConnection, organization_id: UUID) -> None:
    """No restatement is under way, and nothing of one is kept."""
    for table in (restatement_table, restated_day_table):
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))


def restate_day(day: int, states: Sequence[EventState], touched: Collection[str]) -> RestatedDay:
    """A day of history. Shape: `found` are the day's events of the touched metrics' types, matched as they are now."""
    deltas, recomputed = RollupDeltas(), RecomputedRollups()
    for state in states:
        matched_event = state.matched_event
        is_moved = recomputed.note_matching(matched_event, state.stored_matching)
        for recorded_day, sign in ((state.recorded_day, 1), (state.retracted_day, -1)):
            if recorded_day is not None:
                deltas.add_measures(matched_event, recorded_day, sign)
            if recorded_day is not None and is_moved:
                deltas.add_attention(matched_event, state.stored_matching, recorded_day, -sign)
                deltas.add_attention(matched_event, matched_event.matching, recorded_day, sign)
    recompute_extremes(deltas, states)
    deltas.measure = {key: bucket for key, bucket in deltas.measure.items() if key[0] in touched}
    pairs = [(str(uid), name) for uid, name in sorted(recomputed.changed_matchings.items())]
    return RestatedDay(
        day, to_measure_rows(deltas), to_cell_rows(deltas.attention), recomputed.match_sets, pairs
    )


async def save_restated_day(
    connection: AsyncConnection, organization_id: UUID, restated: RestatedDay
) -> None:
    """The part is kept until all are done."""
    content = {name: getattr(restated, name) for name in ("measure", "attention", "sets", "moved")}
    columns = {"organization_id": organization_id, "day": restated.day, "content": content}
    await connection.execute(insert(restated_day_table).values(columns))


async def list_restated_days(connection: AsyncConnection, organization_id: UUID) -> list[int]:
    """The days that are done, in order. Units: days since 1970."""
    statement = select(restated_day_table.c.day).where(
        restated_day_table.c.organization_id == organization_id
    )
    return sorted((await connection.execute(statement)).scalars())


async def load_restated_day(
    connection: AsyncConnection, organization_id: UUID, day: int
) -> RestatedDay:
    """The part of that day, which is done."""
    where = restated_day_table.c.organization_id == organization_id, restated_day_table.c.day == day
    content = (
        await connection.execute(select(restated_day_table.c.content).where(*where))
    ).scalar_one()
    return RestatedDay(
        day,
        content["measure"],
        content["attention"],
        content["sets"],
        [(uid, name) for uid, name in content["moved"]],
    )


async def invalidate_days(
    connection: AsyncConnection, organization_id: UUID, days: Collection[int]
) -> None:
    """Days on which something was recorded or retracted have to be done again."""
    where = (
        restated_day_table.c.organization_id == organization_id,
        restated_day_table.c.day.in_(sorted(set(days))),
    )
    await connection.execute(delete(restated_day_table).where(*where))


async def apply_restated_day(
    connection: AsyncConnection,
    organization_id: UUID,
    restated: RestatedDay,
    touched: Collection[str],
) -> None:
    """History shows that day as the metrics make it now. The cursor's row must be locked."""
    measure_conditions = (
        measure_table.c.organization_id == organization_id,
        measure_table.c.day == restated.day,
    )
    await connection.execute(
        delete(measure_table).where(
            *measure_conditions, measure_table.c.metric.in_(sorted(touched))
        )
    )
    await save_match_sets(connection, organization_id, dict(restated.sets))
    await rollups.add_rows(connection, organization_id, "measure", restated.measure)
    await rollups.add_rows(connection, organization_id, "attention", restated.attention)
    is_empty = attention_table.c.events == 0, attention_table.c.effort == 0
    where = (
        attention_table.c.organization_id == organization_id,
        attention_table.c.day == restated.day,
    )
    await connection.execute(delete(attention_table).where(*where, *is_empty))
    await update_matches(connection, organization_id, restated.moved)


async def load_progress(
    connection: AsyncConnection, organization_id: UUID
) -> tuple[PendingRestatement, int] | None:
    """The restatement under way and how many of its days are done. None when there is none."""
    restatement = await find_restatement(connection, organization_id)
    if restatement is None:
        return None
    statement = select(func.count()).where(restated_day_table.c.organization_id == organization_id)
    return restatement, min(
        (await connection.execute(statement)).scalar_one(), len(restatement.days)
    )
