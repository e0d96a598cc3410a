"""What can be said of an event that is sent, before the recorded ones are asked."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import FUTURE_HOURS, Event, fingerprint
from app.domain.playbook.configuration import Configuration, missing
from app.domain.primitives.errors import (
    EventConflictError,
    Fault,
    ForbiddenError,
    InvalidError,
    SightlineError,
    SourceIsConnectedError,
)
from app.store.events.rollups import Prepared

Name = tuple[str, str]


class Entry(NamedTuple):
    """An event as someone sends it. Shape: `connectors` are those whose sources take such events."""

    actor: Actor
    event: Event
    connectors: Collection[str] = ("api",)

    @property
    def name(self) -> Name:
        """What names the event, for good."""
        return self.event.source, self.event.id


class Item(NamedTuple):
    """What became of one event. Shape: `status` is recorded, duplicate, conflict, invalid or forbidden.

    None but for one that was recorded now: `fresh`, what was recorded and when.
    """

    status: str
    uid: UUID | None = None
    problem: SightlineError | None = None
    fresh: tuple[Prepared, datetime] | None = None


NEW: Final = Item("recorded")


def judge(
    known: Configuration,
    found: Sequence[Entry],
    now: datetime,
    seen: dict[Name, Event] | None = None,
) -> list[Item]:
    """What can be said of each event without asking for the recorded ones; a repetition in the batch is told here.

    None when it is the whole batch: `seen`, the valid ones of the parts before, which those of this one are added to.
    """
    seen = {} if seen is None else seen
    items: list[Item] = []
    latest = now + timedelta(hours=FUTURE_HOURS)
    for entry in found:
        event = entry.event
        problem = None if _plain(known, entry, latest) else refusal(known, entry, now)
        name = event.source, event.id
        if problem is not None:
            items.append(
                Item(
                    "forbidden" if isinstance(problem, ForbiddenError) else "invalid", None, problem
                )
            )
        elif name not in seen:
            seen[name] = event
            items.append(NEW)
        elif fingerprint(seen[name]) == fingerprint(event):
            items.append(Item("duplicate"))
        else:
            items.append(Item("conflict", None, conflict(event)))
    return items


def _plain(known: Configuration, entry: Entry, latest: datetime) -> bool:
    """Whether nothing about the event has to be looked at twice; most are such."""
    actor, event = entry.actor, entry.event
    source = known.sources.get(event.source)
    return (
        source is not None
        and source.connector in entry.connectors
        and event.team in known.teams
        and event.time <= latest
        and event.objective is None
        and actor.team is None
        and actor.source is None
    )


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
        return EventConflictError(
            f"{what} and retracted: a correction is a new event with a new id."
        )
    return EventConflictError(
        f"{what}, which stands; to correct it, retract it and record a new id."
    )
