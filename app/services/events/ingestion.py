"""Recording events and retracting them: what is acknowledged is committed, with its roll-ups."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import Event, day_of
from app.domain.primitives.errors import (
    BucketFullError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SourceIsConnectedError,
    UnavailableError,
)
from app.domain.sources.sources import CRMS, Source
from app.services.events.batch_pipeline import pass_through
from app.services.events.duplicates import repeats
from app.services.events.validation import Entry, Item, Name, conflict, judge
from app.services.runtime.context import Service
from app.services.runtime.matcher_cache import Catalogue, catalogue
from app.store.access import organization_version as cursor
from app.store.events import event_queries as events
from app.store.events import ingest
from app.store.events import metric_restatement as restatements
from app.store.events import retraction as retract
from app.store.events import rollup_overflow as room
from app.store.events.event_queries import StoredEvent
from app.store.events.rollups import Prepared
from app.store.playbook import configuration as store
from app.store.sql import column_types as types
from app.store.sql.database import Connection

ATTEMPTS: Final = 5


async def record(
    service: Service, actor: Actor, found: Iterable[Event], connectors: Collection[str] = ("api",)
) -> list[Item]:
    """Records what is valid and new; answers for each event in the given order.

    A sequence of a single event is recorded together with others that came at the same time.
    Shape: `connectors` are those whose sources take such events.

    Raises: ForbiddenError, UnavailableError.
    """
    actor.require("events:write")
    if isinstance(found, Sequence) and len(found) == 1:
        entry = Entry(actor, found[0], connectors)
        return [
            await service.singles.take(
                actor.organization, entry, partial(_record, service, actor.organization)
            )
        ]
    entries = (Entry(actor, event, connectors) for event in found)
    known = service.catalogues.newest(actor.organization) or await _read_catalogue(
        service, actor.organization
    )
    passed = await pass_through(service, actor.organization, known, entries)
    if passed.whole:
        return await _settle(service, actor.organization, passed.entries, passed.items, passed.done)
    return await _record(service, actor.organization, passed.entries)


async def _record(service: Service, organization: UUID, found: Sequence[Entry]) -> list[Item]:
    done: dict[Name, Item] = {}
    known = service.catalogues.newest(organization)
    for _ in range(ATTEMPTS):
        now = service.clock()
        read = known is None
        known = known or await _read_catalogue(service, organization)
        items = judge(known.configuration, found, now)
        if not read and any(item.status == "invalid" for item in items):
            # It may be a newer configuration that knows what this one does not.
            before, known = known, await _read_catalogue(service, organization)
            if known.version != before.version:
                items = judge(known.configuration, found, now)
        fresh = [
            entry.event
            for entry, item in zip(found, items, strict=True)
            if item.status == "recorded" and entry.name not in done
        ]
        prepared = ingest.prepare(fresh, known.matcher, now, known.time_zone)
        if await _store(service, organization, known, prepared, done):
            return await _settle(service, organization, found, items, done)
        known = None
    raise UnavailableError(
        "The configuration is changing too fast to record events against it; try again."
    )


async def _read_catalogue(service: Service, organization: UUID) -> Catalogue:
    async with service.database.reading() as connection:
        return await catalogue(connection, organization, service.catalogues)


async def _store(
    service: Service,
    organization: UUID,
    known: Catalogue,
    prepared: Sequence[Prepared],
    done: dict[Name, Item],
) -> bool:
    """Whether the events were stored against that catalogue; `done` says what became of each, so far as anything did.

    Where a sum would overflow, the events that do not fit are found and refused, and the others are stored.
    """
    now = service.clock()
    day = types.day_number(day_of(now, known.time_zone))
    while prepared:
        try:
            async with service.database.writing() as connection:
                recorded = await ingest.record(
                    connection, organization, prepared, now, day, known.version
                )
                if not recorded.uids:
                    await (
                        connection.rollback()
                    )  # nothing was new, so the organization's version stays
                elif known.restating:
                    await restatements.spoil(connection, organization, [p.day for p in prepared])
        except BucketFullError as error:
            left = await _that_fit(service, organization, prepared, day, error, done)
            if len(left) == len(prepared):
                # Each fits and their sum does not: halves of it do, or in the end a single one does not.
                middle = len(left) // 2
                first = await _store(service, organization, known, left[:middle], done)
                return first and await _store(service, organization, known, left[middle:], done)
            prepared = left
            continue
        if recorded.seq is None:
            return False
        done |= {
            _name(p): Item("recorded", p.uid, None, (p, recorded.at))
            for p in prepared
            if p.uid in recorded.uids
        }
        return True
    return True


async def _that_fit(
    service: Service,
    organization: UUID,
    prepared: Sequence[Prepared],
    day: int,
    error: BucketFullError,
    done: dict[Name, Item],
) -> Sequence[Prepared]:
    """Those that are new and fit; the ones that do not are refused in `done`, and `_settle` tells of the recorded."""
    async with service.database.reading() as connection:
        kept = await events.find_named(connection, organization, [_name(p) for p in prepared])
        fresh = [p for p in prepared if _name(p) not in kept]
        full = await room.misfits(connection, organization, fresh, day)
    if len(prepared) == len(fresh) == 1:
        full = frozenset({fresh[0].uid})
    done |= {_name(p): Item("invalid", None, error) for p in fresh if p.uid in full}
    return [p for p in fresh if p.uid not in full]


def _name(prepared: Prepared) -> Name:
    return prepared.event.source, prepared.event.id


async def _settle(
    service: Service,
    organization: UUID,
    found: Sequence[Entry],
    items: Sequence[Item],
    stored: Mapping[Name, Item],
) -> list[Item]:
    """The answers: what was not new is a duplicate or a conflict of what is recorded."""
    asked = [
        entry.name
        for entry, item in zip(found, items, strict=True)
        if item.status in ("duplicate", "conflict")
        or isinstance(item.problem, InvalidError)
        or (item.status == "recorded" and entry.name not in stored)
    ]
    kept: Mapping[Name, StoredEvent] = {}
    if asked:
        async with service.database.reading() as connection:
            kept = await events.find_named(connection, organization, sorted(set(asked)))
    answers = []
    for entry, item in zip(found, items, strict=True):
        name, event = entry.name, entry.event
        if item.status == "recorded" and name in stored:
            answers.append(stored[name])
        elif (
            isinstance(item.problem, InvalidError)
            and name in kept
            and repeats(service.vault, kept[name], event)
        ):
            # Sent again after its team was archived, say: it stands, and sending it again changes nothing.
            answers.append(Item("duplicate", kept[name].uid))
        elif item.status in ("recorded", "duplicate", "conflict") and name in kept:
            same = repeats(service.vault, kept[name], event)
            error = conflict(event, retracted=kept[name].retracted_at is not None)
            answers.append(
                Item("duplicate", kept[name].uid)
                if same
                else Item("conflict", kept[name].uid, error)
            )
        else:
            # The repetition in one batch of an event that could not be stored fails as that one did.
            answers.append(
                stored.get(name, item) if item.status in ("duplicate", "conflict") else item
            )
    return answers


async def stored(service: Service, organization: UUID, item: Item) -> StoredEvent:
    """The recorded event that an item tells of: what was recorded just now is not read again.

    Raises: NotFoundError when it is not there.
    """
    if item.fresh is not None:
        return _as_stored(*item.fresh)
    async with service.database.reading() as connection:
        found = None if item.uid is None else await events.find(connection, organization, item.uid)
    if found is None:
        raise NotFoundError("There is no such event.")
    return found


def _as_stored(prepared: Prepared, at: datetime) -> StoredEvent:
    """The event as it reads once it was recorded at that instant."""
    metrics = tuple(match.metric for match in prepared.matches)
    return StoredEvent(prepared.event, prepared.uid, at, metrics, None, None, prepared.fingerprint)


async def retract_event(
    service: Service, actor: Actor, uid: UUID, reason: str
) -> tuple[StoredEvent, bool]:
    """The event does not stand any more; whether it did until now.

    Raises: NotFoundError, ForbiddenError, SourceIsConnectedError.
    """
    actor.require("events:write")
    now = service.clock()
    async with service.database.writing() as connection:
        # The cursor's row is locked first: neither the metrics nor the event can change under the retraction.
        zone = await cursor.zone(connection, actor.organization)
        position = await cursor.advance(connection, actor.organization, now, zone, catalogue=False)
        found = await _retractable(connection, actor, uid)
        if found.retracted_at is not None:
            await connection.rollback()  # nothing changes, so the organization's version stays
            return found, False
        known = await catalogue(connection, actor.organization, service.catalogues)
        await retract.retract(
            connection, actor.organization, {uid: reason}, position, actor.name, known.matcher, zone
        )
        after = await events.find(connection, actor.organization, uid)
    if after is None:
        raise NotFoundError("There is no such event.")
    return after, True


async def _retractable(connection: Connection, actor: Actor, uid: UUID) -> StoredEvent:
    found = await events.find(connection, actor.organization, uid)
    if found is None:
        raise NotFoundError("There is no such event.")
    if actor.team is not None and found.event.team != actor.team:
        raise ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and found.event.source != actor.source:
        raise ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    source = await store.find(connection, actor.organization, "source", found.event.source)
    if source is not None and isinstance(source.value, Source) and source.value.connector in CRMS:
        raise SourceIsConnectedError(
            f"The events of '{found.event.source}' follow its hook; correct it there."
        )
    return found
