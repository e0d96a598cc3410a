"""Rules of a mapping: the closed list of operators that make a value of properties.

The source of the value is one of
- `property`: one property, a plain name or a JSON Pointer into the CRM's record;
- `first_of`: a list of properties, the first one that is set counts;
- `const`: a constant;
Operators are applied in this order:
- `split`: `{"by": "/", "index": 0}`: one part of a text; `upper`: true: upper case;
- `map`: the value is looked up; a value that is not listed is unmapped;
- `parse`: `text`, `decimal`, `int` or `bool`; `scale`: -2 for cents, -6 for micros;
- `default`: the value if no property is set, or the set one cannot be read.
There are no expressions and no loops: the cost of a rule is linear in its length.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer
from app.domain.sources.mapping.values import parse_decimal, parse_instant, scale_decimal, to_text

PARSE_KINDS: Final = ("text", "decimal", "int", "bool")
SOURCE_OPERATORS: Final = ("property", "first_of", "const")
MAX_SCALE: Final = 9
BOOLEAN_TEXTS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "1", "yes"), True),
    **dict.fromkeys(("false", "0", "no"), False),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a mapping; None is an unused operator."""

    properties: tuple[str, ...] = ()
    const: Scalar = None
    default: Scalar = None
    map: Mapping[str, str] | None = None
    parse: str = "text"
    scale: int = 0
    upper: bool = False
    split: tuple[str, int] | None = None

    def apply(self, raw: Scalar) -> Scalar:
        """Return the result of the operators for one raw value, without `default`.

        Return None for null, and for an unmapped or unreadable value. `decimal` and `int` are
        exact.
        """
        if raw is None:
            return None
        mapped_text = to_text(raw)
        if self.split is not None:
            segments = mapped_text.split(self.split[0])
            if self.split[1] >= len(segments):
                return None
            mapped_text = segments[self.split[1]]
        mapped_text = mapped_text.upper() if self.upper else mapped_text
        if self.map is not None:
            mapped_value = self.map.get(mapped_text)
            if mapped_value is None:
                return None
            mapped_text = mapped_value
        return self._parse_text(mapped_text)

    def _parse_text(self, mapped_text: str) -> Scalar:
        if self.parse == "text":
            return mapped_text
        if self.parse == "bool":
            return BOOLEAN_TEXTS.get(mapped_text.strip().lower())
        number = parse_decimal(mapped_text)
        if number is None:
            return None
        exact = scale_decimal(number, self.scale)
        if self.parse == "decimal":
            return exact
        return int(exact) if abs(exact) < 10**18 and exact == int(exact) else None

    def evaluate(self, read_property: Callable[[str], Scalar]) -> Scalar:
        """Return the rule's value. `read_property` returns None for null and for absent."""
        if self.const is not None:
            return self.const
        raw = next(
            (
                candidate
                for property_name in self.properties
                if (candidate := read_property(property_name)) is not None
            ),
            None,
        )
        mapped = self.apply(raw)
        return self.default if mapped is None else mapped

    def evaluate_record(self, record: object) -> Scalar:
        """Return the rule's value for a record."""
        return self.evaluate(lambda name: _read_property(record, name))


@dataclass(frozen=True, slots=True)
class InstantRule:
    """A rule whose value is an instant."""

    properties: tuple[str, ...]
    # One of `values.INSTANT_FORMATS`.
    form: str = "any"
    # The zone of times without an offset.
    zone: tzinfo = UTC

    def evaluate(self, read_property: Callable[[str], Scalar]) -> datetime | None:
        """Return the first property that is set, as an instant; None if it is unreadable."""
        return self.parse_instant(
            next(
                (
                    candidate
                    for property_name in self.properties
                    if (candidate := read_property(property_name)) is not None
                ),
                None,
            )
        )

    def parse_instant(self, raw: Scalar) -> datetime | None:
        """Return a value as an instant, or None if it is none."""
        return parse_instant(raw, self.form, self.zone)

    def evaluate_record(self, record: object) -> datetime | None:
        """Return the instant of a record, or None."""
        return self.evaluate(lambda name: _read_property(record, name))


def _read_property(record: object, name: str) -> Scalar:
    scalar = json_pointer.resolve_scalar(record, name)
    return None if isinstance(scalar, json_pointer.Absent) else scalar
