"""Erasing a subject: what was said of it goes, and every number stays."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.domain import past
from app.domain.access import Actor, require_configuration
from app.domain.changes import ERASED
from app.domain.metrics import Matcher
from app.domain.sources import Source
from app.flows import reconcile
from app.flows.catalogue import Catalogue, catalogue
from app.flows.readings import Reader, Said, interpret, mapping_of
from app.flows.reconcile import DEAL, Work
from app.flows.repeats import hidden, pseudonym
from app.flows.service import Service
from app.store import cursor, deliveries, erasures, ids, journal, sources
from app.store.database import Connection
from app.store.erasures import Bare
from app.store.events import StoredEvent
from app.store.journal import Act

# What stands in a body however it is written: an id of more characters may be cut, another sign may be escaped.
PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,15}")
NEEDLES: Final = 50
SLOT: Final = 4  # parts of a record's event id: type, id, slot and number


@dataclass(frozen=True, slots=True)
class Erased:
    """What went. Shape: `subject` is what stands for it from now on; the rest are how many lost what they said."""

    subject: str
    events: int
    changes: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class _Errand:
    """One erasure, in its transaction; the cursor's row is locked. Shape: `names` are event ids by source."""

    service: Service
    connection: Connection
    organization: UUID
    position: cursor.Position
    known: Catalogue
    subject: str
    names: dict[str, set[str]]


async def erase(service: Service, actor: Actor, subject: str, read_event: Reader) -> Erased:
    """The content of the subject's events is gone, with the changes and the raw bodies that told it.

    Matches, values and roll-ups stay as they are. Raises: ForbiddenError.
    """
    require_configuration(actor, "admin")
    now = service.clock()
    name = "erased/" + pseudonym(service.vault, f"{actor.organization}\n{subject}")
    async with service.database.writing() as connection:
        zone = await cursor.zone(connection, actor.organization)
        position = await cursor.advance(connection, actor.organization, now, zone, catalogue=False)
        known = await catalogue(connection, actor.organization)
        errand = _Errand(service, connection, actor.organization, position, known, subject, {})
        events = await _events(errand, name)
        told = [await _told(errand, source, read_event, now) for source in _connected(known)]
        done = Erased(name, events, sum(each for each, _ in told), sum(each for _, each in told))
        after = {"events": done.events, "changes": done.changes, "deliveries": done.deliveries}
        await journal.add(
            connection, actor.organization, position, Act(actor.name, "erasure", name, "erase", None, after)
        )
    return done


def _connected(known: Catalogue) -> list[Source]:
    """The sources that have deliveries, archived ones too."""
    gone = known.configuration.archived.get("source", {}).values()
    found = [*known.configuration.sources.values(), *(one for one in gone if isinstance(one, Source))]
    return [source for source in found if source.connector != "api"]


async def _events(errand: _Errand, name: str) -> int:
    """The subject's events have no content; how many they were."""
    both = errand.known.matcher, Matcher(past.matched(errand.known.configuration, {}))
    count = 0
    async for some in erasures.events_of(errand.connection, errand.organization, errand.subject):
        await erasures.erase_events(
            errand.connection, errand.organization, name, [_bare(errand.service, both, one) for one in some]
        )
        for one in some:
            errand.names.setdefault(one.event.source, set()).add(one.event.id)
        count += len(some)
    return count


def _bare(service: Service, matchers: Collection[Matcher], stored: StoredEvent) -> Bare:
    rules = {name: match for matcher in matchers for name, match in matcher.remember(stored.event).items()}
    return Bare(stored.uid, hidden(service.vault, stored), rules)


async def _told(errand: _Errand, source: Source, read_event: Reader, now: datetime) -> tuple[int, int]:
    """What a source told of the subject is gone; how many changes and how many raw bodies went."""
    generation = await sources.generation(errand.connection, errand.organization, source.key)
    own = errand.connection, errand.organization, source, errand.known, errand.position
    work = Work(*own, ids.uuid7(now), errand.service.vault, generation)
    entities = await _entities(work, errand.subject, errand.names.get(source.key, set()))
    uids = await erasures.tellers(errand.connection, errand.organization, source.key, entities)
    uids |= await _mentioning(errand, source, entities, read_event, now)
    changes = await erasures.erase_changes(errand.connection, work.told, entities, errand.position, work.delivery)
    return changes, await erasures.erase_bodies(errand.connection, errand.organization, uids)


async def _entities(work: Work, subject: str, names: Collection[str]) -> set[str]:
    """The records that are the subject's: its deal with what hangs on it, and those that its events are of.

    None of them was erased before.
    """
    slots = [name.split("/") for name in names]
    found = {f"{parts[0]}:{parts[1]}" for parts in slots if len(parts) == SLOT}
    entity = subject.replace("/", ":", 1)
    if entity.startswith(DEAL):
        found |= await reconcile.kin(work, entity)
    told = await deliveries.changes_of(work.connection, work.told, found)
    return {entity for entity, some in told.items() if any(one.verb != ERASED for one in some)}


async def _mentioning(
    errand: _Errand, source: Source, entities: set[str], read_event: Reader, now: datetime
) -> set[UUID]:
    """The deliveries whose raw body tells of the subject, and those with it in them that cannot be read."""
    # What a subject is named by, without what kind of thing it is: that many other bodies say.
    texts = [errand.subject.rpartition("/")[2], *(entity.partition(":")[2] for entity in entities)]
    needles = {max(PLAIN.findall(text), key=len, default="").encode() for text in texts}
    read = mapping_of(source)
    found: set[UUID] = set()
    wanted = set() if b"" in needles or len(needles) > NEEDLES else needles
    async for some in erasures.bodies(errand.connection, errand.organization, source.key, wanted):
        for kept in some:
            said = interpret(source, read, kept, "POST", read_event, now)
            if said.unreadable or said.problems or _tells(said, entities, errand.subject):
                found.add(kept.uid)
    return found


def _tells(said: Said, entities: set[str], subject: str) -> bool:
    named = {one.entity for one in said.changes} | {one.other for one in said.changes}
    return not entities.isdisjoint(named) or any(event.subject == subject for _, event in said.events)
