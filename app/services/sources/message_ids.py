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
from app.services.events.duplicates import hidden, hides
from app.services.sources.delivery_processing import Said
from app.services.sources.event_writer import Work
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery


async def checked(work: Work, found: Sequence[tuple[StoredDelivery, Said]]) -> list[Said]:
    """What deliveries say; nothing but a refusal where an id has come before with another body, which stands."""
    named = [(id_of(work.source, kept), kept, said) for kept, said in found]
    wanted = {id_ for id_, _, _ in named if id_ is not None}
    before = await deliveries.digests_of(work.connection, *_place(work), wanted)
    return [
        said
        if id_ is None or id_ not in before or hides(work.vault, before[id_], _digest(kept))
        else _refused(said, id_)
        for id_, kept, said in named
    ]


def _refused(said: Said, id_: str) -> Said:
    refusal = EventConflictError(
        f"The message '{id_}' came before with another body, which stands."
    )
    return replace(said, changes=(), events=(), unreadable=refusal.detail, refusal=refusal)


async def note(work: Work, found: Sequence[StoredDelivery]) -> None:
    """Deliveries that have come to something stand under their ids, the first under each."""
    digests: dict[str, str] = {}
    for kept in found:
        id_ = id_of(work.source, kept)
        if id_ is not None and kept.state != "failed":
            digests.setdefault(id_, hidden(work.vault, _digest(kept)))
    await deliveries.keep_messages(work.connection, *_place(work), digests)


def id_of(source: Source, kept: StoredDelivery) -> str | None:
    """The id that its sender gave a delivery. None when it gave none, or its body is kept no longer."""
    return None if kept.body is None else registry.get(source.connector).message(kept.headers)


def _place(work: Work) -> tuple[UUID, str]:
    return work.organization, work.source.key


def _digest(kept: StoredDelivery) -> str:
    return sha256(kept.body or b"").hexdigest()
