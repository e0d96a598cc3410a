"""The import of records that existed before a source was connected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor, require_configuration
from app.domain.primitives.errors import ConflictError, InvalidError, MalformedError
from app.security import identifiers
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_outcome import new_delivery_record
from app.services.sources.delivery_parsing import EventReader, ParsedDelivery
from app.services.sources.delivery_processing import (
    IncomingDelivery,
    ProcessedDelivery,
    process_deliveries,
)
from app.services.sources.record_graph import DEAL_PREFIX, project_events, record_set_from
from app.services.sources.source_transaction import SourceTransaction, begin_source_transaction
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery

MAX_IMPORTED_RECORDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The result of an import. Only the imported records count, not what the source knew before."""

    stored_delivery: StoredDelivery
    # The properties of a record that the mapping reads.
    mapped_properties: Sequence[str]
    # (property, value) with the ids of the records that have it, the most frequent first.
    unmapped_values: Sequence[tuple[tuple[str, str], Sequence[str]]]
    # The ids of won deals without an amount.
    deals_without_amount: Sequence[str]


async def import_records(
    service: ServiceContext, actor: Actor, key: str, body: bytes, read_event: EventReader
) -> ImportResult:
    """Process records as a delivery. Store it unless it reports nothing new.

    Raises: NotFoundError, ConflictError, MalformedError, InvalidError.
    """
    require_configuration(actor, "admin")
    async with service.database.write_transaction() as connection:
        transaction, now = await begin_source_transaction(service, connection, actor, key, "import")
        if not transaction.mapping.properties():
            raise ConflictError(f"The source '{key}' takes events as they are, and no deals.")
        delivery = Delivery("POST", "", {"content-type": "application/json"}, body)
        uid = identifiers.new_uuid7(now)
        incoming = IncomingDelivery(
            new_delivery_record(uid, key, delivery, now, "records"), "POST", read_event, now
        )
        (processed,) = await process_deliveries(transaction, [incoming], now, _check_import)
        if processed.stored.changes or processed.parsed.problems:
            await deliveries.add_deliveries(connection, transaction.organization, processed.stored)
        else:
            await connection.rollback()
    return _build_import_result(transaction, processed)


def _check_import(parsed: ParsedDelivery) -> None:
    """Raise an error for a body that cannot be read, or that holds too many records."""
    if parsed.unreadable_reason is not None:
        raise MalformedError(parsed.unreadable_reason)
    deal_count = sum(change.entity.startswith(DEAL_PREFIX) for change in parsed.changes)
    if deal_count + len(parsed.problems) + parsed.ignored_count > MAX_IMPORTED_RECORDS:
        raise InvalidError(
            f"There are more than {MAX_IMPORTED_RECORDS} records: send them in several requests."
        )


def _build_import_result(
    transaction: SourceTransaction, processed: ProcessedDelivery
) -> ImportResult:
    mapping = transaction.mapping
    default_team = transaction.source.team or ""
    record_set = record_set_from(processed.parsed.changes)
    ids_by_value: dict[tuple[str, str], list[str]] = {}
    deals_without_amount: list[str] = []
    for entity in sorted(record_set.changes):
        projected = project_events(entity, record_set, mapping, default_team)
        record_id = entity.partition(":")[2]
        for property_value in projected.unmapped_values:
            ids_by_value.setdefault(property_value, []).append(record_id)
        if projected.has_unknown_amount:
            deals_without_amount.append(record_id)
    unmapped_values = sorted(
        ids_by_value.items(),
        key=lambda value_with_ids: (-len(value_with_ids[1]), value_with_ids[0]),
    )
    return ImportResult(
        processed.stored, sorted(mapping.properties()), unmapped_values, deals_without_amount
    )
