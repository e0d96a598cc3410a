"""Idempotency by the sender's message id: the same id with another body is a conflict.

A keyed digest of the body is stored. It outlives the body's erasure, and the body cannot be guessed
from it without the service's pepper.
"""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from app.connectors import registry
from app.domain.primitives.errors import EventConflictError
from app.domain.sources.sources import Source
from app.security.pseudonyms import keyed_digest, matches_keyed_digest
from app.services.sources.delivery_parsing import ParsedDelivery
from app.services.sources.source_transaction import SourceTransaction
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery


async def reject_conflicting_ids(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    parsed_deliveries: Sequence[ParsedDelivery],
) -> list[ParsedDelivery]:
    """Make deliveries unreadable whose message id was used before with another body."""
    message_ids = [get_message_id(transaction.source, stored) for stored in stored_deliveries]
    digests_by_id = await deliveries.find_body_digests(
        transaction.connection,
        transaction.organization,
        transaction.source.key,
        {message_id for message_id in message_ids if message_id is not None},
    )
    return [
        parsed
        if message_id is None
        or message_id not in digests_by_id
        or matches_keyed_digest(transaction.vault, digests_by_id[message_id], _hash_body(stored))
        else _reject_conflict(parsed, message_id)
        for message_id, stored, parsed in zip(
            message_ids, stored_deliveries, parsed_deliveries, strict=True
        )
    ]


def _reject_conflict(parsed: ParsedDelivery, message_id: str) -> ParsedDelivery:
    error = EventConflictError(
        f"The message '{message_id}' came before with another body, which stands."
    )
    return replace(parsed, changes=(), events=(), unreadable_reason=error.detail, error=error)


async def remember_ids(
    transaction: SourceTransaction, stored_deliveries: Sequence[StoredDelivery]
) -> None:
    """Store the digests of deliveries that did not fail, the first of each message id."""
    digests_by_id: dict[str, str] = {}
    for stored in stored_deliveries:
        message_id = get_message_id(transaction.source, stored)
        if message_id is not None and stored.state != "failed":
            digests_by_id.setdefault(
                message_id, keyed_digest(transaction.vault, _hash_body(stored))
            )
    await deliveries.save_body_digests(
        transaction.connection, transaction.organization, transaction.source.key, digests_by_id
    )


def get_message_id(source: Source, stored: StoredDelivery) -> str | None:
    """Return the sender's id of a delivery. Return None without an id or without a body."""
    return (
        None
        if stored.body is None
        else registry.get_connector(source.connector).get_message_id(stored.headers)
    )


def _hash_body(stored: StoredDelivery) -> str:
    return sha256(stored.body or b"").hexdigest()
