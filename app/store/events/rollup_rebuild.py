"""Roll-ups computed from the events, to check the stored ones or to replace them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import bindparam, delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events.events import to_canonical_json
from app.domain.events.matched_event import (
    EventState,
    MatchedEvent,
    to_match_set_json,
)
from app.domain.events.metrics import Matcher
from app.store.events.event_queries import (
    list_event_days,
    load_events_of_day,
)
from app.store.events.rollups import (
    ATTENTION_COLUMN_TYPES,
    MEASURE_COLUMN_TYPES,
    SOLD_COLUMN_TYPES,
    RollupDeltas,
    apply_deltas,
    to_cell_rows,
    to_measure_rows,
)
from app.store.sql.column_types import UuidColumn
from app.store.sql.dialect import json_recordset
from app.store.tables.base import get_table
from app.store.tables.rollups import AttentionRow, MeasureRow, SoldRow

ROLLUP_TABLES: Final = {
    "measure": (get_table(MeasureRow), MEASURE_COLUMN_TYPES),
    "attention": (get_table(AttentionRow), ATTENTION_COLUMN_TYPES),
    "sold": (get_table(SoldRow), SOLD_COLUMN_TYPES),
}
ADDITIVE_COLUMNS: Final = frozenset(
    {"matched", "counted", "other_unit", "no_value", "total", "events", "effort", "items", "value"}
)


@dataclass(slots=True)
class RecomputedRollups:
    """The roll-ups according to the events, and the events whose match set changes."""

    deltas: RollupDeltas = field(default_factory=RollupDeltas)
    # The content of each match set that is not empty, by its id.
    match_sets: dict[str, str] = field(default_factory=dict)
    # The new id for each event whose stored match set differs, by the uid of the event.
    changed_match_set_ids: dict[UUID, str] = field(default_factory=dict)
    event_count: int = 0

    def add_events(self, states: Sequence[EventState]) -> None:
        """Add all events of a day."""
        self.event_count += len(states)
        for state in states:
            matched_event = state.matched_event
            self.deltas.add_event(matched_event, state.recorded_day)
            if state.retracted_day is not None:
                self.deltas.add_event(matched_event, state.retracted_day, -1)
            self.note_match_set(matched_event, state.stored_matching)
        recompute_extremes_at_retractions(self.deltas, states)

    def note_match_set(self, matched_event: MatchedEvent, stored_match_set_id: str) -> bool:
        """Return whether the match set differs from the stored one; if so, remember the event."""
        if matched_event.matching:
            self.match_sets.setdefault(
                matched_event.matching,
                to_match_set_json(matched_event.matches),
            )
        if matched_event.matching != stored_match_set_id:
            self.changed_match_set_ids[matched_event.uid] = matched_event.matching
        return matched_event.matching != stored_match_set_id


async def recompute_rollups(
    connection: AsyncConnection, organization_id: UUID, matcher: Matcher, time_zone: str
) -> RecomputedRollups:
    """Compute all roll-ups from the events.

    The cursor row must be locked, or the connection must have a consistent view.
    """
    recomputed = RecomputedRollups()
    for day in await list_event_days(connection, organization_id):
        recomputed.add_events(
            await load_events_of_day(connection, organization_id, matcher, day, time_zone)
        )
    return recomputed


def recompute_extremes_at_retractions(deltas: RollupDeltas, states: Sequence[EventState]) -> None:
    """Set low, high and last of each bucket with a retraction to those at the end of that day.

    This derives the past from all events of one occurred day, `states`. It must agree with
    retraction._recompute_extremes_from_live_events, which writes the extremes when an event is
    retracted. Recordings later on the day of the retraction add to the row that the retraction
    wrote. So an event that was recorded at any time of that day counts, unless it was retracted by
    the end of that day.
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
            bucket.reset_extremes()
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
    """Replace the stored roll-ups and match sets by the recomputed ones."""
    for table, _ in ROLLUP_TABLES.values():
        await connection.execute(delete(table).where(table.c.organization_id == organization_id))
    await save_match_sets(connection, organization_id, recomputed.match_sets)
    await apply_deltas(connection, organization_id, recomputed.deltas)
    await update_match_sets(
        connection,
        organization_id,
        [
            (str(uid), match_set_id)
            for uid, match_set_id in sorted(recomputed.changed_match_set_ids.items())
        ],
    )


async def save_match_sets(
    connection: AsyncConnection, organization_id: UUID, match_sets: dict[str, str]
) -> None:
    """Save the contents of match sets by their ids; one that exists stays unchanged."""
    if not match_sets:
        return
    from_clause = json_recordset(connection, "rows", {"id": "text", "metrics": "text"}, "d")
    statement = text(
        "insert into matching (organization_id, id, "  # noqa: S608  # constants
        f"metrics) select :organization, d.id, d.metrics from {from_clause} where true "
        "on conflict do nothing"
    ).bindparams(bindparam("organization", organization_id, UuidColumn()))
    await connection.execute(statement, {"rows": dumps(sorted(match_sets.items()))})


async def update_match_sets(
    connection: AsyncConnection,
    organization_id: UUID,
    match_set_ids_by_event: Sequence[tuple[str, str]],
) -> None:
    """Set the match set of events, given as pairs of uid and id of the set."""
    if not match_set_ids_by_event:
        return
    from_clause = json_recordset(connection, "rows", {"uid": "uuid", "matching": "text"}, "d")
    statement = text(
        f"update event set matching = d.matching from {from_clause} "  # noqa: S608  # constants
        "where event.organization_id = :organization and event.uid = d.uid"
    ).bindparams(bindparam("organization", organization_id, UuidColumn()))
    await connection.execute(
        statement, {"rows": to_canonical_json([list(pair) for pair in match_set_ids_by_event])}
    )


async def count_differences(
    connection: AsyncConnection, organization_id: UUID, recomputed: RecomputedRollups
) -> Mapping[str, int]:
    """Count, by roll-up, the rows that differ from the stored ones; and the changed match sets."""
    recomputed_rows = {
        "measure": to_measure_rows(recomputed.deltas),
        "attention": to_cell_rows(recomputed.deltas.attention),
        "sold": to_cell_rows(recomputed.deltas.sold),
    }
    counts = {"event": len(recomputed.changed_match_set_ids)}
    for rollup_name, (table, column_types) in ROLLUP_TABLES.items():
        columns = [table.c[column] for column in column_types]
        stored_rows = await connection.execute(
            select(*columns).where(table.c.organization_id == organization_id)
        )
        additive_indexes = [
            index for index, column in enumerate(column_types) if column in ADDITIVE_COLUMNS
        ]
        # Rows whose sums are all 0 are ignored: a change of match sets leaves them in `attention`.
        # Not in `measure`: a row with sums of 0 may still reset the extremes, which scores read.
        stored, expected = (
            {
                tuple(row)
                for row in rows
                if rollup_name == "measure" or any(row[index] for index in additive_indexes)
            }
            for rows in (stored_rows, recomputed_rows[rollup_name])
        )
        counts[rollup_name] = len(stored ^ expected)
    return counts
