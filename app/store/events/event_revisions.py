"""How an event of our own stands that a replay read otherwise: it is retracted, and recorded anew as `<id>~2`, `~3`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.events.event_queries import StoredEvent, event_table, read_events

REVISION_MARK: Final = "~"
REVISION_RANGE_END: Final = chr(ord(REVISION_MARK) + 1)
MAX_ID_LENGTH: Final = 200  # of an event's id
REVISION_NUMBER: Final = re.compile(r"[2-9]|[1-9][0-9]{1,8}")
CHUNK_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class EventRevisions:
    """How an event stands now. Shape: `first` is what was recorded under its own id; `free` is the next one's id."""

    first: StoredEvent
    latest: StoredEvent
    next_id: str


async def latest_revisions(
    connection: AsyncConnection, organization_id: UUID, source: str, event_ids: Collection[str]
) -> Mapping[str, EventRevisions]:
    """How those events of a source stand that are recorded, by the ids under which their sender knows them."""
    sorted_ids = sorted(set(event_ids))
    revisions_by_id: dict[str, EventRevisions] = {}
    for start in range(0, len(sorted_ids), CHUNK_SIZE):
        chunk = sorted_ids[start : start + CHUNK_SIZE]
        revision_conditions = [
            and_(
                event_table.c.id >= f"{id_}{REVISION_MARK}",
                event_table.c.id < f"{id_}{REVISION_RANGE_END}",
            )
            for id_ in chunk
        ]
        where = [
            event_table.c.source == source,
            or_(event_table.c.id.in_(chunk), *revision_conditions),
        ]
        events_by_id = {
            stored.event.id: stored
            for stored in await read_events(connection, organization_id, where)
        }
        revisions_by_id |= {
            id_: _to_revisions(id_, events_by_id) for id_ in chunk if id_ in events_by_id
        }
    return revisions_by_id


def _to_revisions(id_: str, events_by_id: Mapping[str, StoredEvent]) -> EventRevisions:
    """The last version of those that follow one another: each but the last was retracted as the next was recorded.

    That tells them from events to which their sender gave such an id.
    """
    suffixes = [
        event_id.removeprefix(f"{id_}{REVISION_MARK}")
        for event_id in events_by_id
        if event_id.startswith(f"{id_}{REVISION_MARK}")
    ]
    numbers = sorted(int(number) for number in suffixes if REVISION_NUMBER.fullmatch(number))
    latest = events_by_id[id_]
    for number in numbers:
        successor = events_by_id[f"{id_}{REVISION_MARK}{number}"]
        latest = successor if latest.retracted_at == successor.recorded_at else latest
    return EventRevisions(
        events_by_id[id_], latest, f"{id_}{REVISION_MARK}{max(numbers, default=1) + 1}"
    )
