"""From what a CRM said to the events that it should have: fold, compare, record and retract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from app.domain import activities, deals
from app.domain.changes import Change
from app.domain.configuration import Configuration
from app.domain.desired import DesiredEvent, Folded, Plan, diff
from app.domain.errors import ConflictError, Fault, InvalidError, unknown
from app.domain.events import FUTURE_HOURS, Event, fingerprint
from app.domain.mapping import DealMapping
from app.domain.sources import Source
from app.flows.events import Catalogue
from app.store import deliveries, events, ingest, retract, sources, types
from app.store.cursor import Position
from app.store.database import Connection

DEAL = "deal:"


@dataclass(frozen=True, slots=True)
class Work:
    """The transaction in which a delivery is worked on; the cursor's row is locked."""

    connection: Connection
    organization: UUID
    source: Source
    known: Catalogue
    position: Position
    delivery: UUID


async def settle(work: Work, fresh: Sequence[Change], read: DealMapping, now: datetime) -> tuple[int, int]:
    """The events of every entity that these changes touch are those that it should have; how many came and went."""
    if not fresh:
        return 0, 0
    touched = {change.entity for change in fresh}
    own = (work.connection, work.organization, work.source.key)
    touched |= await deliveries.linked(*own, {entity for entity in touched if entity.startswith(DEAL)})
    changes = await deliveries.changes_of(*own, touched)
    parents = {entity: activities.deal_of(changes[entity]) for entity in touched if not entity.startswith(DEAL)}
    missing = {deal for deal in parents.values() if deal is not None} - changes.keys()
    changes |= await deliveries.changes_of(*own, missing)
    slots, uids = await deliveries.slots_of(*own, touched)
    teams = work.known.configuration.teams.keys()
    default = work.source.team or ""
    record: dict[str, DesiredEvent] = {}
    gone: dict[UUID, str] = {}
    strange: dict[str, Sequence[tuple[str, str]]] = {}
    for entity in sorted(touched):
        folded = _fold(entity, changes, parents, read, default)
        plan: Plan = diff(folded.events, slots[entity], teams, default)
        strange[entity] = folded.unmapped
        record |= dict(plan.to_record)
        gone |= {uids[name]: f"delivery {work.delivery}" for name in plan.to_retract}
    await sources.note_unmapped(*own, strange)
    known = work.known
    retracted = await retract.retract(
        work.connection, work.organization, gone, work.position, _actor(work), known.matcher, known.time_zone
    )
    new = [_event(work.source.key, name, desired) for name, desired in record.items()]
    await _insert(work, new, now)
    return len(new), retracted


def _actor(work: Work) -> str:
    return f"source {work.source.key}"


def _fold(
    entity: str,
    changes: Mapping[str, Sequence[Change]],
    parents: Mapping[str, str | None],
    read: DealMapping,
    default: str,
) -> Folded:
    if entity.startswith(DEAL):
        return deals.fold(changes[entity], read, default)
    deal = parents[entity]
    return activities.fold(changes[entity], deal, changes[deal] if deal is not None else (), read, default)


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
    return replace(event, team=source.team)


async def standing(work: Work, placed: Sequence[tuple[int, Event]]) -> frozenset[int]:
    """The places of events that are recorded as they are told, or as they were rerouted to the default team then.

    Such a one changes nothing, whatever has been archived since.
    """
    names = sorted({(event.source, event.id) for _, event in placed})
    kept = await events.find_named(work.connection, work.organization, names)
    found = set()
    for index, event in placed:
        there = kept.get((event.source, event.id))
        rerouted = event if work.source.team is None else replace(event, team=work.source.team)
        if there is not None and there.fingerprint in (fingerprint(event), fingerprint(rerouted)):
            found.add(index)
    return frozenset(found)


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
    names = [(event.source, event.id) for event in found]
    kept = await events.find_named(work.connection, work.organization, sorted(set(names)))
    problems: list[Mapping[str, object]] = []
    for index, event in placed:
        if kept[event.source, event.id].fingerprint != fingerprint(event):
            error = ConflictError(f"The event '{event.id}' was recorded with other content, which stands.")
            problems.append({"index": index, "problem": error.detail})
    return len(uids), problems
