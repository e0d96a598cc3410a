"""The event slots of CRM records."""

from collections.abc import Collection, Sequence
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.sources.crm.reconciliation import DesiredEvent, Slot
from app.store.events.event_queries import event_table, to_event
from app.store.sql import column_types
from app.store.sql.dialect import json_recordset, lateral_lookup

RANGE_COLUMN_TYPES: Final = {"first": "text", "after": "text"}


async def load_event_slots(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> tuple[dict[str, dict[str, Slot]], dict[str, UUID]]:
    """Return the slots of each record, and the uid of each live event by its id."""
    slots: dict[str, dict[str, Slot]] = {entity: {} for entity in entities}
    uids: dict[str, UUID] = {}
    for row in await _load_event_rows(connection, organization_id, source, entities):
        slot_name, version = row["id"].rsplit("/", 1)
        kind, record_id, _ = slot_name.split("/", 2)
        record_slots = slots[f"{kind}:{record_id}"]
        previous = record_slots.get(slot_name, Slot(0))
        live_event = previous.live
        if row["retraction_uid"] is None:
            live_event = _to_desired_event(slot_name, row)
            uids[row["id"]] = row["uid"]
        record_slots[slot_name] = Slot(max(previous.recorded_count, int(version)), live_event)
    return slots, uids


async def _load_event_rows(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> Sequence[RowMapping]:
    prefixes = [entity.replace(":", "/", 1) for entity in sorted(entities)]
    # '0' follows '/': the range contains all ids that begin with the prefix and a slash.
    ranges = dumps([(f"{prefix}/", f"{prefix}0") for prefix in prefixes])
    columns = ", ".join(f"e.{column.name}" for column in event_table.columns)
    join_condition = (
        "e.organization_id = :organization and e.source = :source "
        "and e.id >= w.first and e.id < w.after"
    )
    lookup = lateral_lookup(
        connection,
        json_recordset(connection, "ranges", RANGE_COLUMN_TYPES, "w"),
        "event",
        "e",
        join_condition,
    )
    retraction_query = (
        "select r.uid from retraction r where r.organization_id = :organization and r.uid = e.uid"
    )
    statement = (
        text(f"select {columns}, ({retraction_query}) as retraction_uid from {lookup}")  # noqa: S608  # constants
        .bindparams(bindparam("organization", organization_id, column_types.UuidColumn()))
        .columns(uid=column_types.UuidColumn())
    )
    return (
        (await connection.execute(statement, {"source": source, "ranges": ranges})).mappings().all()
    )


def _to_desired_event(slot: str, row: RowMapping) -> DesiredEvent:
    event = to_event(row)
    return DesiredEvent(
        slot=slot,
        type=event.type,
        time=event.time,
        team=event.team,
        kind=event.kind,
        value=event.value,
        unit=event.unit,
        subject=event.subject,
        offerings=event.offerings,
        data=event.data,
    )
