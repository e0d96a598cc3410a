"""Exact numbers: fixed-point integers of ten-thousandths, the same on both databases."""

from decimal import Context, Decimal, Inexact
from typing import Final

FIXED_SCALE: Final = 10_000
MAX_DIGITS: Final = 15
MAX_FIXED: Final = 10**12 * FIXED_SCALE
_WIDE_CONTEXT: Final = Context(prec=100, traps=[Inexact])


def to_fixed_point(value: float | Decimal) -> int:
    """The ten-thousandths of `value`, exactly.

    A float is read as the shortest decimal that names it, which is what a JSON document said.

    Raises: ValueError for a number that is not finite, has more than 4 decimals or 15 significant digits, or is
    beyond 1e12.
    """
    if isinstance(
        value, int
    ):  # no detour for the common case, and no limit on digits in Decimal's context
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
    """The ten-thousandths of an ordinary number. None for whatever has to be looked at."""
    if not exact.is_finite() or not -5 < exact.adjusted() < 12:
        return None
    try:
        scaled = exact.scaleb(4, _WIDE_CONTEXT)
    except Inexact:  # it has more digits than anything that we take
        return None
    fixed = int(scaled)
    return fixed if fixed == scaled and -(10**MAX_DIGITS) < fixed < 10**MAX_DIGITS else None


def to_json_number(fixed: int) -> int | float:
    """What stands on the wire for `fixed`: an integer when it is whole, else the nearest double."""
    units, remainder = divmod(fixed, FIXED_SCALE)
    return units if remainder == 0 else fixed / FIXED_SCALE
