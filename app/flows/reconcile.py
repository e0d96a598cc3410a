"""From what a CRM said to the events that it should have: fold, compare, record and retract."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain import activities, deals, line_items
from app.domain.changes import ERASED, Change
from app.domain.configuration import Configuration
from app.domain.desired import DesiredEvent, Folded, Plan, diff
from app.domain.errors import ConflictError, Fault, InvalidError, unknown
from app.domain.events import FUTURE_HOURS, Event, fingerprint
from app.domain.histories import History
from app.domain.links import Homes, associated
from app.domain.mapping import DealMapping
from app.domain.sources import Source
from app.flows.catalogue import Catalogue
from app.flows.repeats import repeats
from app.flows.vault import Vault
from app.store import deliveries, ingest, restatements, retract, sources, types, versions
from app.store.cursor import Position
from app.store.database import Connection
from app.store.deliveries import Told
from app.store.health import WITHOUT_AMOUNT
from app.store.versions import Version

DEAL = "deal:"
LINE_ITEM = f"{line_items.KIND}:"
MOVES = ("merged", "continued")


@dataclass(frozen=True, slots=True)
class Work:
    """The transaction in which a delivery is worked on; the cursor's row is locked."""

    connection: Connection
    organization: UUID
    source: Source
    known: Catalogue
    position: Position
    delivery: UUID
    vault: Vault
    generation: int = 1
    reason: str = ""

    @property
    def told(self) -> Told:
        """The source's changes that are in force."""
        return Told(self.organization, self.source.key, self.generation)


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that is known of some records. Shape: `changes` by entity, those of their deals and line items with them."""

    changes: Mapping[str, Sequence[Change]]
    homes: Homes
    items: Mapping[str, Sequence[History]]  # by deal, those that stand
    erased: frozenset[str] = frozenset()  # of these nothing is known any more


async def settle(work: Work, entities: Collection[str], read: DealMapping, now: datetime) -> tuple[int, int]:
    """The events of these records, and of what hangs on them, are those they should have; how many came and went."""
    if not entities:
        return 0, 0
    own = (work.connection, work.organization, work.source.key)
    touched, gathered = await _gather(work, set(entities))
    touched -= gathered.erased  # their events stand as they are: what they were made of is gone
    slots, uids = await deliveries.slots_of(*own, touched)
    teams = work.known.configuration.teams.keys()
    default = work.source.team or ""
    record: dict[str, DesiredEvent] = {}
    gone: dict[UUID, str] = {}
    strange: dict[str, Sequence[tuple[str, str]]] = {}
    for entity in sorted(touched):
        folded = fold(entity, gathered, read, default)
        plan: Plan = diff(folded.events, slots[entity], teams, default)
        strange[entity] = (*folded.unmapped, *((WITHOUT_AMOUNT,) if folded.unknown_amount else ()))
        record |= dict(plan.to_record)
        gone |= {uids[name]: work.reason or f"delivery {work.delivery}" for name in plan.to_retract}
    await sources.note_unmapped(*own, strange)
    known = work.known
    retracted = await retract.retract(
        work.connection, work.organization, gone, work.position, _actor(work), known.matcher, known.time_zone
    )
    new = [_event(work.source.key, name, desired) for name, desired in record.items()]
    await _insert(work, new, now)
    return len(new), retracted


async def _gather(work: Work, entities: set[str]) -> tuple[set[str], Gathered]:
    """Which records these concern, and all that is known of them.

    Deals that went into one another, and what hangs on a deal, concern one another; so do a line item and its deals.
    """
    changes: dict[str, Sequence[Change]] = {}
    touched, new = set(entities), set(entities)
    while new:
        found = await deliveries.changes_of(work.connection, work.told, new)
        changes |= found
        deals = {entity for entity in new if entity.startswith(DEAL)}
        reached = await deliveries.linked(work.connection, work.told, deals)
        reached |= {
            one.other
            for told in found.values()
            for one in told
            if one.other is not None and (one.verb in MOVES or one.entity.startswith(LINE_ITEM))
        }
        new = reached - changes.keys()
        touched |= reached
    missing = {one.other for told in changes.values() for one in told if one.other is not None} - changes.keys()
    while missing:  # the deals of an activity: their fields are read, their events stay as they are
        found = await deliveries.changes_of(work.connection, work.told, missing)
        changes |= found
        near = {one.other for told in found.values() for one in told if one.other is not None}
        near |= {each for each in await deliveries.linked(work.connection, work.told, missing) if each.startswith(DEAL)}
        missing = near - changes.keys()
    return touched, _gathered(changes)


def _actor(work: Work) -> str:
    return f"source {work.source.key}"


def gathered_of(changes: Iterable[Change]) -> Gathered:
    """These changes, as all that is known of their records and of those that they name."""
    found: dict[str, list[Change]] = {}
    for one in changes:
        found.setdefault(one.entity, []).append(one)
        if one.other is not None:
            found.setdefault(one.other, [])
    return _gathered(found)


def _gathered(changes: Mapping[str, Sequence[Change]]) -> Gathered:
    homes = Homes(one for told in changes.values() for one in told)
    items: dict[str, list[History]] = {}
    for entity in sorted(changes):
        if entity.startswith(LINE_ITEM):
            item = History(changes[entity])
            for deal in associated(item, homes) if item.alive else ():
                items.setdefault(deal, []).append(item)
    erased = frozenset(entity for entity, told in changes.items() if any(one.verb == ERASED for one in told))
    return Gathered(changes, homes, items, erased)


async def kin(work: Work, deal: str) -> set[str]:
    """The deal with those that went into one another with it, and what hangs on them and on no other deal."""
    touched, gathered = await _gather(work, {deal})
    home = gathered.homes.home(deal)
    return {one for one in touched - gathered.erased if _homes(one, gathered) == {home}}


def _homes(entity: str, gathered: Gathered) -> set[str]:
    if entity.startswith(DEAL):
        return {gathered.homes.home(entity)}
    return set(associated(History(gathered.changes[entity]), gathered.homes))


def fold(entity: str, gathered: Gathered, read: DealMapping, default: str) -> Folded:
    """The events that one record should have. None at all for a deal that lives in another now."""
    changes, homes = gathered.changes, gathered.homes

    def past(deal: str) -> list[Change]:
        return [one for each in sorted(homes.pasts(deal)) for one in changes.get(each, ())]

    if entity.startswith(LINE_ITEM):
        return line_items.fold(History(changes[entity]), read)
    if entity.startswith(DEAL):
        if homes.home(entity) != entity:
            return Folded()
        return deals.fold(past(entity), read, default, entity, gathered.items.get(entity, ()))
    if entity.partition(":")[0] not in activities.RULES:
        return Folded()
    deal = activities.deal_of(changes[entity], homes)
    if deal in gathered.erased:
        return Folded()
    return activities.fold(changes[entity], deal, past(deal) if deal is not None else (), read, default)


def _event(source: str, name: str, desired: DesiredEvent) -> Event:
    return Event(
        id=name,
        source=source,
        type=desired.type,
        time=desired.time,
        team=desired.team,
        kind=desired.kind,
        value=desired.value,
        unit=desired.unit,
        subject=desired.subject,
        offerings=desired.offerings,
        data=desired.data,
    )


async def _insert(work: Work, found: Sequence[Event], now: datetime) -> frozenset[UUID]:
    if not found:
        return frozenset()
    prepared = ingest.prepare(found, work.known.matcher, now, work.known.time_zone)
    day = types.day_number(work.position.day)
    recorded = await ingest.record(work.connection, work.organization, prepared, now, day, work.known.version)
    if work.known.restating:
        await restatements.spoil(work.connection, work.organization, [p.day for p in prepared])
    return recorded.uids


def acceptable(known: Configuration, source: Source, event: Event, now: datetime) -> Event:
    """The event as it can be recorded: one for an archived team goes to the default team. Raises: InvalidError."""
    if event.source != source.key:
        raise InvalidError(f"The event '{event.id}' names another source, '{event.source}'.")
    if event.time > now + timedelta(hours=FUTURE_HOURS):
        raise InvalidError(
            f"The event '{event.id}' lies more than {FUTURE_HOURS} hours ahead.",
            [Fault("/time", "Lies too far ahead.")],
        )
    if event.objective is not None and event.objective not in known.objectives:
        raise InvalidError(unknown("objective", event.objective, known.objectives))
    if event.team in known.teams:
        return event
    if source.team is None or event.team not in known.archived.get("team", {}):
        raise InvalidError(unknown("team", event.team, known.teams))
    return event._replace(team=source.team)


async def standing(work: Work, placed: Sequence[tuple[int, Event]]) -> tuple[frozenset[int], bool]:
    """The places of events that are recorded as they are told, or as they were rerouted to the default team then.

    Such a one changes nothing, whatever has been archived since. And whether any of all these events was erased.
    """
    kept = await _versions(work, placed)
    found = set()
    for index, event in placed:
        there = kept.get(event.id) if event.source == work.source.key else None
        rerouted = event if work.source.team is None else event._replace(team=work.source.team)
        if there is not None and any(repeats(work.vault, there.newest, one) for one in (event, rerouted)):
            found.add(index)
    return frozenset(found), any(one.newest.event.erased is not None for one in kept.values())


async def _versions(work: Work, placed: Sequence[tuple[int, Event]]) -> Mapping[str, Version]:
    names = {event.id for _, event in placed}
    return await versions.newest(work.connection, work.organization, work.source.key, names)


async def correct(
    work: Work, placed: Sequence[tuple[int, Event]], since: datetime, now: datetime
) -> tuple[frozenset[int], int]:
    """Own events that a delivery was the first to tell, and tells otherwise now, are retracted and recorded anew.

    Those stay as they are that were recorded before `since`, when it came: another delivery told them; and those that
    were retracted by hand. Returns the places of those that were corrected, and how many events that are.
    """
    kept = await _versions(work, placed)
    places: set[int] = set()
    new: dict[str, Event] = {}
    gone: dict[UUID, str] = {}
    for index, event in placed:
        there = kept.get(event.id)
        if there is None or there.newest.retracted_at is not None or there.first.recorded_at < since:
            continue
        if there.newest.event.erased is not None:
            continue
        name = there.free
        if len(name) > versions.LETTERS or (name in new and fingerprint(new[name]) != fingerprint(event)):
            continue
        places.add(index)
        new.setdefault(name, event._replace(id=name))
        gone[there.newest.uid] = work.reason
    known = work.known
    await retract.retract(
        work.connection, work.organization, gone, work.position, _actor(work), known.matcher, known.time_zone
    )
    await _insert(work, list(new.values()), now)
    return frozenset(places), len(new)


async def record(
    work: Work, placed: Sequence[tuple[int, Event]], now: datetime
) -> tuple[int, list[Mapping[str, object]]]:
    """Records our own events out of a delivery; how many were new, and the problems of those that conflict.

    Shape: each event with its place in the delivery.
    """
    found = [event for _, event in placed]
    if not found:
        return 0, []
    first: dict[str, Event] = {}
    for event in found:
        first.setdefault(event.id, event)
    uids = await _insert(work, list(first.values()), now)
    kept = await _versions(work, placed)
    problems: list[Mapping[str, object]] = []
    for index, event in placed:
        if not repeats(work.vault, kept[event.id].newest, event):
            error = ConflictError(f"The event '{event.id}' was recorded with other content, which stands.")
            problems.append({"index": index, "problem": error.detail})
    return len(uids), problems
