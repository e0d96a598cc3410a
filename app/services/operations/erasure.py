"""Erasing a subject: what was said of it goes, and every number stays."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor, require_configuration
from app.domain.events.metrics import Matcher
from app.domain.playbook import history as past
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.events.duplicates import hidden, pseudonym
from app.services.runtime.context import Service
from app.services.runtime.matcher_cache import Catalogue, catalogue
from app.services.sources.delivery_processing import Reader, Said, interpret, mapping_of
from app.services.sources.event_writer import Work
from app.services.sources.record_graph import DEAL, kin
from app.store.access import organization_version as cursor
from app.store.events.event_queries import StoredEvent
from app.store.operations import erasure as erasures
from app.store.operations.erasure import Bare
from app.store.playbook import journal
from app.store.playbook.journal import Act
from app.store.sources import sources
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection

# What stands in a body however it is written: an id of more characters may be cut, another sign may be escaped.
CUT: Final = 15
PLAIN: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{CUT}}}")
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
    """One erasure, in its transaction; the cursor's row is locked.

    Shape: `name` is what stands for the subject from now on; `names` are ids of events that stand, by source.
    """

    service: Service
    connection: Connection
    organization: UUID
    position: cursor.Position
    known: Catalogue
    subject: str
    name: str
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
        errand = _Errand(
            service, connection, actor.organization, position, known, subject, name, {}
        )
        gone = [(await _events(errand, subject), 0, 0)]
        gone += [await _told(errand, source, read_event, now) for source in _connected(known)]
        done = Erased(name, *map(sum, zip(*gone, strict=True)))
        after = {"events": done.events, "changes": done.changes, "deliveries": done.deliveries}
        await journal.add(
            connection,
            actor.organization,
            position,
            Act(actor.name, "erasure", name, "erase", None, after),
        )
    return done


def _connected(known: Catalogue) -> list[Source]:
    """The sources that have deliveries, archived ones too."""
    gone = known.configuration.archived.get("source", {}).values()
    found = [
        *known.configuration.sources.values(),
        *(one for one in gone if isinstance(one, Source)),
    ]
    return [source for source in found if source.connector != "api"]


async def _events(errand: _Errand, subject: str, source: str | None = None) -> int:
    """The subject's events have no content, those of all sources (None); how many they were."""
    both = errand.known.matcher, Matcher(past.matched(errand.known.configuration, {}))
    count = 0
    async for some in erasures.events_of(errand.connection, errand.organization, subject, source):
        await erasures.erase_events(
            errand.connection,
            errand.organization,
            errand.name,
            [_bare(errand.service, both, one) for one in some],
        )
        for one in some:
            if one.retracted_at is None:  # what it was made of may belong to another subject by now
                errand.names.setdefault(one.event.source, set()).add(one.event.id)
        count += len(some)
    return count


def _bare(service: Service, matchers: Collection[Matcher], stored: StoredEvent) -> Bare:
    rules = {
        name: match
        for matcher in matchers
        for name, match in matcher.remember(stored.event).items()
    }
    return Bare(stored.uid, hidden(service.vault, stored.fingerprint), rules)


async def _told(
    errand: _Errand, source: Source, read_event: Reader, now: datetime
) -> tuple[int, int, int]:
    """What a source told of the subject is gone; how many more events, changes and raw bodies went.

    Those are more events that are of a deal which the subject's went into.
    """
    generation = await sources.generation(errand.connection, errand.organization, source.key)
    own = errand.connection, errand.organization, source, errand.known, errand.position
    work = Work(*own, errand.service.vault, generation)
    mine = await _kin(work, errand.subject)
    others = {entity.replace(":", "/", 1) for entity in mine if entity.startswith(DEAL)} - {
        errand.subject
    }
    events = sum([await _events(errand, other, source.key) for other in sorted(others)])
    found = mine | _records(errand.names.get(source.key, set()))
    entities = await erasures.told(errand.connection, errand.organization, source.key, found)
    uids = await erasures.tellers(errand.connection, errand.organization, source.key, entities)
    uids |= await _mentioning(errand, source, entities, read_event, now)
    changes = await erasures.erase_changes(
        errand.connection, work.told, entities, errand.position, ids.uuid7(now)
    )
    return (
        events,
        changes,
        await erasures.erase_bodies(errand.connection, errand.organization, uids),
    )


async def _kin(work: Work, subject: str) -> set[str]:
    """The subject's deal, with those that went into one another with it and what hangs on them; none for another."""
    entity = subject.replace("/", ":", 1)
    return (
        {entity} | await kin(work.connection, work.told, entity)
        if entity.startswith(DEAL)
        else set()
    )


def _records(names: Collection[str]) -> set[str]:
    """The records that events of these ids are made of."""
    slots = [name.split("/") for name in names]
    return {f"{parts[0]}:{parts[1]}" for parts in slots if len(parts) == SLOT}


async def _mentioning(
    errand: _Errand, source: Source, entities: Collection[str], read_event: Reader, now: datetime
) -> set[UUID]:
    """The deliveries that tell of the subject, and those that name it and cannot be read."""
    # What a subject is named by, without what kind of thing it is: that many other bodies say.
    texts = [errand.subject.rpartition("/")[2] or errand.subject]
    texts += [entity.partition(":")[2] for entity in entities]
    needles = {max(PLAIN.findall(text), key=len, default="") for text in texts}
    naming, read = _naming(needles), mapping_of(source)
    found: set[UUID] = set()
    wanted = set() if "" in needles or len(needles) > NEEDLES else needles
    async for some in erasures.bodies(errand.connection, errand.organization, source.key, wanted):
        for kept in some:
            said = interpret(source, read, kept, "POST", read_event, now)
            unread = (said.unreadable or said.problems) and naming.search(_text(kept))
            if unread or _tells(said, entities, errand.subject):
                found.add(kept.uid)
    return found


def _naming(needles: Collection[str]) -> re.Pattern[bytes]:
    """What finds one of these in a body; a number not within a longer one, for every body is full of times."""
    numbers = [
        rf"(?<!\d){needle}(?!\d)" if needle.isdigit() and len(needle) < CUT else needle
        for needle in needles
    ]
    return re.compile("|".join(sorted(numbers)).encode())


def _text(kept: StoredDelivery) -> bytes:
    return b"\n".join([kept.body or b"", *(value.encode() for value in kept.headers.values())])


def _tells(said: Said, entities: Collection[str], subject: str) -> bool:
    named = {one.entity for one in said.changes} | {one.other for one in said.changes}
    return not named.isdisjoint(entities) or any(
        event.subject == subject for _, event in said.events
    )
