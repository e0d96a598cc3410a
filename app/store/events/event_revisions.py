"""How an event of our own stands that a replay read otherwise: it is retracted, and recorded anew as `<id>~2`, `~3`."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.events.event_queries import StoredEvent, event, read

MARK: Final = "~"
AFTER: Final = chr(ord(MARK) + 1)
LETTERS: Final = 200  # of an event's id
NUMBER: Final = re.compile(r"[2-9]|[1-9][0-9]{1,8}")
CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class Version:
    """How an event stands now. Shape: `first` is what was recorded under its own id; `free` is the next one's id."""

    first: StoredEvent
    newest: StoredEvent
    free: str


async def newest(
    connection: AsyncConnection, organization_id: UUID, source: str, ids: Collection[str]
) -> Mapping[str, Version]:
    """How those events of a source stand that are recorded, by the ids under which their sender knows them."""
    wanted = sorted(set(ids))
    found: dict[str, Version] = {}
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        later = [and_(event.c.id >= f"{id_}{MARK}", event.c.id < f"{id_}{AFTER}") for id_ in some]
        where = [event.c.source == source, or_(event.c.id.in_(some), *later)]
        kept = {
            stored.event.id: stored for stored in await read(connection, organization_id, where)
        }
        found |= {id_: _version(id_, kept) for id_ in some if id_ in kept}
    return found


def _version(id_: str, kept: Mapping[str, StoredEvent]) -> Version:
    """The last version of those that follow one another: each but the last was retracted as the next was recorded.

    That tells them from events to which their sender gave such an id.
    """
    marked = [name.removeprefix(f"{id_}{MARK}") for name in kept if name.startswith(f"{id_}{MARK}")]
    numbers = sorted(int(number) for number in marked if NUMBER.fullmatch(number))
    newest = kept[id_]
    for number in numbers:
        after = kept[f"{id_}{MARK}{number}"]
        newest = after if newest.retracted_at == after.recorded_at else newest
    return Version(kept[id_], newest, f"{id_}{MARK}{max(numbers, default=1) + 1}")
