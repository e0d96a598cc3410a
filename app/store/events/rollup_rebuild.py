"""Roll-ups made anew from the events: to prove that the kept ones are right, and to make them so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import canonical
from app.domain.events.metrics import Matcher
from app.store.events.event_queries import event, retraction, to_event
from app.store.events.ingest import matching_id, note_sets
from app.store.events.retraction import bounds
from app.store.events.rollups import (
    ATTENTION,
    MEASURE,
    SOLD,
    Deltas,
    Prepared,
    apply,
    measure_rows,
    pair_rows,
)
from app.store.sql import column_types as types
from app.store.sql.dialect import among, recordset
from app.store.tables.events import AttentionRow, MeasureRow, SoldRow
from app.store.tables.playbook import table_of

ROLLUPS: Final = {
    "measure": (table_of(MeasureRow), MEASURE),
    "attention": (table_of(AttentionRow), ATTENTION),
    "sold": (table_of(SoldRow), SOLD),
}
ADDED: Final = frozenset(
    {"matched", "counted", "other_unit", "no_value", "total", "events", "effort", "items", "value"}
)


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as it is kept: when it was recorded and retracted, and the matched set that it has.

    Units: days since 1970. None while it stands: `retracted`.
    """

    prepared: Prepared
    recorded: int
    retracted: int | None
    matching: str


@dataclass(slots=True)
class Rebuilt:
    """What the events say: the roll-ups, and the events whose matched set is another than the one kept."""

    deltas: Deltas = field(default_factory=Deltas)
    sets: dict[str, str] = field(default_factory=dict)
    moved: dict[UUID, str] = field(default_factory=dict)
    events: int = 0

    def add(self, found: Sequence[Kept]) -> None:
        """Adds all events of a day."""
        self.events += len(found)
        for one in found:
            prepared = one.prepared
            self.deltas.add(prepared, one.recorded)
            if one.retracted is not None:
                self.deltas.add(prepared, one.retracted, -1)
            self.note(prepared, one.matching)
        settle(self.deltas, found)

    def note(self, prepared: Prepared, kept: str) -> bool:
        """Whether the event's matched set is another than the one kept; if so it is among the moved."""
        if prepared.matching:
            self.sets.setdefault(
                prepared.matching, canonical([[m.metric, m.label] for m in prepared.matches])
            )
        if prepared.matching != kept:
            self.moved[prepared.uid] = prepared.matching
        return prepared.matching != kept


async def recompute(
    connection: AsyncConnection, organization_id: UUID, matcher: Matcher, time_zone: str
) -> Rebuilt:
    """The roll-ups as the events alone give them. The cursor's row must be locked, or the view consistent."""
    rebuilt = Rebuilt()
    for day in await days(connection, organization_id):
        rebuilt.add(await of_day(connection, organization_id, matcher, day, time_zone))
    return rebuilt


async def days(
    connection: AsyncConnection, organization_id: UUID, kinds: Collection[str] | None = None
) -> list[int]:
    """The days on which any event occurred, or one of these types. Units: days since 1970, in order."""
    where = [] if kinds is None else [among(connection, event.c.type, sorted(kinds))]
    statement = (
        select(event.c.day).where(event.c.organization_id == organization_id, *where).distinct()
    )
    return sorted((await connection.execute(statement)).scalars())


async def of_day(  # a day of an organization
    connection: AsyncConnection,
    organization_id: UUID,
    matcher: Matcher,
    day: int,
    time_zone: str,
    kinds: Collection[str] | None = None,
) -> list[Kept]:
    """The events that occurred on that day, or those of these types, matched by that matcher; retracted ones too."""
    both = and_(
        retraction.c.organization_id == organization_id,
        retraction.c.organization_id == event.c.organization_id,
        retraction.c.uid == event.c.uid,
    )
    first, last = bounds(types.day(day), time_zone)
    where: list[ColumnElement[bool]] = [
        event.c.organization_id == organization_id,
        event.c.time_us >= types.micros(first),
        event.c.time_us < types.micros(last),
        event.c.day == day,
    ]
    if kinds is not None:
        where.append(among(connection, event.c.type, sorted(kinds)))
    statement = (
        select(event, retraction.c.recorded_day.label("retracted"))
        .select_from(event.outerjoin(retraction, both))
        .where(*where)
    )
    found = []
    for row in (await connection.execute(statement)).mappings():
        one = to_event(row)
        matches = matcher.match(one)
        prepared = Prepared(
            one, row["uid"], row["time_us"], row["day"], matching_id(matches), matches
        )
        found.append(Kept(prepared, row["recorded_day"], row["retracted"], row["matching"]))
    return found


def settle(deltas: Deltas, found: Sequence[Kept]) -> None:
    """Buckets of days on which a value was retracted hold low, high and last of all that stood at the end of that day.

    Shape: `found` are all events of one occurred day. One recorded later on the day of a retraction is in both counts,
    and one that was recorded and retracted on it is in neither.
    """
    lives: dict[tuple[str, str], list[tuple[Kept, int]]] = {}
    for one in found:
        for match in one.prepared.matches:
            if match.state == "counts":
                lives.setdefault((match.metric, one.prepared.event.source), []).append(
                    (one, match.value)
                )
    for (metric, source), values in lives.items():
        for recorded in sorted({one.retracted for one, _ in values if one.retracted is not None}):
            bucket = deltas.bucket(metric, source, values[0][0].prepared.day, recorded)
            bucket.reset, bucket.low, bucket.high, bucket.last = 1, None, None, None
            for one, value in values:
                if one.recorded <= recorded and (one.retracted is None or one.retracted > recorded):
                    bucket.extend(value, one.prepared.time_us, one.prepared.event.id)


async def replace(connection: AsyncConnection, organization_id: UUID, rebuilt: Rebuilt) -> None:
    """The kept roll-ups and matched sets are those that were recomputed."""
    for table, _ in ROLLUPS.values():
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))
    await note_sets(connection, organization_id, rebuilt.sets)
    await apply(connection, organization_id, rebuilt.deltas)
    await move(
        connection,
        organization_id,
        [(str(uid), name) for uid, name in sorted(rebuilt.moved.items())],
    )


async def move(
    connection: AsyncConnection, organization_id: UUID, moved: Sequence[tuple[str, str]]
) -> None:
    """Those events have these matched sets. Shape: pairs of uid and name of the set."""
    if not moved:
        return
    rows = recordset(connection, "rows", {"uid": "identity", "matching": "text"}, "d")
    statement = text(
        f"update event set matching = d.matching from {rows} "  # noqa: S608  # constants
        "where event.organization_id = :organization and event.uid = d.uid"
    ).bindparams(bindparam("organization", organization_id, types.Identity()))
    await connection.execute(statement, {"rows": canonical([list(pair) for pair in moved])})


async def differences(
    connection: AsyncConnection, organization_id: UUID, rebuilt: Rebuilt
) -> Mapping[str, int]:
    """How many rows of each roll-up, and how many matched sets, are not as the events say."""
    made = {
        "measure": measure_rows(rebuilt.deltas),
        "attention": pair_rows(rebuilt.deltas.attention),
        "sold": pair_rows(rebuilt.deltas.sold),
    }
    found = {"event": len(rebuilt.moved)}
    for name, (table, shape) in ROLLUPS.items():
        columns = [table.c[column] for column in shape]
        rows = await connection.execute(
            select(*columns).where(table.c.organization_id == organization_id)
        )
        adding = [place for place, column in enumerate(shape) if column in ADDED]
        # A row that adds nothing is as good as none: work that moved to another matched set leaves such ones behind.
        kept, wanted = (
            {tuple(row) for row in some if name == "measure" or any(row[place] for place in adding)}
            for some in (rows, made[name])
        )
        found[name] = len(kept ^ wanted)
    return found


async def any_event(connection: AsyncConnection, organization_id: UUID) -> bool:
    """Whether the organization has any event at all."""
    statement = select(event.c.uid).where(event.c.organization_id == organization_id).limit(1)
    return (await connection.execute(statement)).first() is not None


async def events_of(
    connection: AsyncConnection, organization_id: UUID, kinds: Collection[str], most: int
) -> int:
    """How many events the organization has of these types; counted no further than `most`."""
    where = (
        event.c.organization_id == organization_id,
        among(connection, event.c.type, sorted(kinds)),
    )
    return len((await connection.execute(select(event.c.uid).where(*where).limit(most))).all())
