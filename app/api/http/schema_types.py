"""The scalars of the wire: each has one schema wherever it stands, and refuses what a database would choke on."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, StrictBool, WithJsonSchema

from app.domain.primitives import decimals as fixed

KEY_PATTERN: Final = r"^[a-z0-9]+(-[a-z0-9]+)*$"
TEXT_PATTERN: Final = r"^[^\x00]*$"
TYPE_PATTERN: Final = r"^[A-Za-z0-9._-]+$"
UID_PATTERN: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
DAY_PATTERN: Final = r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
INSTANT_PATTERN: Final = (
    r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_DAY: Final = re.compile(DAY_PATTERN.rstrip("$") + r"\Z")
_INSTANT: Final = re.compile(INSTANT_PATTERN.rstrip("$") + r"\Z")
YEARS: Final = range(1900, 3000)
LARGEST: Final = 1_000_000_000_000


def _day(value: object) -> date:
    """The date of an ISO day. Raises: ValueError."""
    if type(value) is date:
        return value
    if not isinstance(value, str) or not _DAY.match(value):
        raise ValueError("must be a day such as 2026-10-01, from 1900 to 2999")
    return date.fromisoformat(value)


def instant(value: object) -> datetime:
    """The UTC instant of an RFC 3339 text. Raises: ValueError."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _INSTANT.match(value):
        raise ValueError(
            "must be an RFC 3339 instant with an offset, such as 2026-10-02T12:00:00Z, from 1900 to 2999"
        )
    found = datetime.fromisoformat(value if value.isupper() else value.upper())
    if found.tzinfo is UTC:
        return found
    found = found.astimezone(UTC)
    if found.year not in YEARS:
        raise ValueError("must be from 1900 to 2999 in UTC")
    return found


def _day_or_instant(value: object) -> date:
    """The date of an ISO day, else the UTC instant of an RFC 3339 text. Raises: ValueError."""
    return (
        _day(value)
        if isinstance(value, str) and len(value) <= len("2026-10-01")
        else instant(value)
    )


def to_fixed(value: object) -> int:
    """The ten-thousandths of a JSON number. Raises: ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise ValueError("must be a number")  # noqa: TRY004  # what Pydantic listens to
    return fixed.parse(value)


def _at_least(value: object, low: int, said: str) -> int:
    number = to_fixed(value)
    if number < low:
        raise ValueError(said)
    return number


def not_negative(value: object) -> int:
    """The ten-thousandths of a JSON number that is not negative. Raises: ValueError."""
    return _at_least(value, 0, "must not be negative")


def _positive(value: object) -> int:
    return _at_least(value, 1, "must be more than 0")


def _fraction(value: object) -> int:
    number = _at_least(value, 0, "must be from 0 to 1")
    if number > fixed.ONE:
        raise ValueError("must be from 0 to 1")
    return number


def _integral(value: object) -> object:
    """5.0 is an integer in JSON Schema, whatever the parser made of it."""
    if isinstance(value, Decimal) and abs(value) < LARGEST and value == value.to_integral_value():
        return int(value)
    return value


def _number(low: float) -> dict[str, Any]:  # Any: a JSON schema
    return {"type": "number", "format": "double", "minimum": low, "maximum": LARGEST}


def text(
    most: int, least: int = 0, pattern: str = TEXT_PATTERN
) -> Any:  # Any: what stands in an Annotated
    """The constraints of a text of so many characters."""
    return Field(strict=True, min_length=least, max_length=most, pattern=pattern)


def integer(low: int, high: int) -> Any:  # Any: what stands in an Annotated
    """The constraints of an integer in a body, named int32 or int64 by its bounds."""
    size = "int32" if low >= -(2**31) and high < 2**31 else "int64"
    return Field(strict=True, ge=low, le=high, json_schema_extra={"format": size})


Key = Annotated[str, text(64, 1, KEY_PATTERN)]
EventType = Annotated[str, text(100, 1, TYPE_PATTERN)]
EventId = Annotated[str, text(200, 1)]
Uid = Annotated[str, text(36, 36, UID_PATTERN)]
Name = Annotated[str, text(200, 1)]
Note = Annotated[str, text(2_000)]
Narrative = Annotated[str, text(20_000)]
Unit = Annotated[str, text(32, 1)]
Subject = Annotated[str, text(200, 1)]
Path = Annotated[str, text(300, 1)]
Address = Annotated[str, text(2_000)]
Sentence = Annotated[str, text(4_000)]
Secret = Annotated[str, text(500, 1)]
Cursor = Annotated[str, text(1_000, 1, r"^[A-Za-z0-9_-]+$")]

_DAY_SCHEMA: Final = {"type": "string", "format": "date", "maxLength": 10, "pattern": DAY_PATTERN}
_INSTANT_SCHEMA: Final = {
    "type": "string",
    "format": "date-time",
    "maxLength": 40,
    "pattern": INSTANT_PATTERN,
}
Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema(_DAY_SCHEMA),
]
Instant = Annotated[
    datetime,
    BeforeValidator(instant),
    WithJsonSchema(_INSTANT_SCHEMA),
]
DayOrInstant = Annotated[
    date,  # a datetime is one
    PlainValidator(_day_or_instant),
    WithJsonSchema({"anyOf": [_DAY_SCHEMA, _INSTANT_SCHEMA]}),
]

# What comes in is fixed-point from its validator on; what goes out was made by `fixed.number`.
Number = Annotated[int, BeforeValidator(to_fixed), WithJsonSchema(_number(-LARGEST))]
NotNegative = Annotated[int, BeforeValidator(not_negative), WithJsonSchema(_number(0))]
Positive = Annotated[int, BeforeValidator(_positive), WithJsonSchema(_number(0.0001))]
Share = Annotated[int, BeforeValidator(_fraction), WithJsonSchema({**_number(0), "maximum": 1})]
ShownNumber = Annotated[int | float, WithJsonSchema(_number(-LARGEST))]
Fraction = Annotated[
    float, WithJsonSchema({"type": "number", "format": "double", "minimum": 0, "maximum": 1})
]
# Differences and points lie between -1 and 1, and rounding may carry a sum of them a little over.
Figure = Annotated[float, WithJsonSchema({"type": "number", "format": "double"})]

# Not beyond what a double carries exactly, for there are clients that read nothing else.
Count = Annotated[int, integer(0, 2**53 - 1), BeforeValidator(_integral)]
Small = Annotated[int, integer(0, 2**31 - 1), BeforeValidator(_integral)]
Days = Annotated[int, integer(1, 3_650), BeforeValidator(_integral)]
AtLeastOne = Annotated[int, integer(1, 1_000_000), BeforeValidator(_integral)]

Yes = StrictBool

Scope = Literal["read", "events:write", "playbook:write", "admin"]


def unset(**more: Any) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A member of a merge patch that may be absent; unless its type says so, it may not be null."""
    return Field(default_factory=lambda: None, **more)


def default(
    value: object, shown: object
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A member with a default that the document shows as it stands on the wire."""
    return Field(default=value, json_schema_extra={"default": shown})  # type: ignore[dict-item]  # a JSON value


def plain(value: object) -> Any:  # Any: a JSON value
    """A JSON value with Decimals made int or float: what metrics compare and the database keeps. Raises: ValueError."""
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) <= 2**53:
            return int(value)
        found = float(value)
        if found in (float("inf"), float("-inf")):
            raise ValueError("holds a number beyond what a double carries")
        return found
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    return value


FREE: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": True,
    "maxProperties": 1_000,
}
# Any JSON object: its own rules are checked by the domain.
FreeObject = Annotated[dict[str, Any], BeforeValidator(plain), WithJsonSchema(FREE)]
