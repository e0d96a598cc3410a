"""A delivery of a CRM.

Verified on raw bytes, kept raw, translated, folded, and turned into events, in one transaction with what came then.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from traceback import format_tb
from typing import Final, NamedTuple
from uuid import UUID

from app.connectors import registry
from app.connectors.base import Answer, Delivery
from app.domain.errors import (
    EventConflictError,
    ForbiddenError,
    MalformedError,
    NotAuthenticError,
    SightlineError,
    UnavailableError,
)
from app.domain.mapping import DealMapping
from app.domain.sources import Source
from app.flows import messages
from app.flows.catalogue import Catalogue, catalogue
from app.flows.readings import Reader, interpret, mapping_of, outcome, perform, record_of
from app.flows.reconcile import Work
from app.flows.service import Service
from app.store import configuration as store
from app.store import cursor, deliveries, ids, keys, sources
from app.store.cursor import Position
from app.store.database import Connection, part
from app.store.deliveries import StoredDelivery

# CRMs punish a refusal; the senders of an open standard are told what they got wrong
OPEN_STANDARDS: Final = frozenset({"standard_webhooks", "cloudevents"})
AGAIN: Final = timedelta(minutes=1)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
LOG: Final = logging.getLogger("sightline.deliveries")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery.

    None when it is answered as taken: `refusal`; when its sender reads our own receipt: `answer`.
    """

    uid: UUID
    state: str
    problem: str | None
    refusal: SightlineError | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Hooked:
    """What a hook's id stands for, and the secrets that may have signed."""

    organization: UUID
    source: Source
    secrets: tuple[str, ...]


class Arrival(NamedTuple):
    """A delivery that is authentic. Shape: `read_event` makes our own event of an element that already is one."""

    hooked: Hooked
    delivery: Delivery
    uid: UUID
    now: datetime
    read_event: Reader


# What is kept of a delivery and what is wrong with it as a whole; or why it came to nothing.
Came = tuple[StoredDelivery, SightlineError | None] | Exception


async def take(service: Service, hook_id: str, delivery: Delivery, read_event: Reader) -> Taken:
    """Takes a delivery; `read_event` makes our own event of an element that already is one.

    Raises: NotAuthenticError for an unknown hook or a signature that does not verify; UnavailableError when it
    cannot be kept.
    """
    now = service.clock()
    hooked = await _hooked(service, hook_id, now)
    connector = registry.get(hooked.source.connector)
    signed = replace(delivery, url=f"{service.public_url}/hooks/{hook_id}")
    try:
        connector.verify(signed, hooked.secrets, now)
    except NotAuthenticError:
        await _refused(service, hooked, now)
        raise
    signed = replace(signed, body=connector.kept(signed.body))
    arrival = Arrival(hooked, signed, ids.uuid7(now), now, read_event)
    came = await _performed(service, arrival)
    if isinstance(came, Exception):
        return await _failed(service, arrival, came)
    kept, refusal = came
    told = isinstance(refusal, ForbiddenError) or connector.name in OPEN_STANDARDS
    return Taken(kept.uid, kept.state, kept.problem, refusal if told else None, connector.answer)


async def _performed(service: Service, arrival: Arrival) -> Came:
    """What is kept of the delivery with what came at the same time. Raises: NotAuthenticError, UnavailableError."""
    organization = arrival.hooked.organization
    try:
        came: Came = await service.arrivals.take(organization, arrival, partial(_write, service, organization))
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:  # noqa: BLE001  # what was authentic is kept, whatever becomes of it
        return error
    if isinstance(came, NotAuthenticError):
        raise came
    return came


async def _refused(service: Service, hooked: Hooked, now: datetime) -> None:
    """The source's health and the log tell of the refusal: a wrong secret would look like a CRM that has gone silent.

    Once a minute for each source and process: whoever forges deliveries makes no more writes than that.
    """
    place = hooked.organization, hooked.source.key
    if now - service.refused.get(place, NEVER) < AGAIN:
        return
    service.refused[place] = now
    told = {"organization": str(hooked.organization), "source": hooked.source.key}
    LOG.warning("a delivery was refused: its signature is not valid, or too old", extra=told)
    try:
        async with service.database.writing() as connection:
            await sources.note_refusal(connection, *place, now)
    except UnavailableError:
        service.refused.pop(place, None)  # the next one is noted


async def consents(service: Service, hook_id: str) -> bool:
    """Whether a sender that asks may deliver there: to a live source whose senders ask."""
    try:
        hooked = await _hooked(service, hook_id, service.clock())
    except NotAuthenticError:
        return False
    return registry.get(hooked.source.connector).asks


async def _hooked(service: Service, hook_id: str, now: datetime) -> Hooked:
    async with service.database.reading() as connection:
        organization = await keys.owner(connection, "hook", hook_id)
        hook = None if organization is None else await sources.hook_named(connection, organization, hook_id)
        if organization is None or hook is None:
            raise NotAuthenticError("There is no such hook, or the signature is not valid.")
        stored = await store.find(connection, organization, "source", hook.source)
    if stored is None or stored.archived or not isinstance(stored.value, Source):
        raise NotAuthenticError("There is no such hook, or the signature is not valid.")
    live = [sealed for sealed in hook.secrets if sealed.until is None or sealed.until > now]
    place = f"hook/{organization}/{hook.source}"
    return Hooked(organization, stored.value, tuple(service.vault.open(sealed.text, place) for sealed in live))


async def _write(service: Service, organization: UUID, arrivals: Sequence[Arrival]) -> list[Came]:
    """What came at the same time, in one transaction; one that comes to nothing keeps no other from being kept."""
    async with service.database.writing() as connection:
        flush = _Flush(service, connection, organization)
        if len(arrivals) == 1:
            return [await flush.perform(arrivals[0])]
        return [await flush.apart(arrival) for arrival in arrivals]


@dataclass(slots=True)
class _Flush:
    """A transaction in which deliveries are performed. Shape: `sources` as they are under the lock, by key."""

    service: Service
    connection: Connection
    organization: UUID
    zone: str | None = None
    known: Catalogue | None = None
    sources: dict[str, tuple[Source, DealMapping, int]] = field(default_factory=dict)

    async def apart(self, arrival: Arrival) -> Came:
        """As `perform`; what it fails of is the answer. Raises: UnavailableError, for all of them."""
        try:
            async with part(self.connection):
                return await self.perform(arrival)
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  # it is told to whom it concerns
            return error

    async def perform(self, arrival: Arrival) -> tuple[StoredDelivery, SightlineError | None]:
        """What is kept of the delivery, once all it says is done; and what is wrong with it as a whole."""
        position = await self.locked(arrival.now)
        source, read, generation = await self.source_as_it_is(arrival.hooked.source.key)
        if self.known is None:
            self.known = await catalogue(self.connection, self.organization, self.service.catalogues)
        place, vault = (self.connection, self.organization), self.service.vault
        work = Work(*place, source, self.known, position, arrival.uid, vault, generation)
        kept, refusal = await _perform(work, arrival, read)
        await deliveries.add(self.connection, self.organization, kept)
        return kept, refusal

    async def locked(self, now: datetime) -> Position:
        """The next position; the cursor's row is locked until the transaction ends."""
        if self.zone is None:
            self.zone = await cursor.zone(self.connection, self.organization)
        return await cursor.advance(self.connection, self.organization, now, self.zone, catalogue=False)

    async def source_as_it_is(self, key: str) -> tuple[Source, DealMapping, int]:
        """The source under the lock: since the delivery was verified it may have been told another mapping.

        Raises: NotAuthenticError when it was archived.
        """
        if key not in self.sources:
            stored = await store.find(self.connection, self.organization, "source", key)
            if stored is None or stored.archived or not isinstance(stored.value, Source):
                raise NotAuthenticError("There is no such hook, or the signature is not valid.")
            generation = await sources.generation(self.connection, self.organization, key)
            self.sources[key] = stored.value, mapping_of(stored.value), generation
        return self.sources[key]


async def _perform(work: Work, arrival: Arrival, read: DealMapping) -> tuple[StoredDelivery, SightlineError | None]:
    now = arrival.now
    # Of the day on which its events are recorded.
    kept = record_of(arrival.uid, work.source.key, arrival.delivery, work.position.at)
    said = interpret(work.source, read, kept, arrival.delivery.method, arrival.read_event, now)
    said = await messages.checked(work, kept, said)
    if said.unreadable is not None:
        return outcome(kept, "failed", said.unreadable), said.refusal
    done = await perform(work, said, read, now)
    after = outcome(kept, done.state, None, done)
    await messages.note(work, after)
    if after.state != "failed" or not said.single:
        return after, None
    wrong = EventConflictError if done.conflicts else MalformedError
    return after, wrong(after.problem or "The delivery cannot be read.")


async def _failed(service: Service, arrival: Arrival, error: Exception) -> Taken:
    """The delivery is kept with its problem; an error that nobody foresaw is named by its kind alone, and logged."""
    hooked = arrival.hooked
    problem = error.detail if isinstance(error, SightlineError) else f"Sightline failed on it ({type(error).__name__})."
    if not isinstance(error, SightlineError):
        # Where it happened and of what kind it was: its text may hold what the delivery said, or a statement's values.
        told = {"delivery": str(arrival.uid), "source": hooked.source.key, "error": type(error).__name__}
        LOG.error("a delivery failed", extra={**told, "stack": "".join(format_tb(error.__traceback__))})
    async with service.database.writing() as connection:
        flush = _Flush(service, connection, hooked.organization)
        position = await flush.locked(arrival.now)
        await flush.source_as_it_is(hooked.source.key)
        kept = outcome(record_of(arrival.uid, hooked.source.key, arrival.delivery, position.at), "failed", problem)
        await deliveries.add(connection, hooked.organization, kept)
    return Taken(kept.uid, kept.state, kept.problem, None, registry.get(hooked.source.connector).answer)
