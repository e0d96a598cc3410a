"""The closed list of operators of a mapping's rules, as data: what a rule makes of the properties that it reads.

A rule says where its value comes from, one of
- `property`: one property, a plain name or a JSON Pointer into the CRM's record;
- `first_of`: a list of those, of which the first that is set counts;
- `const`: always this;
and what is made of it, in this order:
- `split`: `{"by": "/", "index": 0}`: one part of a text; `upper`: true: in capitals;
- `map`: the value is looked up; what it does not list is unmapped;
- `parse`: `text`, `decimal`, `int` or `bool`; `scale`: -2 for cents, -6 for micros;
- `default`: what counts when nothing is set, or what is set cannot be read.
No expressions, nothing that repeats: a rule costs what its length says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer as pointers
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
    """One rule of a mapping. None when: the operator is not used."""

    properties: tuple[str, ...] = ()
    const: Scalar = None
    default: Scalar = None
    map: Mapping[str, str] | None = None
    parse: str = "text"
    scale: int = 0
    upper: bool = False
    split: tuple[str, int] | None = None

    def apply(self, raw: Scalar) -> Scalar:
        """What the operators make of one raw value, without `default`.

        Shape: of the kind that `parse` says; `decimal` and `int` are exact.
        None when: it is null, unmapped or unreadable.
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
        """The rule's value where `look` gives the value of a property, None for null and absent alike."""
        if self.const is not None:
            return self.const
        raw = next(
            (
                candidate
                for name in self.properties
                if (candidate := read_property(name)) is not None
            ),
            None,
        )
        mapped = self.apply(raw)
        return self.default if mapped is None else mapped

    def evaluate_record(self, record: object) -> Scalar:
        """The rule's value of a whole record."""
        return self.evaluate(lambda name: _read_property(record, name))


@dataclass(frozen=True, slots=True)
class InstantRule:
    """A rule whose value is an instant. Shape: `form` is one of `values.FORMATS`; `zone` is for times without one."""

    properties: tuple[str, ...]
    form: str = "any"
    zone: tzinfo = UTC

    def evaluate(self, read_property: Callable[[str], Scalar]) -> datetime | None:
        """The first of the properties that is set, as an instant. None when none is, or it cannot be read."""
        return self.parse_instant(
            next(
                (
                    candidate
                    for name in self.properties
                    if (candidate := read_property(name)) is not None
                ),
                None,
            )
        )

    def parse_instant(self, raw: Scalar) -> datetime | None:
        """The instant that one value says. None when it says none."""
        return parse_instant(raw, self.form, self.zone)

    def evaluate_record(self, record: object) -> datetime | None:
        """The instant that a whole record says. None as for `read`."""
        return self.evaluate(lambda name: _read_property(record, name))


def _read_property(record: object, name: str) -> Scalar:
    scalar = pointers.resolve_scalar(record, name)
    return None if isinstance(scalar, pointers.Absent) else scalar
