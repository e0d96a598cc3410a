"""A record's past, put in source-time order: what each property was at any instant."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from app.domain import fixed, strict_json
from app.domain.changes import Change, Scalar

LETTERS: Final = 512
DATA_BYTES: Final = 15_000  # an event's data has room for 16 KiB; the rest is for what the fold adds itself
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?")
_EXACT: Final = Context(prec=200)


class History:
    """One record's changes, each once, in source-time order; within one instant values come before the stage."""

    def __init__(self, changes: Iterable[Change], stage: str | None = None) -> None:
        unique = {change.key: change for change in changes}
        self.changes = sorted(unique.values(), key=lambda one: (one.at, stage in one.fields, one.key))
        self.created: datetime | None = None
        self.alive = True
        self._past: dict[str, list[tuple[datetime, Scalar]]] = {}
        for change in self.changes:
            if change.verb == "created" and self.created is None:
                self.created = change.at
            elif change.verb in ("deleted", "restored"):
                self.alive = change.verb == "restored"
            for name, value in change.fields.items():
                self._past.setdefault(name, []).append((change.at, value))

    @property
    def newest(self) -> datetime | None:
        """The newest source time. None when nothing is known of the record."""
        return self.changes[-1].at if self.changes else None

    def past(self, name: str | None) -> list[tuple[datetime, Scalar]]:
        """Every value that the property was set to, null too, oldest first."""
        return self._past.get(name, []) if name is not None else []

    def latest(self, name: str | None) -> Scalar:
        """The newest value. None when it is null, or was never mentioned."""
        past = self.past(name)
        return past[-1][1] if past else None

    def as_of(self, name: str | None, at: datetime) -> Scalar:
        """What was last set at or before `at`, else the first set after it. None when null then, or never set."""
        past = self.past(name)
        index = bisect_right(past, at, key=lambda entry: entry[0])
        if index:
            return past[index - 1][1]
        return next((value for _, value in past if value is not None), None)

    def seen(self, name: str | None) -> set[str]:
        """Every value that the property ever had, as text."""
        return {text(value) for _, value in self.past(name) if value is not None}


def text(value: Scalar) -> str:
    """A value as CRMs write it: `true`, `42`, or the text itself."""
    return value if isinstance(value, str) else strict_json.dumps(value)


def decimal(value: Scalar) -> Decimal | None:
    """The number that a text names. None when it names none."""
    said = text(value).strip()
    return Decimal(said) if _NUMBER.fullmatch(said) else None


def amount(value: Scalar) -> int | None:
    """An amount in ten-thousandths, rounded half to even. None when it is no number, or beyond the limits."""
    exact = decimal(value)
    if exact is None or abs(exact) > 10**12:
        return None
    try:
        return fixed.parse(exact.quantize(Decimal("0.0001"), rounding=ROUND_HALF_EVEN, context=_EXACT))
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


def datum(value: Scalar, kind: str) -> str | int | float | bool | None:
    """A value for an event's data. None when it cannot be read as `kind`."""
    said = text(value)
    if kind == "text":
        return said if len(said) <= LETTERS else None
    if kind == "bool":
        return {"true": True, "false": False}.get(said.strip().lower())
    exact = amount(value)
    if exact is None or (kind == "int" and exact % fixed.ONE):
        return None
    return fixed.number(exact)


def within_budget(data: Mapping[str, object]) -> dict[str, object]:
    """The members, in order of their names, that an event's data has room for."""
    kept: dict[str, object] = {}
    size = 0
    for name in sorted(data):
        size += len(strict_json.dumps(data[name]).encode()) + len(name) + 4
        if size <= DATA_BYTES:
            kept[name] = data[name]
    return kept
