"""The changes that deliveries report: without those of erased records, stored once each."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from app.services.sources.delivery_parsing import ParsedDelivery
from app.services.sources.source_transaction import SourceTransaction
from app.store.operations import erasure as erasure_store
from app.store.sources import changes
from app.store.sources.deliveries import StoredDelivery


@dataclass(frozen=True, slots=True)
class DeliveryChanges:
    """The records that one delivery changed."""

    entities: Collection[str]
    # The reason of events that are retracted because of the delivery.
    reason: str
    # The keys of the changes that the delivery was the first to report.
    new_keys: frozenset[str] = frozenset()


async def drop_erased_changes(
    transaction: SourceTransaction, parsed_deliveries: Sequence[ParsedDelivery]
) -> list[ParsedDelivery]:
    """Drop the changes of erased records.

    A delivery without such changes is returned as the same object: callers compare by identity.
    """
    erased_entities = await erasure_store.find_erased_records(
        transaction.connection,
        transaction.source_generation,
        {change.entity for parsed in parsed_deliveries for change in parsed.changes},
    )
    return [
        parsed
        if erased_entities.isdisjoint(change.entity for change in parsed.changes)
        else replace(
            parsed,
            changes=[change for change in parsed.changes if change.entity not in erased_entities],
        )
        for parsed in parsed_deliveries
    ]


async def store_changes(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    parsed_deliveries: Sequence[ParsedDelivery],
) -> list[DeliveryChanges]:
    """Store the changes that are new. Return, per delivery, what it was the first to report."""
    changes_by_delivery = [
        (stored.uid, parsed.changes)
        for stored, parsed in zip(stored_deliveries, parsed_deliveries, strict=True)
    ]
    new_keys_by_delivery = await changes.add_changes(
        transaction.connection,
        transaction.source_generation,
        transaction.position.seq,
        changes_by_delivery,
    )
    return [
        DeliveryChanges(
            {change.entity for change in reported_changes if change.key in new_keys},
            transaction.reason or f"delivery {uid}",
            new_keys,
        )
        for (uid, reported_changes), new_keys in zip(
            changes_by_delivery, new_keys_by_delivery, strict=True
        )
    ]
