"""Submitted events and what became of each."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.matched_event import MatchedEvent
from app.domain.primitives.errors import (
    SightlineError,
)

EventKey = tuple[str, str]


class EventSubmission(NamedTuple):
    """An event as somebody submits it."""

    actor: Actor
    event: Event
    # Only sources with one of these connectors accept the event.
    connectors: Collection[str] = ("api",)

    @property
    def key(self) -> EventKey:
        """The source and the id, which identify the event forever."""
        return self.event.source, self.event.id


class SubmissionResult(NamedTuple):
    """The outcome of one submitted event."""

    # "recorded", "duplicate", "conflict", "invalid" or "forbidden".
    status: str
    # The id of the recorded event, also for a duplicate or a conflict.
    uid: UUID | None = None
    problem: SightlineError | None = None
    # The event and when it was recorded. None unless this request recorded it.
    newly_recorded: tuple[MatchedEvent, datetime] | None = None
