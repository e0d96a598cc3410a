"""Fixed-point decimals: integers of ten-thousandths, exact on both databases."""

from decimal import Context, Decimal, Inexact
from typing import Final

FIXED_SCALE: Final = 10_000
MAX_DIGITS: Final = 15
MAX_FIXED: Final = 10**12 * FIXED_SCALE
_WIDE_CONTEXT: Final = Context(prec=100, traps=[Inexact])


def to_fixed_point(value: float | Decimal) -> int:
    """Return the ten-thousandths of a number, exactly.

    A float is read as the shortest decimal that names it, the same text as in a JSON document.
    Raises: ValueError for a number that is not finite, has more than 4 decimals or 15 significant
    digits, or exceeds 1e12.
    """
    # The common case takes no detour, and Decimal's context does not limit its digits.
    if isinstance(value, int):
        if abs(value) <= MAX_FIXED // FIXED_SCALE:
            return value * FIXED_SCALE
        exact = Decimal(value) if abs(value) <= MAX_FIXED else Decimal("Infinity")
    else:
        exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    fast_fixed = _to_fixed_point_fast(exact)
    if fast_fixed is not None:
        return fast_fixed
    if not exact.is_finite():
        raise ValueError("must be a finite number of at most 1e12")
    if exact.copy_abs() > 10**12:  # abs() would round, and overflow
        raise ValueError("must be at most 1e12 in size")
    sign, digits, exponent = exact.as_tuple()
    digit_text = "".join(map(str, digits)).lstrip("0")
    significant = digit_text.rstrip("0")
    if not significant:
        return 0
    decimals = -int(exponent) - (len(digit_text) - len(significant))
    if decimals > 4:
        raise ValueError("must have at most 4 decimals")
    if len(significant) > MAX_DIGITS:
        raise ValueError("must have at most 15 significant digits")
    scaled: int = int(significant) * 10 ** (4 - decimals)
    return -scaled if sign else scaled


def _to_fixed_point_fast(exact: Decimal) -> int | None:
    """Return the ten-thousandths of an ordinary number, or None to take the slow path."""
    if not exact.is_finite() or not -5 < exact.adjusted() < 12:
        return None
    try:
        scaled = exact.scaleb(4, _WIDE_CONTEXT)
    except Inexact:  # more digits than any accepted number
        return None
    fixed = int(scaled)
    return fixed if fixed == scaled and -(10**MAX_DIGITS) < fixed < 10**MAX_DIGITS else None


def to_json_number(fixed: int) -> int | float:
    """Return the JSON number of a fixed-point value: an integer, or the nearest double."""
    units, remainder = divmod(fixed, FIXED_SCALE)
    return units if remainder == 0 else fixed / FIXED_SCALE
