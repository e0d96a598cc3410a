"""Recording events and retracting them: what is acknowledged is committed, with its roll-ups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.access import Actor
from app.domain.configuration import Configuration
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
    unknown,
)
from app.domain.events import FUTURE_HOURS, Event, day_of, fingerprint
from app.domain.metrics import Matcher
from app.flows.service import Service
from app.store import configuration as store
from app.store import cursor, events, ingest, retract, types
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
    """What an event is checked and matched against, as of one version of the configuration."""

    configuration: Configuration
    matcher: Matcher
    version: int

    @property
    def time_zone(self) -> str:
        """The organization's."""
        return self.configuration.organization.time_zone


async def catalogue(connection: Connection, organization: UUID) -> Catalogue:
    """The organization's catalogue as it is now. Raises: NotFoundError when the organization is gone."""
    version = await cursor.catalogue(connection, organization)
    known = await store.load(connection, organization, KINDS)
    return Catalogue(known, Matcher(known.metrics), version)


async def record(service: Service, actor: Actor, found: Sequence[Event]) -> list[Item]:
    """Records what is valid and new; answers for each event in the given order.

    Raises: ForbiddenError, UnavailableError.
    """
    actor.require("events:write")
    for _ in range(ATTEMPTS):
        now = service.clock()
        async with service.database.reading() as connection:
            known = await catalogue(connection, actor.organization)
        items, prints = _judge(actor, known, found, now)
        fresh = [event for event, item in zip(found, items, strict=True) if item.status == "recorded"]
        prepared = ingest.prepare(fresh, known.matcher, now, known.time_zone, prints)
        stored = await _insert(service, actor.organization, known, prepared, now) if prepared else {}
        if stored is not None:
            return await _settle(service, actor.organization, found, items, stored)
    raise UnavailableError("The configuration is changing too fast to record events against it; try again.")


def _judge(
    actor: Actor, known: Catalogue, found: Sequence[Event], now: datetime
) -> tuple[list[Item], Mapping[tuple[str, str], str]]:
    """What can be said of each event without asking for the recorded ones.

    A repetition in the batch is told apart here.
    """
    seen: dict[tuple[str, str], str] = {}
    items: list[Item] = []
    for event in found:
        problem = refusal(actor, known.configuration, event, now)
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


def refusal(actor: Actor, known: Configuration, event: Event, now: datetime) -> SightlineError | None:
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
    if source.connector != "api":
        return SourceIsConnectedError(
            f"The source '{event.source}' takes its events from its {source.connector} hook only."
        )
    return None


def _unknown(known: Configuration, event: Event) -> Iterable[Fault]:
    if event.team not in known.teams:
        yield Fault("/team", unknown("team", event.team, known.teams))
    if event.source not in known.sources:
        yield Fault("/source", unknown("source", event.source, known.sources))
    if event.objective is not None and event.objective not in known.objectives:
        yield Fault("/objective", unknown("objective", event.objective, known.objectives))


def conflict(event: Event) -> EventConflictError:
    """The refusal of an event whose name stands for other content."""
    return EventConflictError(
        f"The event '{event.id}' of '{event.source}' was recorded with other content, which stands."
    )


async def _insert(
    service: Service, organization: UUID, known: Catalogue, prepared: Sequence[Prepared], now: datetime
) -> Mapping[tuple[str, str], Item] | None:
    """What became of valid events; where a sum would overflow, halves are tried until one event fails alone.

    None when the catalogue has changed since it was read.
    """
    day = types.day_number(day_of(now, known.time_zone))
    try:
        async with service.database.writing() as connection:
            recorded = await ingest.record(connection, organization, prepared, now, day, known.version)
    except BucketFullError as error:
        if len(prepared) == 1:
            event = prepared[0].event
            return {(event.source, event.id): Item("invalid", None, error)}
        middle = len(prepared) // 2
        first = await _insert(service, organization, known, prepared[:middle], now)
        second = await _insert(service, organization, known, prepared[middle:], now)
        return None if first is None or second is None else {**first, **second}
    if recorded.seq is None:
        return None
    return {(p.event.source, p.event.id): Item("recorded", p.uid) for p in prepared if p.uid in recorded.uids}


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
        elif item.status in ("recorded", "duplicate", "conflict") and name in kept:
            same = kept[name].fingerprint == fingerprint(event)
            answers.append(
                Item("duplicate", kept[name].uid) if same else Item("conflict", kept[name].uid, conflict(event))
            )
        else:
            answers.append(stored.get(name, item))
    return answers


async def retract_event(service: Service, actor: Actor, uid: UUID, reason: str) -> tuple[StoredEvent, bool]:
    """The event does not stand any more; whether it did until now.

    Raises: NotFoundError, ForbiddenError, SourceIsConnectedError.
    """
    actor.require("events:write")
    now = service.clock()
    async with service.database.writing() as connection:
        found = await _retractable(connection, actor, uid)
        known = await catalogue(connection, actor.organization)
        position = await cursor.advance(connection, actor.organization, now, known.time_zone, catalogue=False)
        await retract.retract(
            connection, actor.organization, {uid: reason}, position, actor.name, known.matcher, known.time_zone
        )
        after = await events.find(connection, actor.organization, uid)
    if after is None:
        raise NotFoundError("There is no such event.")
    return after, found.retracted_at is None


async def _retractable(connection: Connection, actor: Actor, uid: UUID) -> StoredEvent:
    found = await events.find(connection, actor.organization, uid)
    if found is None:
        raise NotFoundError("There is no such event.")
    if actor.team is not None and found.event.team != actor.team:
        raise ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and found.event.source != actor.source:
        raise ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    source = await store.find(connection, actor.organization, "source", found.event.source)
    if source is not None and getattr(source.value, "connector", "api") != "api":
        raise SourceIsConnectedError(f"The events of '{found.event.source}' follow its hook; correct it there.")
    return found
