"""An event ready to be recorded: its id, its day, and the metrics that it matched."""

from typing import NamedTuple
from uuid import UUID

from app.domain.events.events import Event
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
