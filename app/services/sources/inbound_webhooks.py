"""A delivery of a CRM.

Verified on raw bytes, kept raw, translated, folded, and turned into events, in one transaction with what came then.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from traceback import format_tb
from typing import Final, NamedTuple
from uuid import UUID

from app.connectors import registry
from app.connectors.connector import Answer, Delivery
from app.domain.primitives.errors import (
    ForbiddenError,
    NotAuthenticError,
    NotFoundError,
    SightlineError,
    UnavailableError,
)
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.runtime.context import Service
from app.services.runtime.hook_cache import Hooked
from app.services.runtime.matcher_cache import Catalogue, catalogue
from app.services.sources import message_ids as messages
from app.services.sources.delivery_processing import (
    Reader,
    interpret,
    mapping_of,
    outcome,
    perform,
    record_of,
    wrong,
)
from app.services.sources.event_writer import Work
from app.store.access import api_keys as keys
from app.store.access import organization_version as cursor
from app.store.access.organization_version import Position
from app.store.playbook import configuration as store
from app.store.sources import deliveries, sources
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection, part

# CRMs punish a refusal; the senders of an open standard are told what they got wrong
OPEN_STANDARDS: Final = frozenset({"standard_webhooks", "cloudevents"})
AGAIN: Final = timedelta(minutes=1)
NEVER: Final = datetime.min.replace(tzinfo=UTC)
LOG: Final = logging.getLogger("sightline.deliveries")
STRANGER: Final = "There is no such hook, or the signature is not valid."


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
        connector.verify(signed, hooked.live(now), now)
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
        came: Came = await service.arrivals.take(
            organization, arrival, partial(_write, service, organization)
        )
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
    found = service.hooks.find(hook_id, now)
    if found is None:  # it is read once for all that come at the same time
        found = await service.hookings.ask(hook_id, partial(_read, service, hook_id, now))
    return found


async def _read(service: Service, hook_id: str, now: datetime) -> Hooked:
    found = service.hooks.find(hook_id, now)
    if found is not None:
        return found
    changes = service.hooks.changes
    async with service.database.reading() as connection:
        organization = await keys.owner(connection, "hook", hook_id)
        hook = (
            None
            if organization is None
            else await sources.hook_named(connection, organization, hook_id)
        )
        if organization is None or hook is None:
            raise NotAuthenticError(STRANGER)
        stored = await store.find(connection, organization, "source", hook.source)
    if stored is None or stored.archived or not isinstance(stored.value, Source):
        raise NotAuthenticError(STRANGER)
    place = f"hook/{organization}/{hook.source}"
    secrets = [
        (service.vault.open(sealed.text, place), sealed.until)
        for sealed in hook.secrets
        if sealed.until is None or sealed.until > now
    ]
    found = Hooked(organization, stored.value, tuple(secrets), now)
    service.hooks.keep(hook_id, found, changes)
    return found


async def _write(
    service: Service, organization: UUID, arrivals: Sequence[Arrival]
) -> Sequence[Came]:
    """What came at the same time, in one transaction; one that comes to nothing keeps no other from being kept.

    It is one piece of work; where that fails of anything that nobody foresaw, each is done by itself, to find the one.
    """
    try:
        async with service.database.writing() as connection:
            return await _Flush(service, connection, organization).perform(arrivals)
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:
        if len(arrivals) == 1:
            raise
        told = {
            "organization": str(organization),
            "deliveries": len(arrivals),
            "error": type(error).__name__,
        }
        LOG.warning(
            "deliveries are taken one by one",
            extra={**told, "stack": "".join(format_tb(error.__traceback__))},
        )
    async with service.database.writing() as connection:
        flush = _Flush(service, connection, organization)
        return [await flush.apart(arrival) for arrival in arrivals]


@dataclass(slots=True)
class _Flush:
    """A transaction in which deliveries are performed."""

    service: Service
    connection: Connection
    organization: UUID

    async def apart(self, arrival: Arrival) -> Came:
        """As `perform` for one; what it fails of is the answer. Raises: UnavailableError, for all of them."""
        try:
            async with part(self.connection):
                return (await self.perform([arrival]))[0]
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  # it is told to whom it concerns
            return error

    async def perform(self, arrivals: Sequence[Arrival]) -> Sequence[Came]:
        """What is kept of each delivery, once all they say is done; and what is wrong with it as a whole.

        It leaves what the deliveries would leave one by one in the given order, but at one instant.
        """
        now = max(arrival.now for arrival in arrivals)
        position, known = await self.locked(now)
        came: dict[UUID, Came] = {}
        for key, some in _by_source(arrivals).items():
            source = known.configuration.sources.get(key)
            if source is None:
                came |= {arrival.uid: NotAuthenticError(STRANGER) for arrival in some}
                continue
            generation = await sources.generation(self.connection, self.organization, key)
            place, vault = (self.connection, self.organization), self.service.vault
            work = Work(*place, source, known, position, vault, generation)
            for each in _rounds(source, some):
                came |= await _perform(work, each, mapping_of(source), now)
        kept = [one[0] for one in came.values() if not isinstance(one, Exception)]
        if not kept:
            raise NotAuthenticError(STRANGER)
        await deliveries.add(self.connection, self.organization, *kept)
        return [came[arrival.uid] for arrival in arrivals]

    async def locked(self, now: datetime) -> tuple[Position, Catalogue]:
        """The next position, the cursor's row locked until the transaction ends; and what stands under the lock.

        Raises: NotAuthenticError when the organization is gone.
        """
        try:
            zone = await cursor.zone(self.connection, self.organization)
            position = await cursor.advance(
                self.connection, self.organization, now, zone, catalogue=False
            )
            return position, await catalogue(
                self.connection, self.organization, self.service.catalogues
            )
        except NotFoundError as error:
            raise NotAuthenticError(STRANGER) from error


def _by_source(arrivals: Sequence[Arrival]) -> Mapping[str, Sequence[Arrival]]:
    found: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        found.setdefault(arrival.hooked.source.key, []).append(arrival)
    return found


def _rounds(source: Source, arrivals: Sequence[Arrival]) -> Iterator[Sequence[Arrival]]:
    """The deliveries in their order, so that what comes under the id of an earlier one comes in a later round."""
    connector, some, seen = registry.get(source.connector), list[Arrival](), set[str]()
    for arrival in arrivals:
        id_ = connector.message(arrival.delivery.headers)
        if id_ is not None and id_ in seen:
            yield some
            some, seen = [], set()
        some.append(arrival)
        seen |= set() if id_ is None else {id_}
    yield some


async def _perform(
    work: Work, arrivals: Sequence[Arrival], read: DealMapping, now: datetime
) -> Mapping[UUID, Came]:
    # Received on the day on which its events are recorded.
    kept = [
        record_of(each.uid, work.source.key, each.delivery, work.position.at) for each in arrivals
    ]
    said = [
        interpret(work.source, read, one, each.delivery.method, each.read_event, each.now)
        for one, each in zip(kept, arrivals, strict=True)
    ]
    said = await messages.checked(work, list(zip(kept, said, strict=True)))
    done = await perform(work, list(zip(kept, said, strict=True)), read, now)
    after = [
        outcome(one, made.state, told.unreadable, made)
        for one, told, made in zip(kept, said, done, strict=True)
    ]
    await messages.note(work, after)
    return {
        one.uid: (one, wrong(one, told, made))
        for one, told, made in zip(after, said, done, strict=True)
    }


async def _failed(service: Service, arrival: Arrival, error: Exception) -> Taken:
    """The delivery is kept with its problem; an error that nobody foresaw is named by its kind alone, and logged."""
    hooked = arrival.hooked
    problem = (
        error.detail
        if isinstance(error, SightlineError)
        else f"Sightline failed on it ({type(error).__name__})."
    )
    if not isinstance(error, SightlineError):
        # Where it happened and of what kind it was: its text may hold what the delivery said, or a statement's values.
        told = {
            "delivery": str(arrival.uid),
            "source": hooked.source.key,
            "error": type(error).__name__,
        }
        LOG.error(
            "a delivery failed", extra={**told, "stack": "".join(format_tb(error.__traceback__))}
        )
    async with service.database.writing() as connection:
        position, known = await _Flush(service, connection, hooked.organization).locked(arrival.now)
        if hooked.source.key not in known.configuration.sources:
            raise NotAuthenticError(STRANGER)
        kept = outcome(
            record_of(arrival.uid, hooked.source.key, arrival.delivery, position.at),
            "failed",
            problem,
        )
        await deliveries.add(connection, hooked.organization, kept)
    return Taken(
        kept.uid, kept.state, kept.problem, None, registry.get(hooked.source.connector).answer
    )
