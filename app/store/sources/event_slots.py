"""The slots that the events of a CRM's records take."""

from collections.abc import Collection, Sequence
from json import dumps
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.sources.crm.reconciliation import DesiredEvent, Slot
from app.store.events.event_queries import event, to_event
from app.store.sql import column_types as types
from app.store.sql.dialect import each, recordset

RANGE: Final = {"first": "text", "after": "text"}


async def slots_of(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> tuple[dict[str, dict[str, Slot]], dict[str, UUID]]:
    """By entity the slots that it has, and by event id the uid of each live event."""
    slots: dict[str, dict[str, Slot]] = {entity: {} for entity in entities}
    uids: dict[str, UUID] = {}
    for row in await _events_of(connection, organization_id, source, entities):
        name, number = row["id"].rsplit("/", 1)
        kind, identity, _ = name.split("/", 2)
        mine = slots[f"{kind}:{identity}"]
        was = mine.get(name, Slot(0))
        live = was.live
        if row["gone"] is None:
            live, uids[row["id"]] = _desired(name, row), row["uid"]
        mine[name] = Slot(max(was.recorded, int(number)), live)
    return slots, uids


async def _events_of(
    connection: AsyncConnection, organization_id: UUID, source: str, entities: Collection[str]
) -> Sequence[RowMapping]:
    prefixes = [entity.replace(":", "/", 1) for entity in sorted(entities)]
    # '0' is the character after '/': the range is that of all ids that begin with the prefix and a slash
    ranges = dumps([(f"{prefix}/", f"{prefix}0") for prefix in prefixes])
    columns = ", ".join(f"e.{column.name}" for column in event.columns)
    mine = "e.organization_id = :organization and e.source = :source and e.id >= w.first and e.id < w.after"
    found = each(connection, recordset(connection, "ranges", RANGE, "w"), "event", "e", mine)
    gone = (
        "select r.uid from retraction r where r.organization_id = :organization and r.uid = e.uid"
    )
    statement = (
        text(f"select {columns}, ({gone}) as gone from {found}")  # noqa: S608  # constants
        .bindparams(bindparam("organization", organization_id, types.Identity()))
        .columns(uid=types.Identity())
    )
    return (
        (await connection.execute(statement, {"source": source, "ranges": ranges})).mappings().all()
    )


def _desired(slot: str, row: RowMapping) -> DesiredEvent:
    found = to_event(row)
    return DesiredEvent(
        slot=slot,
        type=found.type,
        time=found.time,
        team=found.team,
        kind=found.kind,
        value=found.value,
        unit=found.unit,
        subject=found.subject,
        offerings=found.offerings,
        data=found.data,
    )
