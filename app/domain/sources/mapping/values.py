"""Conversion of a CRM's values to numbers, amounts, instants and event data."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from app.domain.primitives import decimals, strict_json
from app.domain.sources.crm.changes import EPOCH, Scalar

MAX_DATUM_LENGTH: Final = 512
# An event's data is limited to 16 KiB; the projection adds members of its own.
MAX_DATA_BYTES: Final = 15_000
INSTANT_FORMATS: Final = ("any", "rfc3339", "epoch_s", "epoch_ms", "date_in_zone")
COMPACT_DATE_LENGTH: Final = 8  # a day without hyphens
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXACT_CONTEXT: Final = Context(prec=200)


def to_text(value: Scalar) -> str:
    """Return a value as CRMs write it: `true`, `42`, or the text itself."""
    return value if isinstance(value, str) else strict_json.dumps(value)


def parse_decimal(value: Scalar) -> Decimal | None:
    """Return the number in a text, or None."""
    stripped = to_text(value).strip()
    return Decimal(stripped) if _NUMBER.fullmatch(stripped) else None


def scale_decimal(number: Decimal, power: int) -> Decimal:
    """Return the number times ten to the power, exactly."""
    return number.scaleb(power, _EXACT_CONTEXT)


def multiply_decimals(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact product."""
    return _EXACT_CONTEXT.multiply(left, right)


def parse_amount(value: Scalar) -> int | None:
    """Return an amount in ten-thousandths, rounded half to even.

    Return None for a value that is no number, or beyond the limits.
    """
    exact_amount = value if isinstance(value, Decimal) else parse_decimal(value)
    if exact_amount is None or exact_amount.copy_abs() > 10**12:
        return None
    try:
        return decimals.to_fixed_point(
            exact_amount.quantize(
                Decimal("0.0001"), rounding=ROUND_HALF_EVEN, context=_EXACT_CONTEXT
            )
        )
    except ValueError:
        return None


def convert_currency(fixed_value: int, rate: Decimal) -> int | None:
    """Return the value times the rate, rounded half to even.

    `fixed_value` is in ten-thousandths. More than MAX_DIGITS digits are rounded to 3, then 2
    decimals. Return None beyond MAX_FIXED.
    """
    product = Fraction(fixed_value) * Fraction(rate)
    for power in range(3):  # above 1e11 four decimals would be more than 15 digits
        rounded = round(product / 10**power) * 10**power
        if len(str(abs(rounded))) - power <= decimals.MAX_DIGITS:
            return rounded if abs(rounded) <= decimals.MAX_FIXED else None
    return None


def to_event_datum(value: Scalar) -> str | int | float | bool | None:
    """Return a value for an event's data, or None if it is too long or too large."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= MAX_DATUM_LENGTH else None
    fixed_number = parse_amount(value)
    return None if fixed_number is None else decimals.to_json_number(fixed_number)


def parse_instant(value: Scalar, form: str = "any", zone: tzinfo = UTC) -> datetime | None:
    """Return the instant of a value, or None if it is none between 1970 and 2200.

    `form` is `rfc3339`, `date_in_zone`, `epoch_s`, `epoch_ms` or `any`. A time without an offset,
    and a day, are in `zone`; a day is its first moment. `any` accepts epoch milliseconds, a time or
    a day.
    """
    stripped = "" if value is None or isinstance(value, bool) else to_text(value).strip()
    number = parse_decimal(stripped) if form.startswith("epoch") else None
    try:
        if form.startswith("epoch"):
            parsed_instant = (
                None
                if number is None
                else _from_epoch(number, 1_000_000 if form == "epoch_s" else 1_000)
            )
        elif (
            form == "any"
            and stripped.isascii()
            and stripped.isdigit()
            and len(stripped) != COMPACT_DATE_LENGTH
        ):
            # Fewer digits are seconds or no time: as milliseconds they would be days of 1970.
            parsed_instant = (
                EPOCH + timedelta(milliseconds=int(stripped)) if 12 <= len(stripped) <= 15 else None
            )
        elif form == "date_in_zone" and not _DATE.fullmatch(stripped[:10]):
            parsed_instant = None
        else:
            parsed_time = datetime.fromisoformat(stripped)
            parsed_instant = (
                parsed_time if parsed_time.tzinfo is not None else parsed_time.replace(tzinfo=zone)
            ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (
        parsed_instant
        if parsed_instant is not None and 1970 <= parsed_instant.year <= 2200
        else None
    )


def _from_epoch(number: Decimal, microseconds_per_unit: int) -> datetime | None:
    return (
        EPOCH + timedelta(microseconds=int(number * microseconds_per_unit))
        if 0 <= number < 10**14
        else None
    )


def limit_data_size(data: Mapping[str, object]) -> dict[str, object]:
    """Return the members that fit into an event's data, in the order of their names."""
    accepted_members: dict[str, object] = {}
    size_bytes = 0
    for data_field in sorted(data):
        size_bytes += len(strict_json.dumps(data[data_field]).encode()) + len(data_field) + 4
        if size_bytes <= MAX_DATA_BYTES:
            accepted_members[data_field] = data[data_field]
    return accepted_members
