"""What can be said of an event that is sent, before the recorded ones are asked."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.access import Actor
from app.domain.configuration import Configuration, missing
from app.domain.errors import (
    EventConflictError,
    Fault,
    ForbiddenError,
    InvalidError,
    SightlineError,
    SourceIsConnectedError,
)
from app.domain.events import FUTURE_HOURS, Event, fingerprint
from app.store.rollups import Prepared

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as someone sends it. Shape: `connectors` are those whose sources take such events."""

    actor: Actor
    event: Event
    connectors: Collection[str] = ("api",)

    @property
    def name(self) -> Name:
        """What names the event, for good."""
        return self.event.source, self.event.id


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one event. Shape: `status` is recorded, duplicate, conflict, invalid or forbidden.

    None but for one that was recorded now: `fresh`, what was recorded and when.
    """

    status: str
    uid: UUID | None = None
    problem: SightlineError | None = None
    fresh: tuple[Prepared, datetime] | None = None


def judge(known: Configuration, found: Sequence[Entry], now: datetime) -> tuple[list[Item], Mapping[Name, str]]:
    """What can be said of each event without asking for the recorded ones; and the fingerprints of the valid ones.

    A repetition in the batch is told apart here.
    """
    seen: dict[Name, str] = {}
    items: list[Item] = []
    for entry in found:
        problem = refusal(known, entry, now)
        name, content = entry.name, "" if problem else fingerprint(entry.event)
        if problem is not None:
            items.append(Item("forbidden" if isinstance(problem, ForbiddenError) else "invalid", None, problem))
        elif name not in seen:
            seen[name] = content
            items.append(Item("recorded"))
        elif seen[name] == content:
            items.append(Item("duplicate"))
        else:
            items.append(Item("conflict", None, conflict(entry.event)))
    return items, seen


def refusal(known: Configuration, entry: Entry, now: datetime) -> SightlineError | None:
    """Why the event cannot be taken. None when it can."""
    actor, event = entry.actor, entry.event
    if actor.team is not None and event.team != actor.team:
        return ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and event.source != actor.source:
        return ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    faults = list(_unknown(known, event))
    if event.time > now + timedelta(hours=FUTURE_HOURS):
        faults.append(Fault("/time", f"Must be at most {FUTURE_HOURS} hours ahead of now."))
    if faults:
        return InvalidError(faults[0].detail, faults)
    source = known.sources[event.source]
    if source.connector not in entry.connectors:
        return SourceIsConnectedError(
            f"The source '{event.source}' takes its events from its {source.connector} hook only."
        )
    return None


def _unknown(known: Configuration, event: Event) -> Iterable[Fault]:
    named = (("team", event.team), ("source", event.source), ("objective", event.objective))
    for kind, key in named:
        if key is not None and key not in known.of(kind):
            yield Fault(f"/{kind}", missing(known, kind, key))


def conflict(event: Event, *, retracted: bool = False) -> EventConflictError:
    """The refusal of an event whose name stands for other content."""
    what = f"The event '{event.id}' of '{event.source}' was recorded with other content"
    if retracted:
        return EventConflictError(f"{what} and retracted: a correction is a new event with a new id.")
    return EventConflictError(f"{what}, which stands; to correct it, retract it and record a new id.")
