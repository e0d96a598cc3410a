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
_DAY_REGEX: Final = re.compile(DAY_PATTERN.rstrip("$") + r"\Z")
_INSTANT_REGEX: Final = re.compile(INSTANT_PATTERN.rstrip("$") + r"\Z")
ALLOWED_YEARS: Final = range(1900, 3000)
MAX_NUMBER: Final = 1_000_000_000_000


def _to_day(raw: object) -> date:
    """The date of an ISO day. Raises: ValueError."""
    if type(raw) is date:
        return raw
    if not isinstance(raw, str) or not _DAY_REGEX.match(raw):
        raise ValueError("must be a day such as 2026-10-01, from 1900 to 2999")
    return date.fromisoformat(raw)


def to_instant(raw: object) -> datetime:
    """The UTC instant of an RFC 3339 text. Raises: ValueError."""
    if isinstance(raw, datetime):
        return raw
    if not isinstance(raw, str) or not _INSTANT_REGEX.match(raw):
        raise ValueError(
            "must be an RFC 3339 instant with an offset, such as 2026-10-02T12:00:00Z, from 1900 to 2999"
        )
    parsed = datetime.fromisoformat(raw if raw.isupper() else raw.upper())
    if parsed.tzinfo is UTC:
        return parsed
    parsed = parsed.astimezone(UTC)
    if parsed.year not in ALLOWED_YEARS:
        raise ValueError("must be from 1900 to 2999 in UTC")
    return parsed


def _to_day_or_instant(raw: object) -> date:
    """The date of an ISO day, else the UTC instant of an RFC 3339 text. Raises: ValueError."""
    return (
        _to_day(raw) if isinstance(raw, str) and len(raw) <= len("2026-10-01") else to_instant(raw)
    )


def to_fixed(raw: object) -> int:
    """The ten-thousandths of a JSON number. Raises: ValueError."""
    if isinstance(raw, bool) or not isinstance(raw, (int, Decimal)):
        raise ValueError("must be a number")  # what Pydantic listens to  # noqa: TRY004  # what Pydantic listens to
    return fixed.to_fixed_point(raw)


def _to_fixed_at_least(raw: object, minimum: int, message: str) -> int:
    fixed_number = to_fixed(raw)
    if fixed_number < minimum:
        raise ValueError(message)
    return fixed_number


def to_not_negative(raw: object) -> int:
    """The ten-thousandths of a JSON number that is not negative. Raises: ValueError."""
    return _to_fixed_at_least(raw, 0, "must not be negative")


def _to_positive(raw: object) -> int:
    return _to_fixed_at_least(raw, 1, "must be more than 0")


def _to_fraction(raw: object) -> int:
    fixed_number = _to_fixed_at_least(raw, 0, "must be from 0 to 1")
    if fixed_number > fixed.FIXED_SCALE:
        raise ValueError("must be from 0 to 1")
    return fixed_number


def _to_integer(raw: object) -> object:
    """5.0 is an integer in JSON Schema, whatever the parser made of it."""
    if isinstance(raw, Decimal) and abs(raw) < MAX_NUMBER and raw == raw.to_integral_value():
        return int(raw)
    return raw


def _number_schema(minimum: float) -> dict[str, Any]:  # Any: a JSON schema
    return {"type": "number", "format": "double", "minimum": minimum, "maximum": MAX_NUMBER}


def text(
    max_length: int, min_length: int = 0, pattern: str = TEXT_PATTERN
) -> Any:  # Any: what stands in an Annotated
    """The constraints of a text of so many characters."""
    return Field(strict=True, min_length=min_length, max_length=max_length, pattern=pattern)


def integer(minimum: int, maximum: int) -> Any:  # Any: what stands in an Annotated
    """The constraints of an integer in a body, named int32 or int64 by its bounds."""
    integer_format = "int32" if minimum >= -(2**31) and maximum < 2**31 else "int64"
    return Field(strict=True, ge=minimum, le=maximum, json_schema_extra={"format": integer_format})


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
LongText = Annotated[str, text(4_000)]
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
    BeforeValidator(_to_day),
    WithJsonSchema(_DAY_SCHEMA),
]
Instant = Annotated[
    datetime,
    BeforeValidator(to_instant),
    WithJsonSchema(_INSTANT_SCHEMA),
]
DayOrInstant = Annotated[
    date,  # a datetime is one
    PlainValidator(_to_day_or_instant),
    WithJsonSchema({"anyOf": [_DAY_SCHEMA, _INSTANT_SCHEMA]}),
]

# What comes in is fixed-point from its validator on; what goes out was made by `fixed.number`.
Number = Annotated[int, BeforeValidator(to_fixed), WithJsonSchema(_number_schema(-MAX_NUMBER))]
NotNegative = Annotated[int, BeforeValidator(to_not_negative), WithJsonSchema(_number_schema(0))]
Positive = Annotated[int, BeforeValidator(_to_positive), WithJsonSchema(_number_schema(0.0001))]
Share = Annotated[
    int, BeforeValidator(_to_fraction), WithJsonSchema({**_number_schema(0), "maximum": 1})
]
ShownNumber = Annotated[int | float, WithJsonSchema(_number_schema(-MAX_NUMBER))]
Fraction = Annotated[
    float, WithJsonSchema({"type": "number", "format": "double", "minimum": 0, "maximum": 1})
]
# Differences and points lie between -1 and 1, and rounding may carry a sum of them a little over.
SignedFraction = Annotated[float, WithJsonSchema({"type": "number", "format": "double"})]

# Not beyond what a double carries exactly, for there are clients that read nothing else.
Count = Annotated[int, integer(0, 2**53 - 1), BeforeValidator(_to_integer)]
Int32 = Annotated[int, integer(0, 2**31 - 1), BeforeValidator(_to_integer)]
Days = Annotated[int, integer(1, 3_650), BeforeValidator(_to_integer)]
AtLeastOne = Annotated[int, integer(1, 1_000_000), BeforeValidator(_to_integer)]

StrictBoolean = StrictBool

Scope = Literal["read", "events:write", "playbook:write", "admin"]


def optional_member(
    **field_options: Any,
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A member of a merge patch that may be absent; unless its type says so, it may not be null."""
    return Field(default_factory=lambda: None, **field_options)


def defaulted_member(
    default_value: object, wire_default: object
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """A member with a default that the document shows as it stands on the wire."""
    return Field(default=default_value, json_schema_extra={"default": wire_default})  # type: ignore[dict-item]  # a JSON value


def to_plain_json(json_value: object) -> Any:  # Any: a JSON value
    """A JSON value with Decimals made int or float: what metrics compare and the database keeps. Raises: ValueError."""
    if isinstance(json_value, Decimal):
        if json_value == json_value.to_integral_value() and abs(json_value) <= 2**53:
            return int(json_value)
        number = float(json_value)
        if number in (float("inf"), float("-inf")):
            raise ValueError("holds a number beyond what a double carries")
        return number
    if isinstance(json_value, dict):
        return {name: to_plain_json(member) for name, member in json_value.items()}
    if isinstance(json_value, list):
        return [to_plain_json(member) for member in json_value]
    return json_value


FREE_OBJECT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": True,
    "maxProperties": 1_000,
}
# Any JSON object: its own rules are checked by the domain.
FreeObject = Annotated[
    dict[str, Any], BeforeValidator(to_plain_json), WithJsonSchema(FREE_OBJECT_SCHEMA)
]
