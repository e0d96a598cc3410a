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
from app.domain.sources.mapping.values import decimal, instant, scaled, text

PARSES: Final = ("text", "decimal", "int", "bool")
SOURCES: Final = ("property", "first_of", "const")
SCALE: Final = 9
BOOLEANS: Final[Mapping[str, bool]] = {
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
        said = text(raw)
        if self.split is not None:
            found = said.split(self.split[0])
            if self.split[1] >= len(found):
                return None
            said = found[self.split[1]]
        said = said.upper() if self.upper else said
        if self.map is not None:
            looked_up = self.map.get(said)
            if looked_up is None:
                return None
            said = looked_up
        return self._parsed(said)

    def _parsed(self, said: str) -> Scalar:
        if self.parse == "text":
            return said
        if self.parse == "bool":
            return BOOLEANS.get(said.strip().lower())
        number = decimal(said)
        if number is None:
            return None
        exact = scaled(number, self.scale)
        if self.parse == "decimal":
            return exact
        return int(exact) if abs(exact) < 10**18 and exact == int(exact) else None

    def read(self, look: Callable[[str], Scalar]) -> Scalar:
        """The rule's value where `look` gives the value of a property, None for null and absent alike."""
        if self.const is not None:
            return self.const
        raw = next((value for name in self.properties if (value := look(name)) is not None), None)
        found = self.apply(raw)
        return self.default if found is None else found

    def of(self, record: object) -> Scalar:
        """The rule's value of a whole record."""
        return self.read(lambda name: _value(record, name))


@dataclass(frozen=True, slots=True)
class Moment:
    """A rule whose value is an instant. Shape: `form` is one of `values.FORMATS`; `zone` is for times without one."""

    properties: tuple[str, ...]
    form: str = "any"
    zone: tzinfo = UTC

    def read(self, look: Callable[[str], Scalar]) -> datetime | None:
        """The first of the properties that is set, as an instant. None when none is, or it cannot be read."""
        return self.at(
            next((value for name in self.properties if (value := look(name)) is not None), None)
        )

    def at(self, value: Scalar) -> datetime | None:
        """The instant that one value says. None when it says none."""
        return instant(value, self.form, self.zone)

    def of(self, record: object) -> datetime | None:
        """The instant that a whole record says. None as for `read`."""
        return self.read(lambda name: _value(record, name))


def _value(record: object, name: str) -> Scalar:
    value = pointers.resolve(record, name)
    return None if isinstance(value, pointers.Absent) else value
