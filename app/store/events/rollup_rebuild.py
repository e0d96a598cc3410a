"""Roll-ups made anew from the events: to prove that the kept ones are right, and to make them so."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import to_canonical_json
from app.domain.events.matched_event import MatchedEvent
from app.domain.events.metrics import Matcher
from app.domain.primitives import epoch
from app.store.events.event_queries import event_table, retraction_table, to_event
from app.store.events.ingest import save_match_sets, to_matching_id
from app.store.events.retraction import day_bounds
from app.store.events.rollups import (
    ATTENTION_COLUMN_TYPES,
    MEASURE_COLUMN_TYPES,
    SOLD_COLUMN_TYPES,
    RollupDeltas,
    apply_deltas,
    to_cell_rows,
    to_measure_rows,
)
from app.store.sql import column_types as types
from app.store.sql.dialect import in_list, json_recordset
from app.store.tables.events import AttentionRow, MeasureRow, SoldRow
from app.store.tables.playbook import get_table

ROLLUP_TABLES: Final = {
    "measure": (get_table(MeasureRow), MEASURE_COLUMN_TYPES),
    "attention": (get_table(AttentionRow), ATTENTION_COLUMN_TYPES),
    "sold": (get_table(SoldRow), SOLD_COLUMN_TYPES),
}
ADDITIVE_COLUMNS: Final = frozenset(
    {"matched", "counted", "other_unit", "no_value", "total", "events", "effort", "items", "value"}
)


@dataclass(frozen=True, slots=True)
class EventState:
    """An event as it is kept: when it was recorded and retracted, and the matched set that it has.

    Units: days since 1970. None while it stands: `retracted`.
    """

    matched_event: MatchedEvent
    recorded_day: int
    retracted_day: int | None
    stored_matching: str


@dataclass(slots=True)
class RecomputedRollups:
    """What the events say: the roll-ups, and the events whose matched set is another than the one kept."""

    deltas: RollupDeltas = field(default_factory=RollupDeltas)
    match_sets: dict[str, str] = field(default_factory=dict)
    changed_matchings: dict[UUID, str] = field(default_factory=dict)
    event_count: int = 0

    def add_events(self, states: Sequence[EventState]) -> None:
        """Adds all events of a day."""
        self.event_count += len(states)
        for state in states:
            matched_event = state.matched_event
            self.deltas.add_event(matched_event, state.recorded_day)
            if state.retracted_day is not None:
                self.deltas.add_event(matched_event, state.retracted_day, -1)
            self.note_matching(matched_event, state.stored_matching)
        recompute_extremes(self.deltas, states)

    def note_matching(self, matched_event: MatchedEvent, stored_matching: str) -> bool:
        """Whether the event's matched set is another than the one kept; if so it is among the moved."""
        if matched_event.matching:
            self.match_sets.setdefault(
                matched_event.matching,
                to_canonical_json([[match.metric, match.label] for match in matched_event.matches]),
            )
        if matched_event.matching != stored_matching:
            self.changed_matchings[matched_event.uid] = matched_event.matching
        return matched_event.matching != stored_matching


async def recompute_rollups(
    connection: AsyncConnection, organization_id: UUID, matcher: Matcher, time_zone: str
) -> RecomputedRollups:
    """The roll-ups as the events alone give them. The cursor's row must be locked, or the view consistent."""
    recomputed = RecomputedRollups()
    for day in await list_event_days(connection, organization_id):
        recomputed.add_events(
            await events_of_day(connection, organization_id, matcher, day, time_zone)
        )
    return recomputed


async def list_event_days(
    connection: AsyncConnection, organization_id: UUID, event_types: Collection[str] | None = None
) -> list[int]:
    """The days on which any event occurred, or one of these types. Units: days since 1970, in order."""
    where = (
        []
        if event_types is None
        else [in_list(connection, event_table.c.type, sorted(event_types))]
    )
    statement = (
        select(event_table.c.day)
        .where(event_table.c.organization_id == organization_id, *where)
        .distinct()
    )
    return sorted((await connection.execute(statement)).scalars())


async def events_of_day(  # a day of an organization
    connection: AsyncConnection,
    organization_id: UUID,
    matcher: Matcher,
    day: int,
    time_zone: str,
    event_types: Collection[str] | None = None,
) -> list[EventState]:
    """The events that occurred on that day, or those of these types, matched by that matcher; retracted ones too."""
    retraction_join = and_(
        retraction_table.c.organization_id == organization_id,
        retraction_table.c.organization_id == event_table.c.organization_id,
        retraction_table.c.uid == event_table.c.uid,
    )
    earliest, latest = day_bounds(epoch.from_day_number(day), time_zone)
    where: list[ColumnElement[bool]] = [
        event_table.c.organization_id == organization_id,
        event_table.c.time_us >= epoch.to_microseconds(earliest),
        event_table.c.time_us < epoch.to_microseconds(latest),
        event_table.c.day == day,
    ]
    if event_types is not None:
        where.append(in_list(connection, event_table.c.type, sorted(event_types)))
    statement = (
        select(event_table, retraction_table.c.recorded_day.label("retracted"))
        .select_from(event_table.outerjoin(retraction_table, retraction_join))
        .where(*where)
    )
    states = []
    for row in (await connection.execute(statement)).mappings():
        event = to_event(row)
        matches = matcher.match(event)
        matched_event = MatchedEvent(
            event, row["uid"], row["time_us"], row["day"], to_matching_id(matches), matches
        )
        states.append(
            EventState(matched_event, row["recorded_day"], row["retracted"], row["matching"])
        )
    return states


def recompute_extremes(deltas: RollupDeltas, states: Sequence[EventState]) -> None:
    """Buckets of days on which a value was retracted hold low, high and last of all that stood at the end of that day.

    Shape: `found` are all events of one occurred day. One recorded later on the day of a retraction is in both counts,
    and one that was recorded and retracted on it is in neither.
    """
    states_by_series: dict[tuple[str, str], list[tuple[EventState, int]]] = {}
    for state in states:
        for match in state.matched_event.matches:
            if match.state == "counts":
                states_by_series.setdefault(
                    (match.metric, state.matched_event.event.source), []
                ).append((state, match.value))
    for (metric, source), states_with_value in states_by_series.items():
        for retraction_day in sorted(
            {
                state.retracted_day
                for state, _ in states_with_value
                if state.retracted_day is not None
            }
        ):
            bucket = deltas.get_bucket(
                metric, source, states_with_value[0][0].matched_event.day, retraction_day
            )
            bucket.reset, bucket.low, bucket.high, bucket.last = 1, None, None, None
            for state, value in states_with_value:
                if state.recorded_day <= retraction_day and (
                    state.retracted_day is None or state.retracted_day > retraction_day
                ):
                    bucket.add_value(
                        value, state.matched_event.time_us, state.matched_event.event.id
                    )


async def replace_rollups(
    connection: AsyncConnection, organization_id: UUID, recomputed: RecomputedRollups
) -> None:
    """The kept roll-ups and matched sets are those that were recomputed."""
    for table, _ in ROLLUP_TABLES.values():
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))
    await save_match_sets(connection, organization_id, recomputed.match_sets)
    await apply_deltas(connection, organization_id, recomputed.deltas)
    await update_matches(
        connection,
        organization_id,
        [(str(uid), name) for uid, name in sorted(recomputed.changed_matchings.items())],
    )


async def update_matches(
    connection: AsyncConnection, organization_id: UUID, matchings: Sequence[tuple[str, str]]
) -> None:
    """Those events have these matched sets. Shape: pairs of uid and name of the set."""
    if not matchings:
        return
    from_clause = json_recordset(connection, "rows", {"uid": "identity", "matching": "text"}, "d")
    statement = text(
        f"update event set matching = d.matching from {from_clause} "  # constants  # noqa: S608  # constants
        "where event.organization_id = :organization and event.uid = d.uid"
    ).bindparams(bindparam("organization", organization_id, types.UuidColumn()))
    await connection.execute(
        statement, {"rows": to_canonical_json([list(pair) for pair in matchings])}
    )


async def count_differences(
    connection: AsyncConnection, organization_id: UUID, recomputed: RecomputedRollups
) -> Mapping[str, int]:
    """How many rows of each roll-up, and how many matched sets, are not as the events say."""
    recomputed_rows = {
        "measure": to_measure_rows(recomputed.deltas),
        "attention": to_cell_rows(recomputed.deltas.attention),
        "sold": to_cell_rows(recomputed.deltas.sold),
    }
    counts = {"event": len(recomputed.changed_matchings)}
    for name, (table, column_types) in ROLLUP_TABLES.items():
        columns = [table.c[column] for column in column_types]
        stored_rows = await connection.execute(
            select(*columns).where(table.c.organization_id == organization_id)
        )
        additive_indexes = [
            index for index, column in enumerate(column_types) if column in ADDITIVE_COLUMNS
        ]
        # A row that adds nothing is as good as none: work that moved to another matched set leaves such ones behind.
        stored, expected = (
            {
                tuple(row)
                for row in rows
                if name == "measure" or any(row[index] for index in additive_indexes)
            }
            for rows in (stored_rows, recomputed_rows[name])
        )
        counts[name] = len(stored ^ expected)
    return counts


async def has_events(connection: AsyncConnection, organization_id: UUID) -> bool:
    """Whether the organization has any event at all."""
    statement = (
        select(event_table.c.uid).where(event_table.c.organization_id == organization_id).limit(1)
    )
    return (await connection.execute(statement)).first() is not None


async def count_events_of_types(
    connection: AsyncConnection, organization_id: UUID, event_types: Collection[str], max_count: int
) -> int:
    """How many events the organization has of these types; counted no further than `most`."""
    where = (
        event_table.c.organization_id == organization_id,
        in_list(connection, event_table.c.type, sorted(event_types)),
    )
    return len(
        (await connection.execute(select(event_table.c.uid).where(*where).limit(max_count))).all()
    )
