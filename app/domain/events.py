"""Outcome events: append-only facts with two clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from json import JSONEncoder
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from app.domain.fixed import ONE

KINDS: Final = ("outcome", "activity")
FUTURE_HOURS: Final = 24
# json.dumps makes an encoder for every call that has options: this is the hot path.
_ENCODER: Final = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
# What the rules that read an erased event's content made of it while it had one: a state and a value, or no match.
Remembered: TypeAlias = Mapping[str, tuple[str, int] | None]


@dataclass(frozen=True, slots=True)
class Event:
    """A fact as its sender told it.

    Units: `value`, `effort` and the offerings' values in ten-thousandths.
    Shape: `time` in UTC; `offerings` are (offering, value) pairs; `data` holds JSON values.
    None when it has its content, and was not erased: `erased`.
    """

    id: str
    source: str
    type: str
    time: datetime
    team: str
    kind: str = "outcome"
    value: int | None = None
    unit: str | None = None
    effort: int | None = None
    subject: str | None = None
    objective: str | None = None
    offerings: tuple[tuple[str, int], ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)
    erased: Remembered | None = field(default=None, compare=False)

    @property
    def weight(self) -> int:
        """What the event weighs as attention. Units: ten-thousandths."""
        return ONE if self.effort is None else self.effort


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted names, no spaces."""
    return _ENCODER.encode(value)


def fingerprint(event: Event) -> str:
    """A digest of everything the sender said but the event's name; equal content, equal digest.

    Shape: 32 hex digits.
    """
    content = [
        event.type,
        event.time.astimezone(UTC).isoformat(),
        event.team,
        event.kind,
        event.value,
        event.unit,
        event.effort,
        event.subject,
        event.objective,
        event.offerings,
        event.data,
    ]
    return sha256(canonical(content).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def day_of(instant: datetime, time_zone: str) -> date:
    """The organization's day in which `instant` falls."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
