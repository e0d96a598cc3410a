"""An event ready to be recorded: its id, its day, and the metrics that it matched."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from app.domain.events.events import Event, to_canonical_json
from app.domain.events.metrics import Match


class MatchedEvent(NamedTuple):
    """An event ready to be recorded: its id, its day, and what it matched.

    Units: `day` in days since 1970. Shape: `fingerprint` is empty for one that is recorded already.
    None when there is none, or it is recorded already: `data`, the canonical text of the event's.
    """

    event: Event
    uid: UUID
    time_us: int
    day: int
    matching: str
    matches: tuple[Match, ...]
    fingerprint: str = ""
    data: str | None = None


def to_match_set_json(matches: Sequence[Match]) -> str:
    """Return the content of a match set: the canonical JSON of its [metric, label] pairs."""
    return to_canonical_json([[match.metric, match.label] for match in matches])


def to_matching_id(matches: Sequence[Match]) -> str:
    """Return the id of a match set: a hash of its content, empty for the empty set."""
    return sha256(to_match_set_json(matches).encode()).hexdigest()[:32] if matches else ""
