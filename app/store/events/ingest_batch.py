"""A batch of matched events, and the outcome of recording it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.events.matched_event import MatchedEvent


@dataclass(frozen=True, slots=True)
class IngestBatch:
    """Events of one organization that are recorded at one instant."""

    organization_id: UUID
    matched_events: Sequence[MatchedEvent]
    now: datetime
    # The day of `now` in the organization's time zone, in days since 1970.
    recorded_day: int
    # The version of the configuration that the events were matched with: `cursor.catalogue`.
    configuration_version: int


@dataclass(frozen=True, slots=True)
class IngestOutcome:
    """The new version of the organization, and the events that were new."""

    # `cursor.seq`. None when the configuration had changed: then nothing was recorded.
    seq: int | None
    # The events that had not been recorded before.
    uids: frozenset[UUID]
    recorded_at: datetime
