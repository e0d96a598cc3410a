"""Restatement of history after metrics changed, one day at a time.

Life cycle of a restatement:

1. `begin_restatement` saves the metrics before their change and the days to restate. Until the end,
   new events match the metrics as they were before.
2. `restate_day` computes the roll-ups of a day by the changed metrics, and `save_restated_day`
   stores them separately. Readers do not see them.
3. A recording or retraction on a restated day calls `invalidate_days`: the day is computed again.
4. When all days are restated, one transaction calls `apply_restated_day` for each of them, then
   `end_restatement`. Readers see the old history before it and the new history after it.

A small history is restated at once: `restate_day` and `apply_restated_day` in one transaction.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.matched_event import EventState
from app.domain.events.metrics import Metric
from app.domain.playbook import serialization
from app.store.events import rollups
from app.store.events.rollup_rebuild import (
    RecomputedRollups,
    recompute_extremes_at_retractions,
    save_match_sets,
    update_match_sets,
)
from app.store.events.rollups import RollupDeltas, to_cell_rows, to_measure_rows
from app.store.tables.base import get_table
from app.store.tables.rollups import AttentionRow, MeasureRow, RestatedDayRow, RestatementRow

attention_table = get_table(AttentionRow)
measure_table = get_table(MeasureRow)
restatement_table = get_table(RestatementRow)
restated_day_table = get_table(RestatedDayRow)
TableRows = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class PendingRestatement:
    """A restatement that is not finished."""

    # Each metric before its change; None for a metric that did not exist.
    metrics: Mapping[str, Metric | None]
    # Days since 1970, in order.
    days: tuple[int, ...]
    actor: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class RestatedDay:
    """The roll-ups of one day, as the changed metrics make them."""

    day: int
    # The rows of `measure` of the changed metrics.
    measure: TableRows
    # Rows to add to `attention`.
    attention: TableRows
    # The content of match sets, by match set id.
    match_sets: Mapping[str, str]
    # The events with a new match set: pairs of uid and match set id.
    changed_match_set_ids: Sequence[tuple[str, str]]


async def load_previous_metrics(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, Metric | None]:
    """Return the metrics that are being restated, as they were before their change.

    A metric that did not exist is None.
    """
    restatement = await find_restatement(connection, organization_id)
    return {} if restatement is None else restatement.metrics


async def find_restatement(
    connection: AsyncConnection, organization_id: UUID
) -> PendingRestatement | None:
    """Load the pending restatement, or None when there is none."""
    statement = select(restatement_table).where(
        restatement_table.c.organization_id == organization_id
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    metrics = {metric_key: _to_metric(content) for metric_key, content in row["metrics"].items()}
    return PendingRestatement(metrics, tuple(row["days"]), row["actor"], row["started_at"])


def _to_metric(content: Mapping[str, object] | None) -> Metric | None:
    resource = None if content is None else serialization.from_json("metric", content)
    return resource if isinstance(resource, Metric) else None


async def begin_restatement(
    connection: AsyncConnection, organization_id: UUID, restatement: PendingRestatement
) -> None:
    """Save a restatement, in place of a pending one."""
    await end_restatement(connection, organization_id)
    metrics = {
        metric_key: None if metric is None else serialization.to_json(metric)
        for metric_key, metric in restatement.metrics.items()
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
    """Set the days to restate."""
    where = restatement_table.c.organization_id == organization_id
    await connection.execute(update(restatement_table).where(where).values(days=list(days)))


async def end_restatement(connection: AsyncConnection, organization_id: UUID) -> None:
    """Delete the pending restatement and its restated days."""
    for table in (restatement_table, restated_day_table):
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))


def restate_day(day: int, states: Sequence[EventState], touched: Collection[str]) -> RestatedDay:
    """Return the restated roll-ups of a day.

    `states` are the day's events of all types that the touched metrics match, with new matches.
    """
    deltas = RollupDeltas()
    recomputed = RecomputedRollups()
    for state in states:
        matched_event = state.matched_event
        has_new_match_set = recomputed.note_match_set(matched_event, state.stored_matching)
        for recorded_day, sign in ((state.recorded_day, 1), (state.retracted_day, -1)):
            if recorded_day is not None:
                deltas.add_measures(matched_event, recorded_day, sign)
            if recorded_day is not None and has_new_match_set:
                deltas.add_attention(matched_event, state.stored_matching, recorded_day, -sign)
                deltas.add_attention(matched_event, matched_event.matching, recorded_day, sign)
    recompute_extremes_at_retractions(deltas, states)
    deltas.measure = {
        bucket_key: bucket
        for bucket_key, bucket in deltas.measure.items()
        if bucket_key[0] in touched
    }
    match_set_ids_by_event = [
        (str(uid), match_set_id)
        for uid, match_set_id in sorted(recomputed.changed_match_set_ids.items())
    ]
    return RestatedDay(
        day,
        to_measure_rows(deltas),
        to_cell_rows(deltas.attention),
        recomputed.match_sets,
        match_set_ids_by_event,
    )


async def save_restated_day(
    connection: AsyncConnection, organization_id: UUID, restated: RestatedDay
) -> None:
    """Save a restated day until all days are done."""
    # Stored names: a restatement that an older release began must stay readable.
    content = {
        "measure": restated.measure,
        "attention": restated.attention,
        "sets": restated.match_sets,
        "moved": restated.changed_match_set_ids,
    }
    columns = {"organization_id": organization_id, "day": restated.day, "content": content}
    await connection.execute(insert(restated_day_table).values(columns))


async def list_restated_days(connection: AsyncConnection, organization_id: UUID) -> list[int]:
    """Return the restated days in order, as days since 1970."""
    statement = select(restated_day_table.c.day).where(
        restated_day_table.c.organization_id == organization_id
    )
    return sorted((await connection.execute(statement)).scalars())


async def load_restated_day(
    connection: AsyncConnection, organization_id: UUID, day: int
) -> RestatedDay:
    """Load a restated day."""
    where = restated_day_table.c.organization_id == organization_id, restated_day_table.c.day == day
    content = (
        await connection.execute(select(restated_day_table.c.content).where(*where))
    ).scalar_one()
    return RestatedDay(
        day,
        content["measure"],
        content["attention"],
        content["sets"],
        [(uid, match_set_id) for uid, match_set_id in content["moved"]],
    )


async def invalidate_days(
    connection: AsyncConnection, organization_id: UUID, days: Collection[int]
) -> None:
    """Delete restated days on which events were recorded or retracted.

    The running restatement computes them again.
    """
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
    """Replace the roll-ups of a day by the restated ones. The cursor row must be locked.

    `measure` is replaced for the touched metrics. `attention` gets rows that move effort from old
    match sets to new ones, and loses the rows that this makes empty. `sold` depends on no metric.
    """
    measure_conditions = (
        measure_table.c.organization_id == organization_id,
        measure_table.c.day == restated.day,
    )
    await connection.execute(
        delete(measure_table).where(
            *measure_conditions, measure_table.c.metric.in_(sorted(touched))
        )
    )
    await save_match_sets(connection, organization_id, dict(restated.match_sets))
    await rollups.add_rows(connection, organization_id, "measure", restated.measure)
    await rollups.add_rows(connection, organization_id, "attention", restated.attention)
    is_empty = attention_table.c.events == 0, attention_table.c.effort == 0
    where = (
        attention_table.c.organization_id == organization_id,
        attention_table.c.day == restated.day,
    )
    await connection.execute(delete(attention_table).where(*where, *is_empty))
    await update_match_sets(connection, organization_id, restated.changed_match_set_ids)


async def load_progress(
    connection: AsyncConnection, organization_id: UUID
) -> tuple[PendingRestatement, int] | None:
    """Return the pending restatement and the number of restated days, or None."""
    restatement = await find_restatement(connection, organization_id)
    if restatement is None:
        return None
    statement = select(func.count()).where(restated_day_table.c.organization_id == organization_id)
    return restatement, min(
        (await connection.execute(statement)).scalar_one(), len(restatement.days)
    )
