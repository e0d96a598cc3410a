"""Inbound webhooks: authenticate a CRM's delivery, have it processed, and answer its sender."""

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from traceback import format_tb
from typing import Final
from uuid import UUID

from app.connectors import registry
from app.connectors.connector import Acknowledgement, Connector, Delivery
from app.domain.primitives.errors import (
    ForbiddenError,
    NotAuthenticError,
    SightlineError,
    UnavailableError,
)
from app.domain.sources.sources import Source
from app.security import identifiers
from app.services.runtime.cache_entries import CachedHook
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_batch import (
    UNKNOWN_HOOK_MESSAGE,
    ProcessingResult,
    VerifiedDelivery,
    lock_organization,
    process_batch,
)
from app.services.sources.delivery_outcome import (
    DeliveryOutcome,
    new_delivery_record,
    note_outcome,
)
from app.services.sources.delivery_parsing import EventReader
from app.services.sources.sources import encryption_context
from app.store.access import directory
from app.store.playbook import configuration as configuration_store
from app.store.sources import deliveries
from app.store.sources import sources as sources_store
from app.store.sources.deliveries import StoredDelivery

# Errors are reported to senders of open standards only: CRMs disable webhooks that answer with one.
OPEN_STANDARDS: Final = frozenset({"standard_webhooks", "cloudevents"})
REJECTION_NOTE_INTERVAL: Final = timedelta(minutes=1)
EARLIEST_INSTANT: Final = datetime.min.replace(tzinfo=UTC)
LOG: Final = logging.getLogger("sightline.deliveries")


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """The answer to a delivery."""

    uid: UUID
    state: str
    problem: str | None
    # The error to answer with; None where the delivery is acknowledged.
    error: SightlineError | None = None
    # The acknowledgement that the sender expects; None where it reads our own receipt.
    reply: Acknowledgement | None = None


async def receive_delivery(
    service: ServiceContext, hook_id: str, delivery: Delivery, read_event: EventReader
) -> DeliveryReceipt:
    """Verify, process and store a delivery. An authentic one is stored whatever it contains.

    `read_event` builds an event in Sightline's own format from its JSON element.
    Raises: NotAuthenticError for an unknown hook or a signature that does not verify;
    UnavailableError when the delivery cannot be stored.
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
    redacted_body = connector.redact_credentials(signed_delivery.body)
    redacted_delivery = replace(signed_delivery, body=redacted_body)
    uid = identifiers.new_uuid7(now)
    verified = VerifiedDelivery(hook, redacted_delivery, uid, now, read_event)
    result = await _process(service, verified)
    if result.stored is None:
        stored = await _store_failure(service, verified, result.error)
        reported_error = None
    else:
        stored = result.stored
        reported_error = _reported_error(connector, result.error)
    return DeliveryReceipt(
        stored.uid, stored.state, stored.problem, reported_error, connector.acknowledgement
    )


def _reported_error(connector: Connector, error: Exception | None) -> SightlineError | None:
    """Return the error that the sender gets. Return None where the delivery is acknowledged."""
    if isinstance(error, ForbiddenError):
        return error
    if connector.name in OPEN_STANDARDS and isinstance(error, SightlineError):
        return error
    return None


async def _process(service: ServiceContext, verified: VerifiedDelivery) -> ProcessingResult:
    """Process a delivery together with others that arrive at the same time.

    Return unexpected errors instead of raising them, so that the delivery can still be stored.
    Raises: NotAuthenticError, UnavailableError.
    """
    organization = verified.hook.organization
    try:
        result: ProcessingResult = await service.delivery_coalescer.submit(
            organization, verified, partial(process_batch, service, organization)
        )
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:  # noqa: BLE001  # the delivery is stored as failed
        return ProcessingResult(None, error)
    if isinstance(result.error, NotAuthenticError):
        raise result.error
    return result


async def _note_rejection(service: ServiceContext, hook: CachedHook, now: datetime) -> None:
    """Note a rejected delivery in the source's health and in the log.

    Without the note, a wrong secret looks like a CRM that sends nothing. Each process notes one
    rejection a minute per source, so that forged deliveries cause few writes.
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
            await sources_store.note_rejection(connection, *source_id, now)
    except UnavailableError:
        service.last_rejection_noted.pop(source_id, None)  # so that the next rejection is noted


async def accepts_webhook_subscription(service: ServiceContext, hook_id: str) -> bool:
    """Return True for the hook of a live source whose senders ask before they deliver."""
    try:
        hook = await _get_hook(service, hook_id, service.clock())
    except NotAuthenticError:
        return False
    return registry.get_connector(hook.source.connector).supports_handshake


async def _get_hook(service: ServiceContext, hook_id: str, now: datetime) -> CachedHook:
    hook = service.hook_cache.get(hook_id, now)
    if hook is None:
        hook = await service.hook_flight.run(hook_id, partial(_load_hook, service, hook_id, now))
    return hook


async def _load_hook(service: ServiceContext, hook_id: str, now: datetime) -> CachedHook:
    cached_hook = service.hook_cache.get(hook_id, now)
    if cached_hook is not None:
        return cached_hook
    # Read before the hook: put() ignores the hook if the cache was invalidated meanwhile.
    generation = service.hook_cache.generation
    async with service.database.read_transaction() as connection:
        organization = await directory.find_organization(connection, "hook", hook_id)
        stored_hook = (
            None
            if organization is None
            else await sources_store.find_hook(connection, organization, hook_id)
        )
        if organization is None or stored_hook is None:
            raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
        stored_source = await configuration_store.find_resource(
            connection, organization, "source", stored_hook.source
        )
    if (
        stored_source is None
        or stored_source.is_archived
        or not isinstance(stored_source.resource, Source)
    ):
        raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
    context = encryption_context(organization, stored_hook.source)
    secrets = [
        (service.vault.open(sealed_secret.ciphertext, context), sealed_secret.valid_until)
        for sealed_secret in stored_hook.secrets
        if sealed_secret.valid_until is None or sealed_secret.valid_until > now
    ]
    cached_hook = CachedHook(organization, stored_source.resource, tuple(secrets))
    service.hook_cache.put(hook_id, cached_hook, now, generation)
    return cached_hook


async def _store_failure(
    service: ServiceContext, verified: VerifiedDelivery, error: Exception | None
) -> StoredDelivery:
    """Store a delivery whose processing failed, with the problem. Log an unexpected error.

    Of an unexpected error only the type and the stack are reported: its text may hold content of
    the delivery or parameters of a statement. Raises: NotAuthenticError, UnavailableError.
    """
    hook = verified.hook
    if isinstance(error, SightlineError):
        problem = error.detail
    else:
        problem = f"Sightline failed on it ({type(error).__name__})."
        log_fields = {
            "delivery": str(verified.uid),
            "source": hook.source.key,
            "error": type(error).__name__,
        }
        stack = "" if error is None else "".join(format_tb(error.__traceback__))
        LOG.error("a delivery failed", extra={**log_fields, "stack": stack})
    async with service.database.write_transaction() as connection:
        position, compiled = await lock_organization(
            service, connection, hook.organization, verified.received_at
        )
        if hook.source.key not in compiled.configuration.sources:
            raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
        stored_delivery = note_outcome(
            new_delivery_record(
                verified.uid, hook.source.key, verified.delivery, position.recorded_at
            ),
            DeliveryOutcome("failed", 0, 0, 0, ()),
            problem,
        )
        await deliveries.add_deliveries(connection, hook.organization, stored_delivery)
    return stored_delivery
