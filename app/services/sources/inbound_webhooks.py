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
from app.connectors.connector import Acknowledgement, Delivery
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
from app.services.runtime.context import ServiceContext
from app.services.runtime.hook_cache import CachedHook
from app.services.runtime.matcher_cache import CompiledConfiguration, load_compiled_configuration
from app.services.sources import message_ids as messages
from app.services.sources.delivery_processing import (
    EventReader,
    delivery_error,
    new_delivery_record,
    parse_delivery,
    parse_source_mapping,
    process_deliveries,
    with_outcome,
)
from app.services.sources.event_writer import SourceTransaction
from app.store.access import directory
from app.store.access import organization_version as cursor
from app.store.access.organization_version import WritePosition
from app.store.playbook import configuration as store
from app.store.sources import deliveries, sources
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection, savepoint

# CRMs punish a refusal; the senders of an open standard are told what they got wrong
OPEN_STANDARDS: Final = frozenset({"standard_webhooks", "cloudevents"})
REJECTION_NOTE_INTERVAL: Final = timedelta(minutes=1)
EARLIEST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
LOG: Final = logging.getLogger("sightline.deliveries")
UNKNOWN_HOOK_MESSAGE: Final = "There is no such hook, or the signature is not valid."


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What became of a delivery.

    None when it is answered as taken: `refusal`; when its sender reads our own receipt: `answer`.
    """

    uid: UUID
    state: str
    problem: str | None
    error: SightlineError | None = None
    reply: Acknowledgement | None = None


class VerifiedDelivery(NamedTuple):
    """A delivery that is authentic. Shape: `read_event` makes our own event of an element that already is one."""

    hook: CachedHook
    delivery: Delivery
    uid: UUID
    received_at: datetime
    read_event: EventReader


# What is kept of a delivery and what is wrong with it as a whole; or why it came to nothing.
ProcessingResult = tuple[StoredDelivery, SightlineError | None] | Exception


async def receive_delivery(
    service: ServiceContext, hook_id: str, delivery: Delivery, read_event: EventReader
) -> DeliveryReceipt:
    """Takes a delivery; `read_event` makes our own event of an element that already is one.

    Raises: NotAuthenticError for an unknown hook or a signature that does not verify; UnavailableError when it
    cannot be kept.
    """
    now = service.clock()
    hook = await _get_hook(service, hook_id, now)
    connector = registry.get_connector(hook.source.connector)
    signed_delivery = replace(delivery, url=f"{service.public_url}/hooks/{hook_id}")
    try:
        connector.verify(signed_delivery, hook.active_secrets(now), now)
    except NotAuthenticError:
        await _note_rejection(service, hook, now)
        raise
    signed_delivery = replace(
        signed_delivery, body=connector.redact_credentials(signed_delivery.body)
    )
    arrival = VerifiedDelivery(hook, signed_delivery, ids.new_uuid7(now), now, read_event)
    processed = await _process(service, arrival)
    if isinstance(processed, Exception):
        return await _store_failure(service, arrival, processed)
    stored_delivery, error = processed
    is_error_reported = isinstance(error, ForbiddenError) or connector.name in OPEN_STANDARDS
    return DeliveryReceipt(
        stored_delivery.uid,
        stored_delivery.state,
        stored_delivery.problem,
        error if is_error_reported else None,
        connector.acknowledgement,
    )


async def _process(service: ServiceContext, arrival: VerifiedDelivery) -> ProcessingResult:
    """What is kept of the delivery with what came at the same time. Raises: NotAuthenticError, UnavailableError."""
    organization = arrival.hook.organization
    try:
        processed: ProcessingResult = await service.delivery_coalescer.submit(
            organization, arrival, partial(_write_batch, service, organization)
        )
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:  # what was authentic is kept, whatever becomes of it  # noqa: BLE001  # what was authentic is kept, whatever becomes of it
        return error
    if isinstance(processed, NotAuthenticError):
        raise processed
    return processed


async def _note_rejection(service: ServiceContext, hook: CachedHook, now: datetime) -> None:
    """The source's health and the log tell of the refusal: a wrong secret would look like a CRM that has gone silent.

    Once a minute for each source and process: whoever forges deliveries makes no more writes than that.
    """
    source_id = hook.organization, hook.source.key
    if (
        now - service.last_rejection_noted.get(source_id, EARLIEST_INSTANT)
        < REJECTION_NOTE_INTERVAL
    ):
        return
    service.last_rejection_noted[source_id] = now
    log_fields = {"organization": str(hook.organization), "source": hook.source.key}
    LOG.warning("a delivery was refused: its signature is not valid, or too old", extra=log_fields)
    try:
        async with service.database.write_transaction() as connection:
            await sources.note_rejection(connection, *source_id, now)
    except UnavailableError:
        service.last_rejection_noted.pop(source_id, None)  # the next one is noted


async def accepts_webhook_subscription(service: ServiceContext, hook_id: str) -> bool:
    """Whether a sender that asks may deliver there: to a live source whose senders ask."""
    try:
        hook = await _get_hook(service, hook_id, service.clock())
    except NotAuthenticError:
        return False
    return registry.get_connector(hook.source.connector).supports_handshake


async def _get_hook(service: ServiceContext, hook_id: str, now: datetime) -> CachedHook:
    hook = service.hook_cache.get(hook_id, now)
    if hook is None:  # it is read once for all that come at the same time
        hook = await service.hook_flight.run(hook_id, partial(_load_hook, service, hook_id, now))
    return hook


async def _load_hook(service: ServiceContext, hook_id: str, now: datetime) -> CachedHook:
    cached_hook = service.hook_cache.get(hook_id, now)
    if cached_hook is not None:
        return cached_hook
    generation = service.hook_cache.generation
    async with service.database.read_transaction() as connection:
        organization = await directory.find_organization(connection, "hook", hook_id)
        stored_hook = (
            None
            if organization is None
            else await sources.find_hook(connection, organization, hook_id)
        )
        if organization is None or stored_hook is None:
            raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
        stored_source = await store.find_resource(
            connection, organization, "source", stored_hook.source
        )
    if (
        stored_source is None
        or stored_source.is_archived
        or not isinstance(stored_source.resource, Source)
    ):
        raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
    secret_context = f"hook/{organization}/{stored_hook.source}"
    secrets = [
        (service.vault.open(sealed_secret.ciphertext, secret_context), sealed_secret.valid_until)
        for sealed_secret in stored_hook.secrets
        if sealed_secret.valid_until is None or sealed_secret.valid_until > now
    ]
    cached_hook = CachedHook(organization, stored_source.resource, tuple(secrets), now)
    service.hook_cache.put(hook_id, cached_hook, generation)
    return cached_hook


async def _write_batch(
    service: ServiceContext, organization: UUID, arrivals: Sequence[VerifiedDelivery]
) -> Sequence[ProcessingResult]:
    """What came at the same time, in one transaction; one that comes to nothing keeps no other from being kept.

    It is one piece of work; where that fails of anything that nobody foresaw, each is done by itself, to find the one.
    """
    try:
        async with service.database.write_transaction() as connection:
            return await _DeliveryBatch(service, connection, organization).process(arrivals)
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:
        if len(arrivals) == 1:
            raise
        log_fields = {
            "organization": str(organization),
            "deliveries": len(arrivals),
            "error": type(error).__name__,
        }
        LOG.warning(
            "deliveries are taken one by one",
            extra={**log_fields, "stack": "".join(format_tb(error.__traceback__))},
        )
    async with service.database.write_transaction() as connection:
        batch = _DeliveryBatch(service, connection, organization)
        return [await batch.process_isolated(arrival) for arrival in arrivals]


@dataclass(slots=True)
class _DeliveryBatch:
    """A transaction in which deliveries are performed."""

    service: ServiceContext
    connection: Connection
    organization: UUID

    async def process_isolated(self, arrival: VerifiedDelivery) -> ProcessingResult:
        """As `perform` for one; what it fails of is the answer. Raises: UnavailableError, for all of them."""
        try:
            async with savepoint(self.connection):
                return (await self.process([arrival]))[0]
        except UnavailableError:
            raise
        except Exception as error:  # it is told to whom it concerns  # noqa: BLE001  # it is told to whom it concerns
            return error

    async def process(self, arrivals: Sequence[VerifiedDelivery]) -> Sequence[ProcessingResult]:
        """What is kept of each delivery, once all they say is done; and what is wrong with it as a whole.

        It leaves what the deliveries would leave one by one in the given order, but at one instant.
        """
        now = max(arrival.received_at for arrival in arrivals)
        position, compiled = await self.lock_organization(now)
        processed: dict[UUID, ProcessingResult] = {}
        for source_key, source_arrivals in _group_by_source(arrivals).items():
            source = compiled.configuration.sources.get(source_key)
            if source is None:
                processed |= {
                    arrival.uid: NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
                    for arrival in source_arrivals
                }
                continue
            generation = await sources.load_generation(
                self.connection, self.organization, source_key
            )
            scope, vault = (self.connection, self.organization), self.service.vault
            transaction = SourceTransaction(*scope, source, compiled, position, vault, generation)
            for round_arrivals in _split_by_message_id(source, source_arrivals):
                processed |= await _process_round(
                    transaction, round_arrivals, parse_source_mapping(source), now
                )
        stored_deliveries = [
            delivery_or_error[0]
            for delivery_or_error in processed.values()
            if not isinstance(delivery_or_error, Exception)
        ]
        if not stored_deliveries:
            raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
        await deliveries.add_deliveries(self.connection, self.organization, *stored_deliveries)
        return [processed[arrival.uid] for arrival in arrivals]

    async def lock_organization(self, now: datetime) -> tuple[WritePosition, CompiledConfiguration]:
        """The next position, the cursor's row locked until the transaction ends; and what stands under the lock.

        Raises: NotAuthenticError when the organization is gone.
        """
        try:
            zone = await cursor.time_zone(self.connection, self.organization)
            position = await cursor.advance_version(
                self.connection, self.organization, now, zone, changes_configuration=False
            )
            return position, await load_compiled_configuration(
                self.connection, self.organization, self.service.compiled_configuration_cache
            )
        except NotFoundError as error:
            raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE) from error


def _group_by_source(
    arrivals: Sequence[VerifiedDelivery],
) -> Mapping[str, Sequence[VerifiedDelivery]]:
    arrivals_by_source: dict[str, list[VerifiedDelivery]] = {}
    for arrival in arrivals:
        arrivals_by_source.setdefault(arrival.hook.source.key, []).append(arrival)
    return arrivals_by_source


def _split_by_message_id(
    source: Source, arrivals: Sequence[VerifiedDelivery]
) -> Iterator[Sequence[VerifiedDelivery]]:
    """The deliveries in their order, so that what comes under the id of an earlier one comes in a later round."""
    connector, round_arrivals, seen_ids = (
        registry.get_connector(source.connector),
        list[VerifiedDelivery](),
        set[str](),
    )
    for arrival in arrivals:
        message_id = connector.get_message_id(arrival.delivery.headers)
        if message_id is not None and message_id in seen_ids:
            yield round_arrivals
            round_arrivals, seen_ids = [], set()
        round_arrivals.append(arrival)
        seen_ids |= set() if message_id is None else {message_id}
    yield round_arrivals


async def _process_round(
    transaction: SourceTransaction,
    arrivals: Sequence[VerifiedDelivery],
    deal_mapping: DealMapping,
    now: datetime,
) -> Mapping[UUID, ProcessingResult]:
    # Received on the day on which its events are recorded.
    stored_deliveries = [
        new_delivery_record(
            arrival.uid, transaction.source.key, arrival.delivery, transaction.position.recorded_at
        )
        for arrival in arrivals
    ]
    parsed_deliveries = [
        parse_delivery(
            transaction.source,
            deal_mapping,
            stored,
            arrival.delivery.method,
            arrival.read_event,
            arrival.received_at,
        )
        for stored, arrival in zip(stored_deliveries, arrivals, strict=True)
    ]
    parsed_deliveries = await messages.reject_conflicting_ids(
        transaction, list(zip(stored_deliveries, parsed_deliveries, strict=True))
    )
    delivery_outcomes = await process_deliveries(
        transaction, list(zip(stored_deliveries, parsed_deliveries, strict=True)), deal_mapping, now
    )
    updated_deliveries = [
        with_outcome(stored, delivery_outcome.state, parsed.unreadable_reason, delivery_outcome)
        for stored, parsed, delivery_outcome in zip(
            stored_deliveries, parsed_deliveries, delivery_outcomes, strict=True
        )
    ]
    await messages.remember_ids(transaction, updated_deliveries)
    return {
        stored.uid: (stored, delivery_error(stored, parsed, delivery_outcome))
        for stored, parsed, delivery_outcome in zip(
            updated_deliveries, parsed_deliveries, delivery_outcomes, strict=True
        )
    }


async def _store_failure(
    service: ServiceContext, arrival: VerifiedDelivery, error: Exception
) -> DeliveryReceipt:
    """The delivery is kept with its problem; an error that nobody foresaw is named by its kind alone, and logged."""
    hook = arrival.hook
    problem = (
        error.detail
        if isinstance(error, SightlineError)
        else f"Sightline failed on it ({type(error).__name__})."
    )
    if not isinstance(error, SightlineError):
        # Where it happened and of what kind it was: its text may hold what the delivery said, or a statement's values.
        log_fields = {
            "delivery": str(arrival.uid),
            "source": hook.source.key,
            "error": type(error).__name__,
        }
        LOG.error(
            "a delivery failed",
            extra={**log_fields, "stack": "".join(format_tb(error.__traceback__))},
        )
    async with service.database.write_transaction() as connection:
        position, compiled = await _DeliveryBatch(
            service, connection, hook.organization
        ).lock_organization(arrival.received_at)
        if hook.source.key not in compiled.configuration.sources:
            raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
        stored_delivery = with_outcome(
            new_delivery_record(
                arrival.uid, hook.source.key, arrival.delivery, position.recorded_at
            ),
            "failed",
            problem,
        )
        await deliveries.add_deliveries(connection, hook.organization, stored_delivery)
    return DeliveryReceipt(
        stored_delivery.uid,
        stored_delivery.state,
        stored_delivery.problem,
        None,
        registry.get_connector(hook.source.connector).acknowledgement,
    )
