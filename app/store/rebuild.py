"""Roll-ups made anew from the events: after a metric is redefined, and to prove that the kept ones are right."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events import canonical
from app.domain.metrics import Matcher
from app.store.dialect import among
from app.store.events import event, retraction, to_event
from app.store.evidence_tables import AttentionRow, MeasureRow, SoldRow
from app.store.ingest import matching_id, note_sets
from app.store.rollups import ATTENTION, MEASURE, SOLD, Bucket, Deltas, Prepared, apply, measure_rows, pair_rows
from app.store.tables import table_of

PAGE: Final = 5000
ROLLUPS: Final = {
    "measure": (table_of(MeasureRow), MEASURE),
    "attention": (table_of(AttentionRow), ATTENTION),
    "sold": (table_of(SoldRow), SOLD),
}


@dataclass(slots=True)
class Rebuilt:
    """What the events say: the roll-ups, and the events whose matched set is another than the one kept."""

    deltas: Deltas = field(default_factory=Deltas)
    sets: dict[str, str] = field(default_factory=dict)
    moved: dict[UUID, str] = field(default_factory=dict)
    events: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """A value of an event that was retracted or shares its bucket's day with one: when it stood.

    Units: days since 1970.
    """

    value: int
    time_us: int
    name: str
    since: int
    until: int | None


async def recompute(connection: AsyncConnection, organization_id: UUID, matcher: Matcher) -> Rebuilt:
    """The roll-ups as the events alone give them. The cursor's row must be locked, or the view consistent."""
    rebuilt = Rebuilt()
    unsettled = await _unsettled(connection, organization_id)
    lives: dict[tuple[str, str, int], list[Life]] = {}
    async for prepared, recorded, retracted, kept in _all(connection, organization_id, matcher):
        rebuilt.events += 1
        rebuilt.deltas.add(prepared, recorded)
        if retracted is not None:
            rebuilt.deltas.add(prepared, retracted, -1)
        if prepared.matching != kept:
            rebuilt.moved[prepared.uid] = prepared.matching
        if prepared.matching:
            rebuilt.sets.setdefault(prepared.matching, canonical([[m.metric, m.state] for m in prepared.matches]))
        if (prepared.event.source, prepared.day) in unsettled:
            _keep(lives, prepared, recorded, retracted)
    _settle(rebuilt.deltas, lives)
    return rebuilt


async def replace(connection: AsyncConnection, organization_id: UUID, rebuilt: Rebuilt) -> None:
    """The kept roll-ups and matched sets are those that were recomputed."""
    for table, _ in ROLLUPS.values():
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))
    await note_sets(connection, organization_id, rebuilt.sets)
    await apply(connection, organization_id, rebuilt.deltas)
    if rebuilt.moved:
        statement = (
            update(event)
            .where(event.c.organization_id == organization_id, event.c.uid == bindparam("which"))
            .values(matching=bindparam("becomes"))
        )
        await connection.execute(
            statement, [{"which": uid, "becomes": name} for uid, name in sorted(rebuilt.moved.items())]
        )


async def differences(connection: AsyncConnection, organization_id: UUID, rebuilt: Rebuilt) -> Mapping[str, int]:
    """How many rows of each roll-up, and how many matched sets, are not as the events say."""
    made = {
        "measure": measure_rows(rebuilt.deltas),
        "attention": pair_rows(rebuilt.deltas.attention),
        "sold": pair_rows(rebuilt.deltas.sold),
    }
    found = {"event": len(rebuilt.moved)}
    for name, (table, shape) in ROLLUPS.items():
        columns = [table.c[column] for column in shape]
        rows = await connection.execute(select(*columns).where(table.c.organization_id == organization_id))
        found[name] = len({tuple(row) for row in rows} ^ {tuple(row) for row in made[name]})
    return found


async def any_event(connection: AsyncConnection, organization_id: UUID) -> bool:
    """Whether the organization has any event at all."""
    statement = select(event.c.uid).where(event.c.organization_id == organization_id).limit(1)
    return (await connection.execute(statement)).first() is not None


async def any_of(connection: AsyncConnection, organization_id: UUID, types: Sequence[str]) -> bool:
    """Whether the organization has an event of one of these types."""
    statement = (
        select(event.c.uid)
        .where(event.c.organization_id == organization_id, among(connection, event.c.type, types))
        .limit(1)
    )
    return (await connection.execute(statement)).first() is not None


async def _unsettled(connection: AsyncConnection, organization_id: UUID) -> set[tuple[str, int]]:
    """The sources and days of which some event was retracted."""
    both = and_(retraction.c.organization_id == event.c.organization_id, retraction.c.uid == event.c.uid)
    statement = (
        select(event.c.source, event.c.day)
        .join(retraction, both)
        .where(event.c.organization_id == organization_id, retraction.c.organization_id == organization_id)
        .distinct()
    )
    return {(source, day) for source, day in await connection.execute(statement)}


async def _all(
    connection: AsyncConnection, organization_id: UUID, matcher: Matcher
) -> AsyncIterator[tuple[Prepared, int, int | None, str]]:
    """Every event with its recorded day, the day of its retraction and the matched set that is kept."""
    both = and_(
        retraction.c.organization_id == organization_id,
        retraction.c.organization_id == event.c.organization_id,
        retraction.c.uid == event.c.uid,
    )
    statement = (
        select(event, retraction.c.recorded_day.label("retracted"))
        .select_from(event.outerjoin(retraction, both))
        .where(event.c.organization_id == organization_id)
        .order_by(event.c.uid)
        .limit(PAGE)
    )
    after: UUID | None = None
    while True:
        page = statement if after is None else statement.where(event.c.uid > after)
        rows = (await connection.execute(page)).mappings().all()
        for row in rows:
            found = to_event(row)
            matches = matcher.match(found)
            prepared = Prepared(found, row["uid"], row["time_us"], row["day"], matching_id(matches), matches)
            yield prepared, row["recorded_day"], row["retracted"], row["matching"]
        if len(rows) < PAGE:
            return
        after = rows[-1]["uid"]


def _keep(lives: dict[tuple[str, str, int], list[Life]], found: Prepared, recorded: int, retracted: int | None) -> None:
    for match in found.matches:
        if match.state == "counts":
            life = Life(match.value, found.time_us, found.event.id, recorded, retracted)
            lives.setdefault((match.metric, found.event.source, found.day), []).append(life)


def _settle(deltas: Deltas, lives: Mapping[tuple[str, str, int], list[Life]]) -> None:
    """Buckets of days on which a value was retracted hold low, high and last of all that stood at the end of that day.

    An event recorded later on that day is in both counts, and one that was recorded and retracted in it is in neither.
    """
    for (metric, source, day), all_lives in lives.items():
        for recorded in sorted({life.until for life in all_lives if life.until is not None}):
            bucket: Bucket = deltas.bucket(metric, source, day, recorded)
            bucket.reset, bucket.low, bucket.high, bucket.last = 1, None, None, None
            for life in all_lives:
                if life.since <= recorded and (life.until is None or life.until > recorded):
                    bucket.extend(life.value, life.time_us, life.name)
