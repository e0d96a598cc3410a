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
from app.store.events.ingest import note_sets
from app.store.events.rollup_rebuild import Kept, Rebuilt, move, settle
from app.store.events.rollups import Deltas, measure_rows, pair_rows
from app.store.tables.events import AttentionRow, MeasureRow, RestatedDayRow, RestatementRow
from app.store.tables.playbook import table_of

attention, measure = table_of(AttentionRow), table_of(MeasureRow)
restatement, restated_day = table_of(RestatementRow), table_of(RestatedDayRow)
Rows = Sequence[Sequence[object]]


@dataclass(frozen=True, slots=True)
class Restatement:
    """A restatement under way. Shape: `metrics` are as they were before, None for one that was not there.

    Units: `days` since 1970, in order.
    """

    metrics: Mapping[str, Metric | None]
    days: tuple[int, ...]
    actor: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """One day of history as redefined metrics make it.

    Shape: rows of `measure` for those metrics, rows to add to `attention`, sets by name, and (uid, set) of what moves.
    """

    day: int
    measure: Rows
    attention: Rows
    sets: Mapping[str, str]
    moved: Sequence[tuple[str, str]]


async def pending(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[str, Metric | None]:
    """The metrics whose change history does not show yet, as they were before it; None for one that was not there."""
    found = await find(connection, organization_id)
    return {} if found is None else found.metrics


async def find(connection: AsyncConnection, organization_id: UUID) -> Restatement | None:
    """The restatement under way. None when there is none."""
    statement = select(restatement).where(restatement.c.organization_id == organization_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    metrics = {key: _metric(content) for key, content in row["metrics"].items()}
    return Restatement(metrics, tuple(row["days"]), row["actor"], row["started_at"])


def _metric(content: Mapping[str, object] | None) -> Metric | None:
    noun = None if content is None else codec.from_json("metric", content)
    return noun if isinstance(noun, Metric) else None


async def begin(connection: AsyncConnection, organization_id: UUID, found: Restatement) -> None:
    """That restatement is under way, in place of any other."""
    await end(connection, organization_id)
    metrics = {
        key: None if metric is None else codec.to_json(metric)
        for key, metric in found.metrics.items()
    }
    values = {
        "metrics": metrics,
        "days": list(found.days),
        "actor": found.actor,
        "started_at": found.started_at,
    }
    await connection.execute(insert(restatement).values(organization_id=organization_id, **values))


async def plan(connection: AsyncConnection, organization_id: UUID, days: Sequence[int]) -> None:
    """These are the days to do."""
    where = restatement.c.organization_id == organization_id
    await connection.execute(update(restatement).where(where).values(days=list(days)))


async def end(connection: AsyncConnection, organization_id: UUID) -> None:
    """No restatement is under way, and nothing of one is kept."""
    for table in (restatement, restated_day):
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))


def made(day: int, found: Sequence[Kept], touched: Collection[str]) -> Part:
    """A day of history. Shape: `found` are the day's events of the touched metrics' types, matched as they are now."""
    wanted, moved = Deltas(), Rebuilt()
    for one in found:
        prepared = one.prepared
        moves = moved.note(prepared, one.matching)
        for recorded, sign in ((one.recorded, 1), (one.retracted, -1)):
            if recorded is not None:
                wanted.measured(prepared, recorded, sign)
            if recorded is not None and moves:
                wanted.attended(prepared, one.matching, recorded, -sign)
                wanted.attended(prepared, prepared.matching, recorded, sign)
    settle(wanted, found)
    wanted.measure = {
        place: bucket for place, bucket in wanted.measure.items() if place[0] in touched
    }
    pairs = [(str(uid), name) for uid, name in sorted(moved.moved.items())]
    return Part(day, measure_rows(wanted), pair_rows(wanted.attention), moved.sets, pairs)


async def keep(connection: AsyncConnection, organization_id: UUID, part: Part) -> None:
    """The part is kept until all are done."""
    content = {name: getattr(part, name) for name in ("measure", "attention", "sets", "moved")}
    values = {"organization_id": organization_id, "day": part.day, "content": content}
    await connection.execute(insert(restated_day).values(values))


async def done(connection: AsyncConnection, organization_id: UUID) -> list[int]:
    """The days that are done, in order. Units: days since 1970."""
    statement = select(restated_day.c.day).where(restated_day.c.organization_id == organization_id)
    return sorted((await connection.execute(statement)).scalars())


async def parts(connection: AsyncConnection, organization_id: UUID, day: int) -> Part:
    """The part of that day, which is done."""
    where = restated_day.c.organization_id == organization_id, restated_day.c.day == day
    found = (await connection.execute(select(restated_day.c.content).where(*where))).scalar_one()
    return Part(
        day,
        found["measure"],
        found["attention"],
        found["sets"],
        [(uid, name) for uid, name in found["moved"]],
    )


async def spoil(connection: AsyncConnection, organization_id: UUID, days: Collection[int]) -> None:
    """Days on which something was recorded or retracted have to be done again."""
    where = (
        restated_day.c.organization_id == organization_id,
        restated_day.c.day.in_(sorted(set(days))),
    )
    await connection.execute(delete(restated_day).where(*where))


async def apply(
    connection: AsyncConnection, organization_id: UUID, part: Part, touched: Collection[str]
) -> None:
    """History shows that day as the metrics make it now. The cursor's row must be locked."""
    mine = measure.c.organization_id == organization_id, measure.c.day == part.day
    await connection.execute(delete(measure).where(*mine, measure.c.metric.in_(sorted(touched))))
    await note_sets(connection, organization_id, dict(part.sets))
    await rollups.add(connection, organization_id, "measure", part.measure)
    await rollups.add(connection, organization_id, "attention", part.attention)
    nothing = attention.c.events == 0, attention.c.effort == 0
    where = attention.c.organization_id == organization_id, attention.c.day == part.day
    await connection.execute(delete(attention).where(*where, *nothing))
    await move(connection, organization_id, part.moved)


async def progress(
    connection: AsyncConnection, organization_id: UUID
) -> tuple[Restatement, int] | None:
    """The restatement under way and how many of its days are done. None when there is none."""
    found = await find(connection, organization_id)
    if found is None:
        return None
    statement = select(func.count()).where(restated_day.c.organization_id == organization_id)
    return found, min((await connection.execute(statement)).scalar_one(), len(found.days))
