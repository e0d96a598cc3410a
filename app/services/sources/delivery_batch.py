"""Batches of verified deliveries: one transaction for all, and errors isolated from each other."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from traceback import format_tb
from typing import Final, NamedTuple
from uuid import UUID

from app.connectors import registry
from app.connectors.connector import Delivery
from app.domain.primitives.errors import NotAuthenticError, NotFoundError, UnavailableError
from app.domain.sources.sources import Source
from app.services.runtime.cache_entries import CachedHook
from app.services.runtime.compiled_configuration import (
    CompiledConfiguration,
    load_compiled_configuration,
)
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_outcome import new_delivery_record
from app.services.sources.delivery_parsing import EventReader, parse_source_mapping
from app.services.sources.delivery_processing import IncomingDelivery, process_deliveries
from app.services.sources.source_transaction import SourceTransaction
from app.store.access import organization_version
from app.store.access.organization_version import WritePosition
from app.store.sources import deliveries
from app.store.sources import sources as sources_store
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection, savepoint

LOG: Final = logging.getLogger("sightline.deliveries")
UNKNOWN_HOOK_MESSAGE: Final = "There is no such hook, or the signature is not valid."


class VerifiedDelivery(NamedTuple):
    """An authentic delivery."""

    hook: CachedHook
    delivery: Delivery
    uid: UUID
    received_at: datetime
    # Builds an event in Sightline's own format from its JSON element.
    read_event: EventReader


@dataclass(frozen=True, slots=True)
class ProcessingResult:
    """The result of processing one delivery of a batch."""

    # None when nothing was stored: `error` is the reason.
    stored: StoredDelivery | None
    # The error of the delivery as a whole; None when any part of it was understood.
    error: Exception | None = None


async def process_batch(
    service: ServiceContext, organization: UUID, verified_deliveries: Sequence[VerifiedDelivery]
) -> Sequence[ProcessingResult]:
    """Process deliveries that arrived together in one transaction.

    After an unexpected error, process each in a savepoint, so that only the faulty one fails.
    Raises: NotAuthenticError when nothing was stored because the sources or the organization are
    gone; UnavailableError.
    """
    try:
        async with service.database.write_transaction() as connection:
            return await process_together(service, connection, organization, verified_deliveries)
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:
        if len(verified_deliveries) == 1:
            raise
        log_fields = {
            "organization": str(organization),
            "deliveries": len(verified_deliveries),
            "error": type(error).__name__,
        }
        LOG.warning(
            "deliveries are taken one by one",
            extra={**log_fields, "stack": "".join(format_tb(error.__traceback__))},
        )
    async with service.database.write_transaction() as connection:
        return [
            await _process_isolated(service, connection, organization, verified)
            for verified in verified_deliveries
        ]


async def _process_isolated(
    service: ServiceContext, connection: Connection, organization: UUID, verified: VerifiedDelivery
) -> ProcessingResult:
    """Process one delivery in a savepoint, and return its error instead of raising it.

    Raises: UnavailableError, which concerns all deliveries.
    """
    try:
        async with savepoint(connection):
            return (await process_together(service, connection, organization, [verified]))[0]
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001  # the waiting request reports it
        return ProcessingResult(None, error)


async def process_together(
    service: ServiceContext,
    connection: Connection,
    organization: UUID,
    verified_deliveries: Sequence[VerifiedDelivery],
) -> Sequence[ProcessingResult]:
    """Process and store deliveries in the given order, all at the instant of the latest one.

    The result is the same as when each is processed in its own transaction.
    Raises: NotAuthenticError when nothing is stored.
    """
    now = max(verified.received_at for verified in verified_deliveries)
    position, compiled = await lock_organization(service, connection, organization, now)
    results: dict[UUID, ProcessingResult] = {}
    for source_key, source_deliveries in _group_by_source(verified_deliveries).items():
        source = compiled.configuration.sources.get(source_key)
        if source is None:
            unknown_hook = ProcessingResult(None, NotAuthenticError(UNKNOWN_HOOK_MESSAGE))
            results |= {verified.uid: unknown_hook for verified in source_deliveries}
            continue
        generation = await sources_store.load_generation(connection, organization, source_key)
        transaction = SourceTransaction(
            connection,
            organization,
            source,
            parse_source_mapping(source),
            compiled,
            position,
            service.vault,
            generation,
        )
        for round_deliveries in _split_by_message_id(source, source_deliveries):
            results |= await _process_round(transaction, round_deliveries, now)
    stored_deliveries = [result.stored for result in results.values() if result.stored is not None]
    if not stored_deliveries:
        raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE)
    await deliveries.add_deliveries(connection, organization, *stored_deliveries)
    return [results[verified.uid] for verified in verified_deliveries]


async def lock_organization(
    service: ServiceContext, connection: Connection, organization: UUID, now: datetime
) -> tuple[WritePosition, CompiledConfiguration]:
    """Lock the organization and advance its version. Return the position and its configuration.

    Raises: NotAuthenticError when the organization was deleted.
    """
    try:
        zone = await organization_version.time_zone(connection, organization)
        position = await organization_version.advance_version(
            connection, organization, now, zone, changes_configuration=False
        )
        compiled = await load_compiled_configuration(
            connection, organization, service.compiled_configuration_cache
        )
    except NotFoundError as error:
        raise NotAuthenticError(UNKNOWN_HOOK_MESSAGE) from error
    return position, compiled


def _group_by_source(
    verified_deliveries: Sequence[VerifiedDelivery],
) -> Mapping[str, Sequence[VerifiedDelivery]]:
    deliveries_by_source: dict[str, list[VerifiedDelivery]] = {}
    for verified in verified_deliveries:
        deliveries_by_source.setdefault(verified.hook.source.key, []).append(verified)
    return deliveries_by_source


def _split_by_message_id(
    source: Source, verified_deliveries: Sequence[VerifiedDelivery]
) -> Iterator[Sequence[VerifiedDelivery]]:
    """Yield the deliveries in order, in rounds that repeat no message id.

    A repeated id is compared with the digest that the earlier round stored.
    """
    connector = registry.get_connector(source.connector)
    round_deliveries: list[VerifiedDelivery] = []
    round_ids: set[str] = set()
    for verified in verified_deliveries:
        message_id = connector.get_message_id(verified.delivery.headers)
        if message_id is not None and message_id in round_ids:
            yield round_deliveries
            round_deliveries = []
            round_ids = set()
        round_deliveries.append(verified)
        if message_id is not None:
            round_ids.add(message_id)
    yield round_deliveries


async def _process_round(
    transaction: SourceTransaction, verified_deliveries: Sequence[VerifiedDelivery], now: datetime
) -> Mapping[UUID, ProcessingResult]:
    """Process deliveries of one source, none of which repeats a message id."""
    processed_deliveries = await process_deliveries(
        transaction,
        [
            IncomingDelivery(
                new_delivery_record(
                    verified.uid,
                    transaction.source.key,
                    verified.delivery,
                    # Stored as received when its events are recorded, not when it arrived, so that
                    # the delivery and its events have the same day.
                    transaction.position.recorded_at,
                ),
                verified.delivery.method,
                verified.read_event,
                verified.received_at,
            )
            for verified in verified_deliveries
        ],
        now,
    )
    return {
        processed.stored.uid: ProcessingResult(processed.stored, processed.error)
        for processed in processed_deliveries
    }
