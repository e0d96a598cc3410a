"""Deliveries read again under the mapping that a source has now, deals imported, and samples tried out."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor, require_configuration
from app.domain.events.events import Event
from app.domain.playbook.configuration import missing
from app.domain.primitives.errors import ConflictError, InvalidError, MalformedError, NotFoundError
from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.runtime.context import Service
from app.services.runtime.matcher_cache import catalogue
from app.services.sources import message_ids as messages
from app.services.sources.delivery_processing import (
    Done,
    Reader,
    Said,
    interpret,
    mapping_of,
    outcome,
    perform,
    record_events,
    record_of,
    sparing,
)
from app.services.sources.event_writer import Work
from app.services.sources.reconciliation import Telling, settle
from app.services.sources.record_graph import DEAL, fold, gathered_of
from app.store.access import organization_version as cursor
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import Act
from app.store.sources import changes, deliveries, sources
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection

AT_ONCE: Final = 2_000
RECORDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay.

    Shape: `states` counts the deliveries that were read again by their new state; `without_body` those that are kept
    without their body: their changes stand as they were read.
    None when all were read: `continue_from`; else the time of the first that was not.
    """

    states: Mapping[str, int]
    without_body: int
    recorded: int
    retracted: int
    continue_from: datetime | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of imported records, and what they alone, whatever else the source knows, leave unsaid.

    Shape: `reads` are the properties that the mapping reads of a record; `unmapped` are property and value with the ids
    of the records that have it, the most frequent first; `without_amount` the ids of won deals whose amount no record
    says.
    """

    kept: StoredDelivery
    reads: Sequence[str]
    unmapped: Sequence[tuple[tuple[str, str], Sequence[str]]]
    without_amount: Sequence[str]


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a sample would make. Shape: `events` by our own events and by those of deals; `unmapped` as in a fold."""

    said: Said
    events: Sequence[DesiredEvent]
    own: Sequence[Event]
    unmapped: Sequence[tuple[str, str]]


async def replay_one(
    service: Service, actor: Actor, key: str, uid: UUID, read_event: Reader
) -> StoredDelivery:
    """One delivery is read again. Raises: NotFoundError, ConflictError when its body is kept no longer."""
    require_configuration(actor, "admin")
    async with service.database.writing() as connection:
        work, now = await _begin(service, connection, actor, key, f"replay of delivery {uid}")
        found = await deliveries.find(connection, actor.organization, key, uid)
        if found is None:
            raise NotFoundError("There is no such delivery.")
        if found.body is None:
            raise ConflictError(
                "The body of this delivery is kept no longer: it cannot be read again."
            )
        done = await _again(work, [found], read_event, now)
        await _note(work, actor, done, {"delivery": str(uid)})
        return await deliveries.find(connection, actor.organization, key, uid) or found


async def replay(  # a replay is all of these
    service: Service,
    actor: Actor,
    key: str,
    since: datetime | date | None,
    read_event: Reader,
    *,
    dry_run: bool = False,
) -> Replayed:
    """The failed deliveries (None), or all since an instant or a day, are read again: at most 2,000, oldest first.

    Events that change are retracted and recorded anew; none doubles. With `dry_run` it is only told what would come of
    it. Raises: NotFoundError, ConflictError.
    """
    require_configuration(actor, "admin")
    async with service.database.writing() as connection:
        work, now = await _begin(service, connection, actor, key, "replay")
        if since is not None and not isinstance(since, datetime):
            since = datetime.combine(since, time.min, ZoneInfo(work.known.time_zone))
        found = await deliveries.replayable(connection, actor.organization, key, since, AT_ONCE + 1)
        done = await _again(work, found[:AT_ONCE], read_event, now)
        rest = found[AT_ONCE].received_at if len(found) > AT_ONCE else None
        if dry_run:
            await connection.rollback()
        elif found:
            await _note(work, actor, done, {"since": None if since is None else since.isoformat()})
    return dataclasses.replace(done, continue_from=rest)


async def _note(work: Work, actor: Actor, done: Replayed, what: Mapping[str, object]) -> None:
    """The replay is in the journal."""
    after = {**what, **done.states, "recorded": done.recorded, "retracted": done.retracted}
    act = Act(actor.name, "source", work.source.key, "replay", None, after)
    await journal.add(work.connection, work.organization, work.position, act)


async def _begin(
    service: Service, connection: Connection, actor: Actor, key: str, reason: str
) -> tuple[Work, datetime]:
    """The work on a source under its lock. Raises: NotFoundError, ConflictError for one that takes no deliveries."""
    now = service.clock()
    zone = await cursor.zone(connection, actor.organization)
    position = await cursor.advance(connection, actor.organization, now, zone, catalogue=False)
    source = await _source(connection, actor, key)
    known = await catalogue(connection, actor.organization, service.catalogues)
    generation = await sources.generation(connection, actor.organization, key)
    return Work(
        connection, actor.organization, source, known, position, service.vault, generation, reason
    ), now


async def _source(connection: Connection, actor: Actor, key: str) -> Source:
    stored = await store.find(connection, actor.organization, "source", key)
    if stored is None or stored.archived or not isinstance(stored.value, Source):
        known = await store.load(connection, actor.organization, ("source",))
        raise NotFoundError(missing(known, "source", key))
    if stored.value.connector == "api":
        raise ConflictError(
            f"The source '{key}' has no deliveries: its events come with an API key."
        )
    return stored.value


async def _again(
    work: Work, found: Sequence[StoredDelivery], read_event: Reader, now: datetime
) -> Replayed:
    """These deliveries say what they say under the present mapping, and nothing else of them stands.

    Where they said anything else before, the source's changes begin a new generation.
    """
    read, kept = mapping_of(work.source), {one.uid: one for one in found}
    accounts = await journal.accounts(work.connection, work.organization, work.source.key)
    said = await _said(
        work, [one for one in found if one.body is not None], accounts, read_event, now
    )
    bare = await changes.changes_told_by(work.connection, work.told, kept.keys() - said.keys())
    before = await changes.changes_told_by(work.connection, work.told, said.keys())
    fresh: dict[str, Change] = {}
    for change in (change for one in said.values() for change in one.changes):
        fresh.setdefault(change.key, change)
    told = work.told
    if any(fresh.get(change.key) != change for change in before):
        work = dataclasses.replace(work, generation=work.generation + 1)
    told_now = [(uid, one.changes) for uid, one in said.items()]
    keys = await changes.add_changes(work.connection, work.told, work.position.seq, told_now)
    new = {uid: len(some) for uid, some in zip(said, keys, strict=True)}
    if work.told != told:
        await changes.carry_over(work.connection, told, said.keys())
        await sources.begin_generation(
            work.connection, work.organization, work.source.key, work.generation
        )
    touched = {change.entity for change in (*bare, *before, *fresh.values())}
    ((recorded, retracted),) = await settle(work, [Telling(touched, work.reason)], read, now)
    states: Counter[str] = Counter()
    for uid, one in said.items():
        # Only a delivery that recorded its events may correct them: what another one told stands.
        done = await record_events(
            work, one, now, kept[uid].received_at if kept[uid].recorded else None
        )
        recorded, retracted = recorded + done.recorded, retracted + done.retracted
        states[done.state] += 1
        # What its events came to is told of all deliveries together: a deal's changes come from several.
        told_first = new[uid] + (kept[uid].changes if work.told == told else 0)
        counts = kept[uid].recorded + done.recorded, kept[uid].retracted + done.retracted
        alone = Done(done.state, told_first, *counts, done.problems)
        after = outcome(kept[uid], done.state, one.unreadable, alone)
        await deliveries.update_outcome(work.connection, work.organization, after)
        await messages.note(work, [after])
    return Replayed(states, len(kept) - len(said), recorded, retracted, None)


async def _said(
    work: Work,
    found: Sequence[StoredDelivery],
    accounts: Sequence[tuple[datetime, str | None]],
    read_event: Reader,
    now: datetime,
) -> dict[UUID, Said]:
    """What deliveries say now, but of what was erased, by uid."""
    read = mapping_of(work.source)
    said = []
    for kept in found:
        under = [
            dataclasses.replace(work.source, account=one)
            for one in _under(work.source, kept, accounts)
        ]
        readings = [interpret(source, read, kept, "POST", read_event, now) for source in under]
        said.append(min(readings, key=lambda one: (one.unreadable is not None, len(one.problems))))
    said = await sparing(work, await messages.checked(work, list(zip(found, said, strict=True))))
    return {kept.uid: one for kept, one in zip(found, said, strict=True)}


def _under(
    source: Source, kept: StoredDelivery, accounts: Sequence[tuple[datetime, str | None]]
) -> Sequence[str | None]:
    """The accounts under which a delivery may be read again, each once.

    Whose a delivery is was asked when it came in: one that was taken is so under any account that the source has had
    since; one that failed is read under the present account alone.
    """
    if kept.state == "failed":
        return [source.account]
    before = [account for at, account in accounts if at <= kept.received_at]
    since = [account for at, account in accounts if at > kept.received_at]
    return list(dict.fromkeys([*before[-1:], *since, source.account]))


async def take_records(
    service: Service, actor: Actor, key: str, body: bytes, read_event: Reader
) -> Imported:
    """Deals that existed before connecting are in the source's fold; kept like a delivery, unless it says nothing new.

    Raises: NotFoundError, ConflictError, MalformedError, InvalidError.
    """
    require_configuration(actor, "admin")
    async with service.database.writing() as connection:
        work, now = await _begin(service, connection, actor, key, "import")
        read = mapping_of(work.source)
        if not read.properties():
            raise ConflictError(f"The source '{key}' takes events as they are, and no deals.")
        delivery = Delivery("POST", "", {"content-type": "application/json"}, body)
        kept = record_of(ids.uuid7(now), key, delivery, now, "records")
        said = interpret(work.source, read, kept, "POST", read_event, now)
        if said.unreadable is not None:
            raise MalformedError(said.unreadable)
        deals = sum(change.entity.startswith(DEAL) for change in said.changes)
        if deals + len(said.problems) + said.ignored > RECORDS:
            raise InvalidError(
                f"There are more than {RECORDS} records: send them in several requests."
            )
        (done,) = await perform(work, [(kept, said)], read, now)
        kept = outcome(kept, done.state, None, done)
        if done.changes or said.problems:
            await deliveries.add(connection, work.organization, kept)
        else:
            await connection.rollback()
    return _imported(work.source, read, said, kept)


def _imported(source: Source, read: DealMapping, said: Said, kept: StoredDelivery) -> Imported:
    gathered = gathered_of(said.changes)
    unmapped: dict[tuple[str, str], list[str]] = {}
    without_amount: list[str] = []
    for entity in sorted(gathered.changes):
        folded, id_ = fold(entity, gathered, read, source.team or ""), entity.partition(":")[2]
        for pair in folded.unmapped:
            unmapped.setdefault(pair, []).append(id_)
        without_amount += [id_] if folded.unknown_amount else []
    ordered = sorted(unmapped.items(), key=lambda one: (-len(one[1]), one[0]))
    return Imported(kept, sorted(read.properties()), ordered, without_amount)


async def preview(  # a sample is all of these
    service: Service,
    actor: Actor,
    key: str,
    sample: Delivery,
    own: Mapping[str, object] | None,
    read_event: Reader,
) -> Previewed:
    """What a sample would make of an empty source, under the source's mapping or under one that is tried out.

    Nothing is stored. Raises: NotFoundError, ConflictError, InvalidError.
    """
    actor.require("read")
    now = service.clock()
    async with service.database.reading() as connection:
        source = await _source(connection, actor, key)
    if own is not None:
        source = dataclasses.replace(source, mapping=own)
    read = mapping_of(source)
    said = interpret(
        source, read, record_of(ids.uuid7(now), key, sample, now), sample.method, read_event, now
    )
    gathered = gathered_of(said.changes)
    found = [fold(entity, gathered, read, source.team or "") for entity in sorted(gathered.changes)]
    events = [event for folded in found for event in folded.events]
    unmapped = sorted({pair for folded in found for pair in folded.unmapped})
    return Previewed(said, events, [event for _, event in said.events], unmapped)
