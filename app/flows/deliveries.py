"""A delivery of a CRM.

Verified on raw bytes, kept raw, translated, folded, and turned into events, in one transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.connectors import registry
from app.connectors.base import Connector, Delivery, Translation
from app.domain import mapping
from app.domain.changes import Change
from app.domain.configuration import Configuration
from app.domain.errors import MalformedError, NotAuthenticError, SightlineError, UnavailableError
from app.domain.events import FUTURE_HOURS, Event
from app.domain.mapping import DealMapping
from app.domain.sources import Source
from app.flows import reconcile
from app.flows.events import catalogue
from app.flows.reconcile import Work
from app.flows.service import Service
from app.store import configuration as store
from app.store import cursor, deliveries, ids, keys, sources
from app.store.database import Connection
from app.store.deliveries import StoredDelivery

KEPT_HEADERS: Final = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "x-hubspot-request-timestamp")
# CRMs punish a refusal; the senders of an open standard are told what they got wrong
OPEN_STANDARDS: Final = frozenset({"standard_webhooks", "cloudevents"})
Reader = Callable[[Mapping[str, object]], Event]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery. Shape: `unreadable` says that an open standard's sender should be told."""

    uid: UUID
    state: str
    problem: str | None
    unreadable: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What a delivery said, with the mapping that it was read under."""

    connector: Connector
    mapping: DealMapping
    translation: Translation


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
    connector.verify(signed, hooked.secrets, now)
    uid = ids.uuid7(now)
    try:
        read = mapping.parse(hooked.source.mapping, connector.default_mapping)
        said = Said(connector, read, connector.translate(signed, hooked.source.account, read))
    except MalformedError as error:
        kept = _record(uid, hooked, signed, now, "failed", error.detail)
        await _keep(service, hooked, kept)
        return Taken(uid, "failed", error.detail, unreadable=connector.name in OPEN_STANDARDS)
    except Exception as error:  # noqa: BLE001  # whatever a connector did not foresee must not lose the delivery
        return await _failed(service, hooked, signed, uid, now, error)
    return await _understood(service, hooked, signed, uid, now, said, read_event)


async def _understood(  # a translated delivery is all of these
    service: Service,
    hooked: Hooked,
    delivery: Delivery,
    uid: UUID,
    now: datetime,
    said: Said,
    read_event: Reader,
) -> Taken:
    try:
        async with service.database.writing() as connection:
            kept = await _perform(connection, hooked, delivery, uid, now, said, read_event)
            await deliveries.add(connection, hooked.organization, kept)
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001  # what was authentic is kept, whatever becomes of it
        return await _failed(service, hooked, delivery, uid, now, error)
    alone = kept.state == "failed" and len(said.translation.events) + len(said.translation.rejects) == 1
    return Taken(uid, kept.state, kept.problem, unreadable=alone and said.connector.name in OPEN_STANDARDS)


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


async def _perform(  # as `_understood`, inside its transaction
    connection: Connection,
    hooked: Hooked,
    delivery: Delivery,
    uid: UUID,
    now: datetime,
    said: Said,
    read_event: Reader,
) -> StoredDelivery:
    organization, source, translation = hooked.organization, hooked.source, said.translation
    zone = await cursor.zone(connection, organization)
    position = await cursor.advance(connection, organization, now, zone, catalogue=False)
    known = await catalogue(connection, organization)
    # The source as it is under the lock: it may have been told another mapping since the delivery was verified.
    work = Work(connection, organization, known.configuration.sources.get(source.key, source), known, position, uid)
    rejects: list[Mapping[str, object]] = [{"index": one.index, "problem": one.problem} for one in translation.rejects]
    changes, late = _possible(translation.changes, now)
    rejects += late
    new = await deliveries.add_changes(connection, organization, source.key, uid, position.seq, changes)
    fresh = [one for one in changes if one.key in new]
    recorded, retracted = await reconcile.settle(work, fresh, said.mapping, now)
    events, refused = _events(known.configuration, source, translation.events, read_event, now)
    rejects += refused
    written, conflicts = await reconcile.record(work, events, now)
    rejects += conflicts
    understood = len(changes) + len(translation.events) - len(refused) - len(conflicts)
    problem = str(rejects[0]["problem"]) if rejects else None
    state = "failed" if rejects and not understood else "processed" if understood else "ignored"
    kept = _record(uid, hooked, delivery, now, state, problem)
    return replace(kept, rejects=tuple(rejects), changes=len(fresh), recorded=recorded + written, retracted=retracted)


def _possible(changes: Sequence[Change], now: datetime) -> tuple[list[Change], list[Mapping[str, object]]]:
    """The changes that can have happened, and the problems of those that say they will."""
    limit = now + timedelta(hours=FUTURE_HOURS)
    good = [one for one in changes if one.at <= limit]
    late: list[Mapping[str, object]] = [
        {"index": index, "problem": f"A change of {one.entity} says that it happened in the future."}
        for index, one in enumerate(changes)
        if one.at > limit
    ]
    return good, late


def _events(
    known: Configuration, source: Source, raw: Sequence[Mapping[str, object]], read_event: Reader, now: datetime
) -> tuple[list[Event], list[Mapping[str, object]]]:
    """Our own events out of a delivery, and the problems of those that are not."""
    good: list[Event] = []
    refused: list[Mapping[str, object]] = []
    for index, element in enumerate(raw):
        try:
            event = read_event({"source": source.key, **element})
            good.append(reconcile.acceptable(known, source, event, now))
        except SightlineError as error:
            refused.append({"index": index, "problem": error.detail})
    return good, refused


def _record(  # what is kept of a delivery
    uid: UUID, hooked: Hooked, delivery: Delivery, now: datetime, state: str, problem: str | None
) -> StoredDelivery:
    headers = {name: delivery.headers[name] for name in KEPT_HEADERS if name in delivery.headers}
    return StoredDelivery(
        uid=uid,
        source=hooked.source.key,
        received_at=now,
        content_type=headers.get("content-type", ""),
        headers=headers,
        body=delivery.body,
        state=state,
        problem=problem,
        rejects=(),
        changes=0,
        recorded=0,
        retracted=0,
    )


async def _failed(  # what is kept of a delivery that came to nothing
    service: Service, hooked: Hooked, delivery: Delivery, uid: UUID, now: datetime, error: Exception
) -> Taken:
    """The delivery is kept with its problem; an error that nobody foresaw is named by its kind alone."""
    problem = error.detail if isinstance(error, SightlineError) else f"Sightline failed on it ({type(error).__name__})."
    await _keep(service, hooked, _record(uid, hooked, delivery, now, "failed", problem))
    return Taken(uid, "failed", problem, unreadable=False)


async def _keep(service: Service, hooked: Hooked, kept: StoredDelivery) -> None:
    async with service.database.writing() as connection:
        zone = await cursor.zone(connection, hooked.organization)
        await cursor.advance(connection, hooked.organization, kept.received_at, zone, catalogue=False)
        await deliveries.add(connection, hooked.organization, kept)
