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
    """An event as someone sends it. Shape: `connectors` are those whose sources take such events."""

    actor: Actor
    event: Event
    connectors: Collection[str] = ("api",)

    @property
    def key(self) -> EventKey:
        """What names the event, for good."""
        return self.event.source, self.event.id


class SubmissionResult(NamedTuple):
    """What became of one event. Shape: `status` is recorded, duplicate, conflict, invalid or forbidden.

    None but for one that was recorded now: `fresh`, what was recorded and when.
    """

    status: str
    uid: UUID | None = None
    problem: SightlineError | None = None
    newly_recorded: tuple[MatchedEvent, datetime] | None = None
