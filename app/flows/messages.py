"""Deliveries that come under an id of their sender's: one that comes again with another body is a conflict.

What is kept of a body outlives its erasure, and tells nothing without the service's pepper.
"""

from dataclasses import replace
from hashlib import sha256
from uuid import UUID

from app.connectors import registry
from app.domain.errors import EventConflictError
from app.flows.readings import Said
from app.flows.reconcile import Work
from app.flows.repeats import hidden, hides
from app.store import deliveries
from app.store.deliveries import StoredDelivery


async def checked(work: Work, kept: StoredDelivery, said: Said) -> Said:
    """What the delivery says; nothing but a refusal where its id has come before with another body, which stands."""
    id_ = _id(work, kept)
    before = None if id_ is None else await deliveries.digest_of(work.connection, *_place(work), id_)
    if before is None or hides(work.vault, before, _digest(kept)):
        return said
    refusal = EventConflictError(f"The message '{id_}' came before with another body, which stands.")
    return replace(said, changes=(), events=(), unreadable=refusal.detail, refusal=refusal)


async def note(work: Work, kept: StoredDelivery) -> None:
    """A delivery that has come to something stands under its id."""
    id_ = _id(work, kept)
    if id_ is not None and kept.state != "failed":
        await deliveries.keep_message(work.connection, *_place(work), id_, hidden(work.vault, _digest(kept)))


def _id(work: Work, kept: StoredDelivery) -> str | None:
    return None if kept.body is None else registry.get(work.source.connector).message(kept.headers)


def _place(work: Work) -> tuple[UUID, str]:
    return work.organization, work.source.key


def _digest(kept: StoredDelivery) -> str:
    return sha256(kept.body or b"").hexdigest()
