"""Events with the metrics that they matched, before and after they are recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from app.domain.events.events import Event, to_canonical_json
from app.domain.events.metrics import Match


class MatchedEvent(NamedTuple):
    """An event with everything that is needed to record it."""

    event: Event
    uid: UUID
    time_us: int
    # Days since 1970, in the organization's time zone.
    day: int
    # The id of the match set.
    matching: str
    matches: tuple[Match, ...]
    # A hash of the content; empty for an event that was read from the database.
    fingerprint: str = ""
    # The canonical JSON of the event's data; None without data, and for an event that was read.
    data: str | None = None


def to_match_set_json(matches: Sequence[Match]) -> str:
    """Return the content of a match set: the canonical JSON of its [metric, label] pairs."""
    return to_canonical_json([[match.metric, match.label] for match in matches])


def to_matching_id(matches: Sequence[Match]) -> str:
    """Return the id of a match set: a hash of its content, empty for the empty set."""
    return sha256(to_match_set_json(matches).encode()).hexdigest()[:32] if matches else ""


@dataclass(frozen=True, slots=True)
class EventState:
    """A recorded event with its matches under the current metrics."""

    matched_event: MatchedEvent
    # Days since 1970; the event is not retracted if `retracted_day` is None.
    recorded_day: int
    retracted_day: int | None
    # The id of the match set that the event was recorded with.
    stored_matching: str
