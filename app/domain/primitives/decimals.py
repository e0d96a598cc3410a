"""Exact numbers: fixed-point integers of ten-thousandths, the same on both databases."""

from decimal import Context, Decimal, Inexact
from typing import Final

ONE: Final = 10_000
DIGITS: Final = 15
LIMIT: Final = 10**12 * ONE
_WIDE: Final = Context(prec=100, traps=[Inexact])


def parse(value: float | Decimal) -> int:
    """The ten-thousandths of `value`, exactly.

    A float is read as the shortest decimal that names it, which is what a JSON document said.

    Raises: ValueError for a number that is not finite, has more than 4 decimals or 15 significant digits, or is
    beyond 1e12.
    """
    if isinstance(
        value, int
    ):  # no detour for the common case, and no limit on digits in Decimal's context
        if abs(value) <= LIMIT // ONE:
            return value * ONE
        exact = Decimal(value) if abs(value) <= LIMIT else Decimal("Infinity")
    else:
        exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    found = _quickly(exact)
    if found is not None:
        return found
    if not exact.is_finite():
        raise ValueError("must be a finite number of at most 1e12")
    if exact.copy_abs() > 10**12:  # abs() would round, and overflow
        raise ValueError("must be at most 1e12 in size")
    sign, digits, exponent = exact.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    trimmed = text.rstrip("0")
    if not trimmed:
        return 0
    decimals = -int(exponent) - (len(text) - len(trimmed))
    if decimals > 4:
        raise ValueError("must have at most 4 decimals")
    if len(trimmed) > DIGITS:
        raise ValueError("must have at most 15 significant digits")
    scaled: int = int(trimmed) * 10 ** (4 - decimals)
    return -scaled if sign else scaled


def _quickly(exact: Decimal) -> int | None:
    """The ten-thousandths of an ordinary number. None for whatever has to be looked at."""
    if not exact.is_finite() or not -5 < exact.adjusted() < 12:
        return None
    try:
        scaled = exact.scaleb(4, _WIDE)
    except Inexact:  # it has more digits than anything that we take
        return None
    whole = int(scaled)
    return whole if whole == scaled and -(10**DIGITS) < whole < 10**DIGITS else None


def number(fixed: int) -> int | float:
    """What stands on the wire for `fixed`: an integer when it is whole, else the nearest double."""
    whole, rest = divmod(fixed, ONE)
    return whole if rest == 0 else fixed / ONE
