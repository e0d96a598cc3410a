"""Deliveries that come under an id of their sender's: one that comes again with another body is a conflict.

What is kept of a body outlives its erasure, and tells nothing without the service's pepper.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from app.connectors import registry
from app.domain.primitives.errors import EventConflictError
from app.domain.sources.sources import Source
from app.security.pseudonyms import keyed_digest, matches_keyed_digest
from app.services.sources.delivery_processing import ParsedDelivery
from app.services.sources.event_writer import SourceTransaction
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery


async def reject_conflicting_ids(
    transaction: SourceTransaction,
    parsed_deliveries: Sequence[tuple[StoredDelivery, ParsedDelivery]],
) -> list[ParsedDelivery]:
    """What deliveries say; nothing but a refusal where an id has come before with another body, which stands."""
    identified_deliveries = [
        (get_message_id(transaction.source, stored), stored, parsed)
        for stored, parsed in parsed_deliveries
    ]
    sent_ids = {message_id for message_id, _, _ in identified_deliveries if message_id is not None}
    digests_by_id = await deliveries.find_body_digests(
        transaction.connection, *_source_scope(transaction), sent_ids
    )
    return [
        parsed
        if message_id is None
        or message_id not in digests_by_id
        or matches_keyed_digest(transaction.vault, digests_by_id[message_id], _hash_body(stored))
        else _reject_conflict(parsed, message_id)
        for message_id, stored, parsed in identified_deliveries
    ]


def _reject_conflict(parsed: ParsedDelivery, message_id: str) -> ParsedDelivery:
    error = EventConflictError(
        f"The message '{message_id}' came before with another body, which stands."
    )
    return replace(parsed, changes=(), events=(), unreadable_reason=error.detail, error=error)


async def remember_ids(
    transaction: SourceTransaction, stored_deliveries: Sequence[StoredDelivery]
) -> None:
    """Deliveries that have come to something stand under their ids, the first under each."""
    digests_by_id: dict[str, str] = {}
    for stored in stored_deliveries:
        message_id = get_message_id(transaction.source, stored)
        if message_id is not None and stored.state != "failed":
            digests_by_id.setdefault(
                message_id, keyed_digest(transaction.vault, _hash_body(stored))
            )
    await deliveries.save_body_digests(
        transaction.connection, *_source_scope(transaction), digests_by_id
    )


def get_message_id(source: Source, stored: StoredDelivery) -> str | None:
    """The id that its sender gave a delivery. None when it gave none, or its body is kept no longer."""
    return (
        None
        if stored.body is None
        else registry.get_connector(source.connector).get_message_id(stored.headers)
    )


def _source_scope(transaction: SourceTransaction) -> tuple[UUID, str]:
    return transaction.organization, transaction.source.key


def _hash_body(stored: StoredDelivery) -> str:
    return sha256(stored.body or b"").hexdigest()
