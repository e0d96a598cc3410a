"""Events of a delivery: those that it holds are compared with what stands, recorded and retracted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.events.events import FUTURE_HOURS, Event, fingerprint
from app.domain.playbook.configuration import Configuration
from app.domain.primitives.errors import ConflictError, Fault, InvalidError, unknown
from app.domain.sources.sources import Source
from app.security.vault import Vault
from app.services.events.duplicates import repeats
from app.services.runtime.matcher_cache import Catalogue
from app.store.access.organization_version import Position
from app.store.events import event_revisions as versions
from app.store.events import ingest
from app.store.events import metric_restatement as restatements
from app.store.events import retraction as retract
from app.store.events.event_revisions import Version
from app.store.sources.changes import Told
from app.store.sql import column_types as types
from app.store.sql.database import Connection


@dataclass(frozen=True, slots=True)
class Work:
    """The transaction in which deliveries of a source are worked on; the cursor's row is locked."""

    connection: Connection
    organization: UUID
    source: Source
    known: Catalogue
    position: Position
    vault: Vault
    generation: int = 1
    reason: str = ""

    @property
    def told(self) -> Told:
        """The source's changes that are in force."""
        return Told(self.organization, self.source.key, self.generation)


async def withdraw(work: Work, reasons: Mapping[UUID, str]) -> None:
    """These events do not stand any more."""
    own, known = (work.connection, work.organization), work.known
    actor = f"source {work.source.key}"
    await retract.retract(*own, reasons, work.position, actor, known.matcher, known.time_zone)


async def insert(
    work: Work, found: Sequence[Event], now: datetime
) -> tuple[Mapping[str, UUID], int]:
    """The events are recorded; returns the uids of those that are new, by id, and the version they came with."""
    if not found:
        return {}, work.position.seq
    prepared = ingest.prepare(found, work.known.matcher, now, work.known.time_zone)
    day = types.day_number(work.position.day)
    recorded = await ingest.record(
        work.connection, work.organization, prepared, now, day, work.known.version
    )
    if work.known.restating:
        await restatements.spoil(work.connection, work.organization, [p.day for p in prepared])
    new = {p.event.id: p.uid for p in prepared if p.uid in recorded.uids}
    return new, work.position.seq if recorded.seq is None else recorded.seq


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
        if there is not None and any(
            repeats(work.vault, there.newest, one) for one in (event, rerouted)
        ):
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
        if (
            there is None
            or there.newest.retracted_at is not None
            or there.first.recorded_at < since
        ):
            continue
        if there.newest.event.erased is not None:
            continue
        name = there.free
        if len(name) > versions.LETTERS or (
            name in new and fingerprint(new[name]) != fingerprint(event)
        ):
            continue
        places.add(index)
        new.setdefault(name, event._replace(id=name))
        gone[there.newest.uid] = work.reason
    await withdraw(work, gone)
    await insert(work, list(new.values()), now)
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
    new, _ = await insert(work, list(first.values()), now)
    kept = await _versions(work, placed)
    problems: list[Mapping[str, object]] = []
    for index, event in placed:
        if not repeats(work.vault, kept[event.id].newest, event):
            error = ConflictError(
                f"The event '{event.id}' was recorded with other content, which stands."
            )
            problems.append({"index": index, "problem": error.detail})
    return len(new), problems
