"""Recording events and retracting them: what is acknowledged is committed, with its roll-ups."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain import past
from app.domain.access import Actor
from app.domain.configuration import Configuration, missing
from app.domain.errors import (
    BucketFullError,
    EventConflictError,
    Fault,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SightlineError,
    SourceIsConnectedError,
    UnavailableError,
)
from app.domain.events import FUTURE_HOURS, Event, day_of, fingerprint
from app.domain.metrics import Matcher
from app.domain.sources import CRMS, Source
from app.flows.repeats import repeats
from app.flows.service import Service
from app.store import configuration as store
from app.store import cursor, events, ingest, restatements, retract, room, types
from app.store.database import Connection
from app.store.events import StoredEvent
from app.store.rollups import Prepared

KINDS: Final = ("organization", "team", "source", "metric", "objective")
ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one event. Shape: `status` is recorded, duplicate, conflict, invalid or forbidden."""

    status: str
    uid: UUID | None = None
    problem: SightlineError | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What an event is checked and matched against, as of one version of the configuration.

    Shape: `restating` says that history is being restated, and the days that events come in for have to be done again.
    """

    configuration: Configuration
    matcher: Matcher
    version: int
    restating: bool

    @property
    def time_zone(self) -> str:
        """The organization's."""
        return self.configuration.organization.time_zone


async def catalogue(connection: Connection, organization: UUID) -> Catalogue:
    """The organization's catalogue as it is now. Raises: NotFoundError when the organization is gone."""
    version = await cursor.catalogue(connection, organization)
    known = await store.load(connection, organization, KINDS)
    pending = await restatements.pending(connection, organization)
    return Catalogue(known, Matcher(past.matched(known, pending)), version, bool(pending))


async def record(
    service: Service, actor: Actor, found: Sequence[Event], connectors: Collection[str] = ("api",)
) -> list[Item]:
    """Records what is valid and new; answers for each event in the given order.

    Shape: `connectors` are those whose sources take such events.

    Raises: ForbiddenError, UnavailableError.
    """
    actor.require("events:write")
    done: dict[tuple[str, str], Item] = {}
    for _ in range(ATTEMPTS):
        now = service.clock()
        async with service.database.reading() as connection:
            known = await catalogue(connection, actor.organization)
        items, prints = _judge(actor, known, found, now, connectors)
        fresh = [
            event
            for event, item in zip(found, items, strict=True)
            if item.status == "recorded" and (event.source, event.id) not in done
        ]
        if await _store(
            service, actor.organization, known, ingest.prepare(fresh, known.matcher, now, known.time_zone, prints), done
        ):
            return await _settle(service, actor.organization, found, items, done)
    raise UnavailableError("The configuration is changing too fast to record events against it; try again.")


def _judge(
    actor: Actor, known: Catalogue, found: Sequence[Event], now: datetime, connectors: Collection[str]
) -> tuple[list[Item], Mapping[tuple[str, str], str]]:
    """What can be said of each event without asking for the recorded ones.

    A repetition in the batch is told apart here.
    """
    seen: dict[tuple[str, str], str] = {}
    items: list[Item] = []
    for event in found:
        problem = refusal(actor, known.configuration, event, now, connectors)
        name, content = (event.source, event.id), "" if problem else fingerprint(event)
        if problem is not None:
            items.append(Item("forbidden" if isinstance(problem, ForbiddenError) else "invalid", None, problem))
        elif name not in seen:
            seen[name] = content
            items.append(Item("recorded"))
        elif seen[name] == content:
            items.append(Item("duplicate"))
        else:
            items.append(Item("conflict", None, conflict(event)))
    return items, seen


def refusal(
    actor: Actor, known: Configuration, event: Event, now: datetime, connectors: Collection[str] = ("api",)
) -> SightlineError | None:
    """Why the event cannot be taken. None when it can."""
    if actor.team is not None and event.team != actor.team:
        return ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and event.source != actor.source:
        return ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    faults = list(_unknown(known, event))
    if event.time > now + timedelta(hours=FUTURE_HOURS):
        faults.append(Fault("/time", f"Must be at most {FUTURE_HOURS} hours ahead of now."))
    if faults:
        return InvalidError(faults[0].detail, faults)
    source = known.sources[event.source]
    if source.connector not in connectors:
        return SourceIsConnectedError(
            f"The source '{event.source}' takes its events from its {source.connector} hook only."
        )
    return None


def _unknown(known: Configuration, event: Event) -> Iterable[Fault]:
    named = (("team", event.team), ("source", event.source), ("objective", event.objective))
    for kind, key in named:
        if key is not None and key not in known.of(kind):
            yield Fault(f"/{kind}", missing(known, kind, key))


def conflict(event: Event, *, retracted: bool = False) -> EventConflictError:
    """The refusal of an event whose name stands for other content."""
    what = f"The event '{event.id}' of '{event.source}' was recorded with other content"
    if retracted:
        return EventConflictError(f"{what} and retracted: a correction is a new event with a new id.")
    return EventConflictError(f"{what}, which stands; to correct it, retract it and record a new id.")


async def _store(
    service: Service,
    organization: UUID,
    known: Catalogue,
    prepared: Sequence[Prepared],
    done: dict[tuple[str, str], Item],
) -> bool:
    """Whether the events were stored against that catalogue; `done` says what became of each, so far as anything did.

    Where a sum would overflow, the events that do not fit are found and refused, and the others are stored.
    """
    now = service.clock()
    day = types.day_number(day_of(now, known.time_zone))
    while prepared:
        try:
            async with service.database.writing() as connection:
                recorded = await ingest.record(connection, organization, prepared, now, day, known.version)
                if not recorded.uids:
                    await connection.rollback()  # nothing was new, so the organization's version stays
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
        done |= {_name(p): Item("recorded", p.uid) for p in prepared if p.uid in recorded.uids}
        return True
    return True


async def _that_fit(
    service: Service,
    organization: UUID,
    prepared: Sequence[Prepared],
    day: int,
    error: BucketFullError,
    done: dict[tuple[str, str], Item],
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


def _name(prepared: Prepared) -> tuple[str, str]:
    return prepared.event.source, prepared.event.id


async def _settle(
    service: Service,
    organization: UUID,
    found: Sequence[Event],
    items: Sequence[Item],
    stored: Mapping[tuple[str, str], Item],
) -> list[Item]:
    """The answers: what was not new is a duplicate or a conflict of what is recorded."""
    asked = [
        (event.source, event.id)
        for event, item in zip(found, items, strict=True)
        if item.status in ("duplicate", "conflict")
        or isinstance(item.problem, InvalidError)
        or (item.status == "recorded" and (event.source, event.id) not in stored)
    ]
    kept: Mapping[tuple[str, str], StoredEvent] = {}
    if asked:
        async with service.database.reading() as connection:
            kept = await events.find_named(connection, organization, sorted(set(asked)))
    answers = []
    for event, item in zip(found, items, strict=True):
        name = (event.source, event.id)
        if item.status == "recorded" and name in stored:
            answers.append(stored[name])
        elif isinstance(item.problem, InvalidError) and name in kept and repeats(service.vault, kept[name], event):
            # Sent again after its team was archived, say: it stands, and sending it again changes nothing.
            answers.append(Item("duplicate", kept[name].uid))
        elif item.status in ("recorded", "duplicate", "conflict") and name in kept:
            same = repeats(service.vault, kept[name], event)
            error = conflict(event, retracted=kept[name].retracted_at is not None)
            answers.append(Item("duplicate", kept[name].uid) if same else Item("conflict", kept[name].uid, error))
        else:
            # The repetition in one batch of an event that could not be stored fails as that one did.
            answers.append(stored.get(name, item) if item.status in ("duplicate", "conflict") else item)
    return answers


async def retract_event(service: Service, actor: Actor, uid: UUID, reason: str) -> tuple[StoredEvent, bool]:
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
        known = await catalogue(connection, actor.organization)
        await retract.retract(connection, actor.organization, {uid: reason}, position, actor.name, known.matcher, zone)
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
        raise SourceIsConnectedError(f"The events of '{found.event.source}' follow its hook; correct it there.")
    return found
