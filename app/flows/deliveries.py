"""A delivery of a CRM.

Verified on raw bytes, kept raw, translated, folded, and turned into events, in one transaction.
"""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from traceback import format_tb
from typing import Final
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
from app.domain.sources import Source
from app.flows import messages
from app.flows.catalogue import catalogue
from app.flows.readings import Reader, interpret, mapping_of, outcome, perform, record_of
from app.flows.reconcile import Work
from app.flows.service import Service
from app.store import configuration as store
from app.store import cursor, deliveries, ids, keys, sources
from app.store.cursor import Position
from app.store.database import Connection
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
    uid = ids.uuid7(now)
    try:
        async with service.database.writing() as connection:
            kept, refusal = await _perform(service, connection, hooked, signed, uid, now, read_event)
            await deliveries.add(connection, hooked.organization, kept)
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:  # noqa: BLE001  # what was authentic is kept, whatever becomes of it
        return await _failed(service, hooked, signed, uid, now, error)
    told = isinstance(refusal, ForbiddenError) or connector.name in OPEN_STANDARDS
    return Taken(uid, kept.state, kept.problem, refusal if told else None, connector.answer)


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


async def _locked(connection: Connection, hooked: Hooked, now: datetime) -> tuple[Position, Source]:
    """The source as it is under the lock: since the delivery was verified it may have been told another mapping.

    Raises: NotAuthenticError when it was archived.
    """
    zone = await cursor.zone(connection, hooked.organization)
    position = await cursor.advance(connection, hooked.organization, now, zone, catalogue=False)
    stored = await store.find(connection, hooked.organization, "source", hooked.source.key)
    if stored is None or stored.archived or not isinstance(stored.value, Source):
        raise NotAuthenticError("There is no such hook, or the signature is not valid.")
    return position, stored.value


async def _perform(  # a delivery is all of these
    service: Service,
    connection: Connection,
    hooked: Hooked,
    delivery: Delivery,
    uid: UUID,
    now: datetime,
    read_event: Reader,
) -> tuple[StoredDelivery, SightlineError | None]:
    """What is to be kept of the delivery, once all it says is done; and what is wrong with it as a whole."""
    position, source = await _locked(connection, hooked, now)
    read = mapping_of(source)
    known = await catalogue(connection, hooked.organization, service.catalogues)
    generation = await sources.generation(connection, hooked.organization, source.key)
    work = Work(connection, hooked.organization, source, known, position, uid, service.vault, generation)
    kept = record_of(uid, source.key, delivery, position.at)  # of the day on which its events are recorded
    said = await messages.checked(work, kept, interpret(source, read, kept, delivery.method, read_event, now))
    if said.unreadable is not None:
        return outcome(kept, "failed", said.unreadable), said.refusal
    done = await perform(work, said, read, now)
    after = outcome(kept, done.state, None, done)
    await messages.note(work, after)
    if after.state != "failed" or not said.single:
        return after, None
    wrong = EventConflictError if done.conflicts else MalformedError
    return after, wrong(after.problem or "The delivery cannot be read.")


async def _failed(  # what is kept of a delivery that came to nothing
    service: Service, hooked: Hooked, delivery: Delivery, uid: UUID, now: datetime, error: Exception
) -> Taken:
    """The delivery is kept with its problem; an error that nobody foresaw is named by its kind alone, and logged."""
    problem = error.detail if isinstance(error, SightlineError) else f"Sightline failed on it ({type(error).__name__})."
    if not isinstance(error, SightlineError):
        # Where it happened and of what kind it was: its text may hold what the delivery said, or a statement's values.
        told = {"delivery": str(uid), "source": hooked.source.key, "error": type(error).__name__}
        LOG.error("a delivery failed", extra={**told, "stack": "".join(format_tb(error.__traceback__))})
    async with service.database.writing() as connection:
        position, _ = await _locked(connection, hooked, now)
        kept = outcome(record_of(uid, hooked.source.key, delivery, position.at), "failed", problem)
        await deliveries.add(connection, hooked.organization, kept)
    return Taken(uid, kept.state, kept.problem, None, registry.get(hooked.source.connector).answer)
