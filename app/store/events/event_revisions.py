"""Revisions of an event.

An event cannot change. A replay that derives other content for it retracts it and records the new
content as the next revision: `<id>~2`, then `<id>~3`. The original id is the first revision.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.events.event_queries import StoredEvent, event_table, load_events

REVISION_MARK: Final = "~"
# The character after the mark: ids from `<id>~` up to `<id>` and this character begin with `<id>~`.
# Such a range uses the index on (organization_id, source, id).
REVISION_RANGE_END: Final = chr(ord(REVISION_MARK) + 1)
# The longest id that the API accepts. A revision's id must not exceed it either.
MAX_ID_LENGTH: Final = 200
# 2 and above, without leading zeros: other suffixes are part of an id that a sender chose.
REVISION_NUMBER: Final = re.compile(r"[2-9]|[1-9][0-9]{1,8}")
# Ids in one query: each of them adds a range to its `or`.
CHUNK_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class EventRevisions:
    """The first and the latest revision of an event."""

    # Recorded under the original id.
    first: StoredEvent
    latest: StoredEvent
    # The id of the next revision.
    next_id: str


async def load_latest_revisions(
    connection: AsyncConnection, organization_id: UUID, source: str, event_ids: Collection[str]
) -> Mapping[str, EventRevisions]:
    """Load the first and the latest revision of events of a source, by original id.

    Ids without an event are left out.
    """
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
            for stored in await load_events(connection, organization_id, where)
        }
        revisions_by_id |= {
            id_: _to_revisions(id_, events_by_id) for id_ in chunk if id_ in events_by_id
        }
    return revisions_by_id


def _to_revisions(id_: str, events_by_id: Mapping[str, StoredEvent]) -> EventRevisions:
    """Return the revisions that follow one another.

    A sender may have chosen an id that looks like a revision. An event is a revision only if it was
    recorded at the instant at which the one before it was retracted. The next id is beyond all ids
    that exist, chosen ones included.
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
