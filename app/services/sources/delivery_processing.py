"""The processing of deliveries of one source, from stored bodies to recorded events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.primitives.errors import SightlineError
from app.services.sources.delivery_changes import drop_erased_changes, store_changes
from app.services.sources.delivery_outcome import delivery_error, note_outcome
from app.services.sources.delivery_parsing import EventReader, ParsedDelivery, parse_delivery
from app.services.sources.event_writer import record_delivered_events
from app.services.sources.message_ids import reject_conflicting_ids, remember_ids
from app.services.sources.reconciliation import reconcile
from app.services.sources.source_transaction import SourceTransaction
from app.store.sources.deliveries import StoredDelivery


@dataclass(frozen=True, slots=True)
class IncomingDelivery:
    """A delivery to process."""

    stored: StoredDelivery
    method: str
    read_event: EventReader
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ProcessedDelivery:
    """A delivery with its outcome."""

    stored: StoredDelivery
    parsed: ParsedDelivery
    # The error of the delivery as a whole; None when any part of it was understood.
    error: SightlineError | None


def _parse(transaction: SourceTransaction, incoming: IncomingDelivery) -> ParsedDelivery:
    return parse_delivery(
        transaction.source,
        transaction.mapping,
        incoming.stored,
        incoming.method,
        incoming.read_event,
        incoming.received_at,
    )


def _accept_all(_parsed: ParsedDelivery) -> None:
    return


async def process_deliveries(
    transaction: SourceTransaction,
    incoming_deliveries: Sequence[IncomingDelivery],
    now: datetime,
    check_parsed: Callable[[ParsedDelivery], None] = _accept_all,
) -> list[ProcessedDelivery]:
    """Process deliveries in order, with the same outcomes as one by one. Nothing is committed.

    The caller inserts the returned deliveries. `check_parsed` may raise to abandon all of them.
    No two of the deliveries may have the same message id.
    """
    stored_deliveries = [incoming.stored for incoming in incoming_deliveries]
    parsed_deliveries = [_parse(transaction, incoming) for incoming in incoming_deliveries]
    for parsed in parsed_deliveries:
        check_parsed(parsed)
    parsed_deliveries = await reject_conflicting_ids(
        transaction, stored_deliveries, parsed_deliveries
    )
    filtered_deliveries = await drop_erased_changes(transaction, parsed_deliveries)
    delivery_changes = await store_changes(transaction, stored_deliveries, filtered_deliveries)
    event_counts = await reconcile(transaction, delivery_changes, now)
    processed_deliveries = []
    for stored, parsed, filtered, changed, (recorded_count, retracted_count) in zip(
        stored_deliveries,
        parsed_deliveries,
        filtered_deliveries,
        delivery_changes,
        event_counts,
        strict=True,
    ):
        event_outcome = await record_delivered_events(transaction, parsed, now)
        outcome = replace(
            event_outcome,
            change_count=len(changed.new_keys),
            recorded_count=recorded_count + event_outcome.recorded_count,
            retracted_count=retracted_count,
            mentions_erased=event_outcome.mentions_erased or filtered is not parsed,
        )
        updated = note_outcome(stored, outcome, parsed.unreadable_reason)
        error = delivery_error(updated, parsed, outcome)
        processed_deliveries.append(ProcessedDelivery(updated, parsed, error))
    await remember_ids(transaction, [processed.stored for processed in processed_deliveries])
    return processed_deliveries
