"""What a CRM's values mean: numbers, amounts, instants, and what an event's data has room for."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from app.domain.primitives import decimals as fixed
from app.domain.primitives import strict_json
from app.domain.sources.crm.changes import EPOCH, Scalar

LETTERS: Final = 512
DATA_BYTES: Final = (
    15_000  # an event's data has room for 16 KiB; the rest is for what the fold adds itself
)
FORMATS: Final = ("any", "rfc3339", "epoch_s", "epoch_ms", "date_in_zone")
COMPACT: Final = 8  # a day without its hyphens
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXACT: Final = Context(prec=200)


def text(value: Scalar) -> str:
    """A value as CRMs write it: `true`, `42`, or the text itself."""
    return value if isinstance(value, str) else strict_json.dumps(value)


def decimal(value: Scalar) -> Decimal | None:
    """The number that a text names. None when it names none."""
    said = text(value).strip()
    return Decimal(said) if _NUMBER.fullmatch(said) else None


def scaled(value: Decimal, power: int) -> Decimal:
    """The number times ten to the power, exactly."""
    return value.scaleb(power, _EXACT)


def product(one: Decimal, other: Decimal) -> Decimal:
    """One number times another, exactly."""
    return _EXACT.multiply(one, other)


def amount(value: Scalar) -> int | None:
    """An amount in ten-thousandths, rounded half to even. None when it is no number, or beyond the limits."""
    exact = value if isinstance(value, Decimal) else decimal(value)
    if exact is None or exact.copy_abs() > 10**12:
        return None
    try:
        return fixed.parse(
            exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN, context=_EXACT)
        )
    except ValueError:
        return None


def converted(value: int, rate: Decimal) -> int | None:
    """`value` times the rate, rounded half to even to what a value can hold. None when that is beyond the limits."""
    exact = Fraction(value) * Fraction(rate)
    for power in range(3):  # above 1e11 four decimals would be more than 15 digits
        result = round(exact / 10**power) * 10**power
        if len(str(abs(result))) - power <= fixed.DIGITS:
            return result if abs(result) <= fixed.LIMIT else None
    return None


def datum(value: Scalar) -> str | int | float | bool | None:
    """A value as an event's data holds it. None when it is too long, or no number that a value can be."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= LETTERS else None
    exact = amount(value)
    return None if exact is None else fixed.number(exact)


def instant(value: Scalar, form: str = "any", zone: tzinfo = UTC) -> datetime | None:
    """The instant that a value says.

    Shape: `form` is `rfc3339` (a time without an offset is one of `zone`; `date_in_zone` too: a day is its first
    moment there), `epoch_s`, `epoch_ms`, or `any`: epoch milliseconds, or a time or day as before.
    None when it says none between the years 1970 and 2200.
    """
    said = "" if value is None or isinstance(value, bool) else text(value).strip()
    number = decimal(said) if form.startswith("epoch") else None
    try:
        if form.startswith("epoch"):
            found = (
                None
                if number is None
                else _since_epoch(number, 1_000_000 if form == "epoch_s" else 1_000)
            )
        elif form == "any" and said.isascii() and said.isdigit() and len(said) != COMPACT:
            # Fewer digits are seconds, or nothing that is a time: as milliseconds they would be days of 1970.
            found = EPOCH + timedelta(milliseconds=int(said)) if 12 <= len(said) <= 15 else None
        elif form == "date_in_zone" and not _DATE.fullmatch(said[:10]):
            found = None
        else:
            read = datetime.fromisoformat(said)
            found = (read if read.tzinfo is not None else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and 1970 <= found.year <= 2200 else None


def _since_epoch(number: Decimal, unit: int) -> datetime | None:
    return EPOCH + timedelta(microseconds=int(number * unit)) if 0 <= number < 10**14 else None


def within_budget(data: Mapping[str, object]) -> dict[str, object]:
    """The members, in order of their names, that an event's data has room for."""
    kept: dict[str, object] = {}
    size = 0
    for name in sorted(data):
        size += len(strict_json.dumps(data[name]).encode()) + len(name) + 4
        if size <= DATA_BYTES:
            kept[name] = data[name]
    return kept
