"""How an event of our own stands that a replay read otherwise: it is retracted, and recorded anew as `<id>~2`, `~3`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import and_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.events import StoredEvent, event, read

MARK: Final = "~"
AFTER: Final = chr(ord(MARK) + 1)
LETTERS: Final = 200  # of an event's id
CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class Version:
    """How an event stands now. Shape: `first` is what was recorded under its own id; `number` is that of the newest."""

    first: StoredEvent
    newest: StoredEvent
    number: int


def name_of(id_: str, number: int) -> str:
    """The id of a version of an event."""
    return id_ if number == 1 else f"{id_}{MARK}{number}"


async def newest(
    connection: AsyncConnection, organization_id: UUID, source: str, ids: Collection[str]
) -> Mapping[str, Version]:
    """How those events of a source stand that are recorded, by the ids under which their sender knows them."""
    wanted = sorted(set(ids))
    kept: dict[str, StoredEvent] = {}
    for start in range(0, len(wanted), CHUNK):
        some = wanted[start : start + CHUNK]
        later = [and_(event.c.id >= f"{id_}{MARK}", event.c.id < f"{id_}{AFTER}") for id_ in some]
        where = [event.c.source == source, or_(event.c.id.in_(some), *later)]
        kept |= {stored.event.id: stored for stored in await read(connection, organization_id, where)}
    return {id_: _version(id_, kept) for id_ in wanted if id_ in kept}


def _version(id_: str, kept: Mapping[str, StoredEvent]) -> Version:
    """The last version of those that follow one another: each but the last was retracted for the next."""
    number = 1
    while kept[name_of(id_, number)].retracted_at is not None and name_of(id_, number + 1) in kept:
        number += 1
    return Version(kept[id_], kept[name_of(id_, number)], number)
