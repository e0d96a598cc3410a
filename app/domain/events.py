"""Outcome events: append-only facts with two clocks."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from json import JSONEncoder
from json.encoder import encode_basestring
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from app.domain.fixed import ONE

KINDS: Final = ("outcome", "activity")
FUTURE_HOURS: Final = 24
# json.dumps makes an encoder for every call that has options: this is the hot path.
_ENCODER: Final = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
# What the rules that read an erased event's content made of it while it had one: a state and a value, or no match.
Remembered: TypeAlias = Mapping[str, tuple[str, int] | None]


_NOTHING: Final[Mapping[str, object]] = {}


class Event(NamedTuple):
    """A fact as its sender told it.

    A tuple, for it is made for every event that comes in, and a frozen dataclass takes six times as long to make.
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
    data: Mapping[str, object] = _NOTHING
    erased: Remembered | None = None

    @property
    def weight(self) -> int:
        """What the event weighs as attention. Units: ten-thousandths."""
        return ONE if self.effort is None else self.effort


def canonical(value: object) -> str:
    """The one JSON text of a value: sorted names, no spaces."""
    return _ENCODER.encode(value)


def fingerprint(event: Event, data: str | None = None) -> str:
    """A digest of everything the sender said but the event's name; equal content, equal digest.

    Shape: 32 hex digits. None when it is not at hand: `data`, the canonical text of the event's data.
    """
    offerings = canonical(event.offerings) if event.offerings else "[]"
    known = data if data is not None else canonical(event.data) if event.data else "{}"
    # The JSON text of the list of these, put together by hand: this is done for every event that comes in.
    content = (
        f'[{encode_basestring(event.type)},"{event.time.astimezone(UTC).isoformat()}",{encode_basestring(event.team)},'
        f"{encode_basestring(event.kind)},{_whole(event.value)},{_text(event.unit)},{_whole(event.effort)},"
        f"{_text(event.subject)},{_text(event.objective)},{offerings},{known}]"
    )
    return sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _whole(value: int | None) -> str:
    return "null" if value is None else str(value)


def _text(value: str | None) -> str:
    return "null" if value is None else encode_basestring(value)


def day_of(instant: datetime, time_zone: str) -> date:
    """The organization's day in which `instant` falls."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
