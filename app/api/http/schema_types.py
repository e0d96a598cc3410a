"""The scalar types of the schemas: one JSON schema each, and no value that a database rejects."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, PlainValidator, StrictBool, WithJsonSchema

from app.domain.primitives import decimals

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
    """Parse an ISO day. Raises: ValueError."""
    if type(raw) is date:
        return raw
    if not isinstance(raw, str) or not _DAY_REGEX.match(raw):
        raise ValueError("must be a day such as 2026-10-01, from 1900 to 2999")
    return date.fromisoformat(raw)


def to_instant(raw: object) -> datetime:
    """Parse an RFC 3339 instant to UTC. Raises: ValueError."""
    if isinstance(raw, datetime):
        return raw
    if not isinstance(raw, str) or not _INSTANT_REGEX.match(raw):
        raise ValueError(
            "must be an RFC 3339 instant with an offset, such as 2026-10-02T12:00:00Z, "
            "from 1900 to 2999"
        )
    parsed = datetime.fromisoformat(raw if raw.isupper() else raw.upper())
    if parsed.tzinfo is UTC:
        return parsed
    parsed = parsed.astimezone(UTC)
    if parsed.year not in ALLOWED_YEARS:
        raise ValueError("must be from 1900 to 2999 in UTC")
    return parsed


def _to_day_or_instant(raw: object) -> date:
    """Parse an ISO day, or an RFC 3339 instant to UTC. Raises: ValueError."""
    return (
        _to_day(raw) if isinstance(raw, str) and len(raw) <= len("2026-10-01") else to_instant(raw)
    )


def to_fixed(raw: object) -> int:
    """Convert a JSON number to ten-thousandths. Raises: ValueError."""
    if isinstance(raw, bool) or not isinstance(raw, (int, Decimal)):
        raise ValueError("must be a number")  # noqa: TRY004  # Pydantic handles only ValueError
    return decimals.to_fixed_point(raw)


def _to_fixed_at_least(raw: object, minimum: int, message: str) -> int:
    fixed_number = to_fixed(raw)
    if fixed_number < minimum:
        raise ValueError(message)
    return fixed_number


def to_not_negative(raw: object) -> int:
    """Convert a JSON number that is not negative to ten-thousandths. Raises: ValueError."""
    return _to_fixed_at_least(raw, 0, "must not be negative")


def _to_positive(raw: object) -> int:
    return _to_fixed_at_least(raw, 1, "must be more than 0")


def _to_fraction(raw: object) -> int:
    fixed_number = _to_fixed_at_least(raw, 0, "must be from 0 to 1")
    if fixed_number > decimals.FIXED_SCALE:
        raise ValueError("must be from 0 to 1")
    return fixed_number


def _to_integer(raw: object) -> object:
    """Convert an integral Decimal to int: JSON Schema counts 5.0 as an integer."""
    if isinstance(raw, Decimal) and abs(raw) < MAX_NUMBER and raw == raw.to_integral_value():
        return int(raw)
    return raw


def _number_schema(minimum: float) -> dict[str, Any]:  # Any: a JSON schema
    return {"type": "number", "format": "double", "minimum": minimum, "maximum": MAX_NUMBER}


def text(
    max_length: int, min_length: int = 0, pattern: str = TEXT_PATTERN
) -> Any:  # Any: what stands in an Annotated
    """Return the constraints of a text, with its length in characters."""
    return Field(strict=True, min_length=min_length, max_length=max_length, pattern=pattern)


def integer(minimum: int, maximum: int) -> Any:  # Any: what stands in an Annotated
    """Return the constraints of an integer in a body; the bounds select int32 or int64."""
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
    date,  # datetime is a subclass
    PlainValidator(_to_day_or_instant),
    WithJsonSchema({"anyOf": [_DAY_SCHEMA, _INSTANT_SCHEMA]}),
]

# Validators convert request numbers to fixed-point; `to_json_number` makes those of replies.
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
# Differences and points lie between -1 and 1; rounding may take a sum slightly beyond.
SignedFraction = Annotated[float, WithJsonSchema({"type": "number", "format": "double"})]

# At most what a double holds exactly: some clients have no other number type.
Count = Annotated[int, integer(0, 2**53 - 1), BeforeValidator(_to_integer)]
Int32 = Annotated[int, integer(0, 2**31 - 1), BeforeValidator(_to_integer)]
Days = Annotated[int, integer(1, 3_650), BeforeValidator(_to_integer)]
AtLeastOne = Annotated[int, integer(1, 1_000_000), BeforeValidator(_to_integer)]

StrictBoolean = StrictBool

Scope = Literal["read", "events:write", "playbook:write", "admin"]


def optional_member(
    **field_options: Any,
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """Return the field of a merge patch: it may be absent, and null only if its type allows it."""
    return Field(default_factory=lambda: None, **field_options)


def defaulted_member(
    default_value: object, wire_default: object
) -> Any:  # Any: a Field stands for whatever type its annotation says
    """Return a field with a default, documented as it appears in JSON."""
    return Field(default=default_value, json_schema_extra={"default": wire_default})  # type: ignore[dict-item]  # a JSON value


def to_plain_json(json_value: object) -> Any:  # Any: a JSON value
    """Convert Decimals in a JSON value to int or float, as metrics and the database need them.

    Raises: ValueError for a number beyond a double.
    """
    if isinstance(json_value, Decimal):
        if json_value == json_value.to_integral_value() and abs(json_value) <= 2**53:
            return int(json_value)
        number = float(json_value)
        if number in (float("inf"), float("-inf")):
            raise ValueError("holds a number beyond what a double carries")
        return number
    if isinstance(json_value, dict):
        return {member_name: to_plain_json(member) for member_name, member in json_value.items()}
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
