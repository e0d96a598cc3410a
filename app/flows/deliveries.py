"""A delivery of a CRM.

Verified on raw bytes, kept raw, translated, folded, and turned into events, in one transaction.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from traceback import format_tb
from typing import Final
from uuid import UUID

from app.connectors import registry
from app.connectors.base import Answer, Delivery, Translation
from app.domain import mapping
from app.domain.changes import Change
from app.domain.configuration import Configuration
from app.domain.errors import ForbiddenError, MalformedError, NotAuthenticError, SightlineError, UnavailableError
from app.domain.events import FUTURE_HOURS, Event
from app.domain.sources import Source
from app.flows import reconcile
from app.flows.events import catalogue
from app.flows.reconcile import Work
from app.flows.service import Service
from app.store import configuration as store
from app.store import cursor, deliveries, ids, keys, sources
from app.store.cursor import Position
from app.store.database import Connection
from app.store.deliveries import StoredDelivery

KEPT_HEADERS: Final = ("content-type", "user-agent", "webhook-id", "webhook-timestamp", "x-hubspot-request-timestamp")
# CRMs punish a refusal; the senders of an open standard are told what they got wrong
OPEN_STANDARDS: Final = frozenset({"standard_webhooks", "cloudevents"})
# A delivery that says nothing but nonsense shall not make its own list unreadable.
LISTED: Final = 1_000
SENTENCE: Final = 1_000
LETTERS: Final = 500
LOG: Final = logging.getLogger("sightline.deliveries")
Reader = Callable[[Mapping[str, object]], Event]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a delivery.

    None when it is answered as taken: `refusal`, what its sender is to be told instead; when it reads our own receipt:
    `answer`.
    """

    uid: UUID
    state: str
    problem: str | None
    refusal: SightlineError | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Hooked:
    """What a hook's id stands for, and the secrets that may have signed."""

    organization: UUID
    source: Source
    secrets: tuple[str, ...]


async def take(service: Service, hook_id: str, delivery: Delivery, read_event: Reader) -> Taken:
    """Takes a delivery; `read_event` makes our own event of an element that already is one.

    Raises: NotAuthenticError for an unknown hook or a signature that does not verify; UnavailableError when it
    cannot be kept.
    """
    now = service.clock()
    hooked = await _hooked(service, hook_id, now)
    connector = registry.get(hooked.source.connector)
    signed = replace(delivery, url=f"{service.public_url}/hooks/{hook_id}")
    connector.verify(signed, hooked.secrets, now)
    uid = ids.uuid7(now)
    try:
        async with service.database.writing() as connection:
            kept, refusal = await _perform(connection, hooked, signed, uid, now, read_event)
            await deliveries.add(connection, hooked.organization, kept)
    except (NotAuthenticError, UnavailableError):
        raise
    except Exception as error:  # noqa: BLE001  # what was authentic is kept, whatever becomes of it
        return await _failed(service, hooked, signed, uid, now, error)
    told = isinstance(refusal, ForbiddenError) or connector.name in OPEN_STANDARDS
    return Taken(uid, kept.state, kept.problem, refusal if told else None, connector.answer)


async def _hooked(service: Service, hook_id: str, now: datetime) -> Hooked:
    async with service.database.reading() as connection:
        organization = await keys.owner(connection, "hook", hook_id)
        hook = None if organization is None else await sources.hook_named(connection, organization, hook_id)
        if organization is None or hook is None:
            raise NotAuthenticError("There is no such hook, or the signature is not valid.")
        stored = await store.find(connection, organization, "source", hook.source)
    if stored is None or stored.archived or not isinstance(stored.value, Source):
        raise NotAuthenticError("There is no such hook, or the signature is not valid.")
    live = [sealed for sealed in hook.secrets if sealed.until is None or sealed.until > now]
    place = f"hook/{organization}/{hook.source}"
    return Hooked(organization, stored.value, tuple(service.vault.open(sealed.text, place) for sealed in live))


async def _locked(connection: Connection, hooked: Hooked, now: datetime) -> tuple[Position, Source]:
    """The source as it is under the lock: since the delivery was verified it may have been told another mapping.

    Raises: NotAuthenticError when it was archived.
    """
    zone = await cursor.zone(connection, hooked.organization)
    position = await cursor.advance(connection, hooked.organization, now, zone, catalogue=False)
    stored = await store.find(connection, hooked.organization, "source", hooked.source.key)
    if stored is None or stored.archived or not isinstance(stored.value, Source):
        raise NotAuthenticError("There is no such hook, or the signature is not valid.")
    return position, stored.value


async def _perform(  # a delivery is all of these
    connection: Connection, hooked: Hooked, delivery: Delivery, uid: UUID, now: datetime, read_event: Reader
) -> tuple[StoredDelivery, SightlineError | None]:
    """What is to be kept of the delivery, once all it says is done; and what is wrong with it as a whole."""
    position, source = await _locked(connection, hooked, now)
    connector = registry.get(source.connector)
    read = mapping.parse(source.mapping, connector.default_mapping, connector.form)
    try:
        translation = connector.translate(delivery, source.account, read)
    except (MalformedError, ForbiddenError) as error:
        return _record(uid, hooked, delivery, now, "failed", error.detail), error
    known = await catalogue(connection, hooked.organization)
    work = Work(connection, hooked.organization, source, known, position, uid)
    rejects: list[Mapping[str, object]] = [{"index": one.index, "problem": one.problem} for one in translation.rejects]
    changes, late = _possible(translation, now)
    rejects += late
    new = await deliveries.add_changes(connection, hooked.organization, source.key, uid, position.seq, changes)
    fresh = [one for one in changes if one.key in new]
    recorded, retracted = await reconcile.settle(work, fresh, read, now)
    told, unread = _read(source, translation, read_event)
    standing = await reconcile.standing(work, told)
    new_ones = [(index, event) for index, event in told if index not in standing]
    events, refused = _acceptable(known.configuration, source, new_ones, now)
    written, conflicts = await reconcile.record(work, events, now)
    rejects += unread + refused + conflicts
    understood = len(changes) + len(standing) + len(events) - len(conflicts)
    state = "failed" if rejects and not understood else "processed" if understood else "ignored"
    kept = _record(uid, hooked, delivery, now, state, None, rejects)
    counted = replace(kept, changes=len(fresh), recorded=recorded + written, retracted=retracted)
    alone = state == "failed" and len(translation.events) + len(translation.rejects) == 1
    return counted, MalformedError(kept.problem or "The delivery cannot be read.") if alone else None


def _possible(translation: Translation, now: datetime) -> tuple[list[Change], list[Mapping[str, object]]]:
    """The changes that can have happened, and the problems of those that say they will."""
    limit = now + timedelta(hours=FUTURE_HOURS)
    late: list[Mapping[str, object]] = [
        {"index": index, "problem": f"A change of {one.entity} says that it happened in the future."}
        for index, one in zip(translation.change_places, translation.changes, strict=True)
        if one.at > limit
    ]
    return [one for one in translation.changes if one.at <= limit], late


Placed = list[tuple[int, Event]]
Problems = list[Mapping[str, object]]


def _read(source: Source, translation: Translation, read_event: Reader) -> tuple[Placed, Problems]:
    """Our own events out of a delivery with their places in it, and the problems of those that are not."""
    good: Placed = []
    refused: Problems = []
    own = {"source": source.key} | ({} if source.team is None else {"team": source.team})
    for index, element in zip(translation.event_places, translation.events, strict=True):
        try:
            good.append((index, read_event({**own, **element})))
        except SightlineError as error:
            refused.append({"index": index, "problem": error.detail})
    return good, refused


def _acceptable(known: Configuration, source: Source, placed: Placed, now: datetime) -> tuple[Placed, Problems]:
    """The events as they can be recorded, and the problems of those that cannot."""
    good: Placed = []
    refused: Problems = []
    for index, event in placed:
        try:
            good.append((index, reconcile.acceptable(known, source, event, now)))
        except SightlineError as error:
            refused.append({"index": index, "problem": error.detail})
    return good, refused


def _record(  # what is kept of a delivery
    uid: UUID,
    hooked: Hooked,
    delivery: Delivery,
    now: datetime,
    state: str,
    problem: str | None,
    rejects: Sequence[Mapping[str, object]] = (),
) -> StoredDelivery:
    headers = {name: value[:LETTERS] for name, value in sorted(delivery.headers.items()) if _is_kept(name)}
    listed = sorted(({**one, "problem": _cut(str(one["problem"]))} for one in rejects), key=itemgetter("index"))
    problem = str(listed[0]["problem"]) if listed else problem and _cut(problem)
    if len(listed) > LISTED:
        problem = f"{problem} {len(listed)} elements were set aside; the first {LISTED} are listed."
    return StoredDelivery(
        uid=uid,
        source=hooked.source.key,
        received_at=now,
        content_type=headers.get("content-type", ""),
        headers=headers,
        body=registry.get(hooked.source.connector).kept(delivery.body),
        state=state,
        problem=problem,
        rejects=tuple(listed[:LISTED]),
        changes=0,
        recorded=0,
        retracted=0,
    )


def _is_kept(header: str) -> bool:
    """Whether a header is kept: those that name a delivery, and those that are a part of what it says."""
    return header in KEPT_HEADERS or header.startswith("ce-")


def _cut(problem: str) -> str:
    return problem if len(problem) <= SENTENCE else f"{problem[: SENTENCE - 1]}…"


async def _failed(  # what is kept of a delivery that came to nothing
    service: Service, hooked: Hooked, delivery: Delivery, uid: UUID, now: datetime, error: Exception
) -> Taken:
    """The delivery is kept with its problem; an error that nobody foresaw is named by its kind alone, and logged."""
    problem = error.detail if isinstance(error, SightlineError) else f"Sightline failed on it ({type(error).__name__})."
    if not isinstance(error, SightlineError):
        # Where it happened and of what kind it was: its text may hold what the delivery said, or a statement's values.
        told = {"delivery": str(uid), "source": hooked.source.key, "error": type(error).__name__}
        LOG.error("a delivery failed", extra={**told, "stack": "".join(format_tb(error.__traceback__))})
    kept = _record(uid, hooked, delivery, now, "failed", problem)
    async with service.database.writing() as connection:
        await _locked(connection, hooked, now)
        await deliveries.add(connection, hooked.organization, kept)
    return Taken(uid, kept.state, kept.problem, None, registry.get(hooked.source.connector).answer)
