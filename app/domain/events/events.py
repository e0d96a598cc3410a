"""Outcome events: append-only facts with two clocks."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from hashlib import sha256
from json import JSONEncoder
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Raw
from msgspec.json import Encoder

from app.domain.primitives.decimals import FIXED_SCALE

EVENT_KINDS: Final = ("outcome", "activity")
MAX_FUTURE_HOURS: Final = 24
# json.dumps makes an encoder for every call that has options: this is the hot path.
_ENCODER: Final = JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
# Ten times as fast, and writes the same text of everything but numbers with a point or an exponent.
_FAST_ENCODER: Final = Encoder(order="sorted")
_FAST_TYPES: Final = frozenset({str, int, bool, type(None)})
# What the rules that read an erased event's content made of it while it had one: a state and a value, or no match.
ErasedMatches: TypeAlias = Mapping[str, tuple[str, int] | None]


_EMPTY_DATA: Final[Mapping[str, object]] = {}


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
    data: Mapping[str, object] = _EMPTY_DATA
    erased: ErasedMatches | None = None

    @property
    def weight(self) -> int:
        """What the event weighs as attention. Units: ten-thousandths."""
        return FIXED_SCALE if self.effort is None else self.effort


def to_canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted names, no spaces."""
    if type(value) is not dict or not _FAST_TYPES.issuperset(map(type, value.values())):
        return _ENCODER.encode(value)
    try:
        return _FAST_ENCODER.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return _ENCODER.encode(value)


def fingerprint(event: Event, data: str | None = None) -> str:
    """A digest of everything the sender said but the event's name; equal content, equal digest.

    Shape: 32 hex digits. None when it is not at hand: `data`, the canonical text of the event's data.
    """
    canonical_data = (
        data if data is not None else to_canonical_json(event.data) if event.data else "{}"
    )
    time = event.time if event.time.tzinfo is UTC else event.time.astimezone(UTC)
    encoded_time = Raw(
        _FAST_ENCODER.encode(time)[:-2] + b'+00:00"'
    )  # for Z": as isoformat has it, which takes five times as long
    content = (
        *(
            event.type,
            encoded_time,
            event.team,
            event.kind,
            event.value,
            event.unit,
            event.effort,
            event.subject,
        ),
        *(event.objective, event.offerings, Raw(canonical_data.encode("utf-8", "surrogatepass"))),
    )
    return sha256(_FAST_ENCODER.encode(content)).hexdigest()[:32]


def to_local_day(instant: datetime, time_zone: str) -> date:
    """The organization's day in which `instant` falls."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
