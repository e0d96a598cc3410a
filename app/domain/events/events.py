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
# json.dumps makes an encoder for every call with options, too slow for the ingest path.
_ENCODER: Final = JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
# Ten times as fast, with the same text except for numbers with a point or an exponent.
_FAST_ENCODER: Final = Encoder(order="sorted")
_FAST_TYPES: Final = frozenset({str, int, bool, type(None)})
# The matches that an erased event had, by rule id: a state and a value, or None for no match.
ErasedMatches: TypeAlias = Mapping[str, tuple[str, int] | None]
_EMPTY_DATA: Final[Mapping[str, object]] = {}


class Event(NamedTuple):
    """A fact as its sender reported it.

    A tuple, because one is made for every incoming event and a frozen dataclass takes six times as
    long to make.
    """

    id: str
    source: str
    type: str
    # In UTC.
    time: datetime
    team: str
    kind: str = "outcome"
    # `value`, `effort` and the values of `offerings` are ten-thousandths.
    value: int | None = None
    unit: str | None = None
    effort: int | None = None
    subject: str | None = None
    objective: str | None = None
    # (offering, value) pairs.
    offerings: tuple[tuple[str, int], ...] = ()
    # JSON values.
    data: Mapping[str, object] = _EMPTY_DATA
    # The remembered matches of an erased event; None for an event with its content.
    erased: ErasedMatches | None = None

    @property
    def weight(self) -> int:
        """The effort of the event in ten-thousandths, 1 by default."""
        return FIXED_SCALE if self.effort is None else self.effort


def to_canonical_json(value: object) -> str:
    """Return the canonical JSON of a value: sorted names, no spaces."""
    if type(value) is not dict or not _FAST_TYPES.issuperset(map(type, value.values())):
        return _ENCODER.encode(value)
    try:
        return _FAST_ENCODER.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return _ENCODER.encode(value)


def fingerprint(event: Event, data: str | None = None) -> str:
    """Return a digest of the content of an event, without source and id: 32 hex digits.

    Pass `data`, the canonical JSON of the event's data, if it is at hand.
    """
    canonical_data = (
        data if data is not None else to_canonical_json(event.data) if event.data else "{}"
    )
    time = event.time if event.time.tzinfo is UTC else event.time.astimezone(UTC)
    # The encoder ends with Z; isoformat writes +00:00 and takes five times as long.
    encoded_time = Raw(_FAST_ENCODER.encode(time)[:-2] + b'+00:00"')
    content = (
        event.type,
        encoded_time,
        event.team,
        event.kind,
        event.value,
        event.unit,
        event.effort,
        event.subject,
        event.objective,
        event.offerings,
        Raw(canonical_data.encode("utf-8", "surrogatepass")),
    )
    return sha256(_FAST_ENCODER.encode(content)).hexdigest()[:32]


def to_local_day(instant: datetime, time_zone: str) -> date:
    """Return the day of an instant in the organization's time zone."""
    return instant.astimezone(ZoneInfo(time_zone)).date()
