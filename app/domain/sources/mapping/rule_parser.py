"""Parser of the rules of a mapping, which collects all faults in them."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.primitives.errors import Fault
from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer
from app.domain.sources.mapping.rules import (
    MAX_SCALE,
    PARSE_KINDS,
    SOURCE_OPERATORS,
    InstantRule,
    Rule,
)
from app.domain.sources.mapping.values import INSTANT_FORMATS

MAX_RULES: Final = 64
MAX_MAP_ENTRIES: Final = 4096
MAX_TEXT_LENGTH: Final = 512
MAX_UNIT_LENGTH: Final = 32
MAX_KEY_LENGTH: Final = 64
MAX_ALTERNATIVES: Final = 16
KEY_PATTERN: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
RULE_MEMBERS: Final = (*SOURCE_OPERATORS, "default", "map", "parse", "scale", "upper", "split")
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f]")


class ValueType(Enum):
    """The values that a rule may have if they are not a list of options."""

    ANY = "any"
    RESOURCE_KEY = "key"
    # A short text.
    UNIT = "unit"


def escape_pointer(name: object) -> str:
    """Return the name of a member, escaped for a JSON Pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


class RuleParser:
    """Base of the parsers of mappings."""

    def __init__(self) -> None:
        """Start without faults."""
        self.faults: list[Fault] = []
        self.entry_count = 0
        self.rule_count = 0

    def add_fault(self, pointer: str, detail: str) -> None:
        """Add a fault at a place in the mapping; its pointer starts with `/mapping`."""
        self.faults.append(Fault(f"/mapping{pointer}", detail))

    def check_limits(self) -> None:
        """Add a fault for too many rules or map entries."""
        if self.rule_count > MAX_RULES:
            self.add_fault("", f"must have at most {MAX_RULES} rules")
        if self.entry_count > MAX_MAP_ENTRIES:
            self.add_fault("", f"must have at most {MAX_MAP_ENTRIES} entries in its maps")

    def parse_members(
        self, pointer: str, raw: object, allowed_members: Sequence[str]
    ) -> Mapping[str, object]:
        """Return the members of an object.

        Add a fault for each unknown member. A value that is no object is a fault and has no
        members.
        """
        if not isinstance(raw, Mapping):
            self.add_fault(pointer, "must be an object")
            return {}
        for name in raw:
            if name not in allowed_members:
                self.add_fault(
                    f"{pointer}/{escape_pointer(name)}",
                    f"is not a member here; known are {', '.join(allowed_members)}",
                )
        return raw

    def parse_text(self, pointer: str, raw: object, max_length: int = MAX_TEXT_LENGTH) -> str:
        """Return a printable text; empty with a fault."""
        if (
            not isinstance(raw, str)
            or not raw.strip()
            or len(raw) > max_length
            or _CONTROL_CHARACTER.search(raw)
        ):
            self.add_fault(pointer, f"must be a text of 1 to {max_length} printable characters")
            return ""
        return raw

    def parse_key(self, pointer: str, raw: object) -> str:
        """Return the key of a resource; empty with a fault."""
        if not isinstance(raw, str) or len(raw) > MAX_KEY_LENGTH or not KEY_PATTERN.fullmatch(raw):
            self.add_fault(
                pointer,
                "must be a key: lower-case letters and digits, parted by single hyphens, "
                f"at most {MAX_KEY_LENGTH}",
            )
            return ""
        return raw

    def parse_property(self, pointer: str, raw: object) -> str:
        """Return a plain name or a JSON Pointer; empty with a fault."""
        name = self.parse_text(pointer, raw)
        problem = json_pointer.find_pointer_problem(name)
        if problem is not None:
            self.add_fault(pointer, problem)
        return name

    def parse_map(self, pointer: str, raw: object, options: Sequence[str] | None) -> dict[str, str]:
        """Return a map to one of the options; None means that the keys of resources are allowed."""
        if not isinstance(raw, Mapping):
            self.add_fault(pointer, "must be an object")
            return {}
        self.entry_count += len(raw)
        if self.entry_count > MAX_MAP_ENTRIES:
            return {}
        mapped_values = {}
        for name, target in raw.items():
            member_pointer = f"{pointer}/{escape_pointer(name)}"
            self.parse_text(member_pointer, name)
            if options is None:
                mapped_values[name] = self.parse_key(member_pointer, target)
            elif isinstance(target, str) and target in options:
                mapped_values[name] = target
            else:
                self.add_fault(member_pointer, f"must be one of {', '.join(options)}")
        return mapped_values

    def parse_rule(
        self,
        pointer: str,
        raw: object,
        *,
        allowed_values: Sequence[str] | ValueType = ValueType.ANY,
        parses: Sequence[str] = PARSE_KINDS,
        needs_map: bool = False,
    ) -> Rule | None:
        """Return one rule, or None if it is missing or no object.

        `allowed_values` is a list of options, or a type of values. `parses` lists the allowed
        parsers, the default first.
        """
        if raw is None:
            return None
        self.rule_count += 1
        allows_map = allowed_values not in (ValueType.ANY, ValueType.UNIT)
        allowed_members = [name for name in RULE_MEMBERS if name != "map" or allows_map]
        members = self.parse_members(pointer, raw, allowed_members)
        if not isinstance(raw, Mapping):
            return None
        properties = self.parse_sources(
            pointer, members, is_optional=allowed_values is ValueType.UNIT
        )
        options = None if isinstance(allowed_values, ValueType) else allowed_values
        value_map = (
            self.parse_map(f"{pointer}/map", members["map"], options)
            if allows_map and "map" in members
            else None
        )
        if needs_map and value_map is None and "const" not in members and "map" not in members:
            self.add_fault(f"{pointer}/map", "is required")
        parse_kind = members.get("parse", parses[0])
        if not isinstance(parse_kind, str) or parse_kind not in parses:
            self.add_fault(f"{pointer}/parse", f"must be one of {', '.join(parses)}")
        return Rule(
            properties=properties,
            const=self.parse_constant(f"{pointer}/const", members.get("const"), allowed_values),
            default=self.parse_constant(
                f"{pointer}/default", members.get("default"), allowed_values
            ),
            map=value_map,
            parse=str(parse_kind),
            scale=self.parse_integer(
                f"{pointer}/scale", members.get("scale", 0), -MAX_SCALE, MAX_SCALE
            ),
            upper=self.parse_flag(f"{pointer}/upper", members.get("upper", False)),
            split=self.parse_split(f"{pointer}/split", members.get("split")),
        )

    def parse_instant_rule(self, pointer: str, raw: object) -> InstantRule | None:
        """Return a rule whose value is an instant, or None if it is missing or no object."""
        if raw is None:
            return None
        self.rule_count += 1
        members = self.parse_members(pointer, raw, ("property", "first_of", "format", "zone"))
        if not isinstance(raw, Mapping):
            return None
        form = members.get("format", "any")
        zone_name = members.get("zone", "UTC")
        if form not in INSTANT_FORMATS:
            self.add_fault(f"{pointer}/format", f"must be one of {', '.join(INSTANT_FORMATS)}")
        try:
            time_zone = ZoneInfo(zone_name if isinstance(zone_name, str) else "")
        except (KeyError, ValueError, OSError):
            self.add_fault(f"{pointer}/zone", "must be an IANA time zone, such as Europe/Oslo")
            time_zone = ZoneInfo("UTC")
        return InstantRule(
            self.parse_sources(pointer, members, is_optional=False), str(form), time_zone
        )

    def parse_sources(
        self, pointer: str, members: Mapping[str, object], *, is_optional: bool
    ) -> tuple[str, ...]:
        """Return the properties that a rule reads, in order; none for a constant."""
        source_operators = [name for name in SOURCE_OPERATORS if name in members]
        if len(source_operators) > 1:
            self.add_fault(
                f"{pointer}/{source_operators[1]}", f"cannot stand beside '{source_operators[0]}'"
            )
        if not source_operators and not (is_optional and "default" in members):
            self.add_fault(f"{pointer}/property", "is required")
        if "property" in members:
            return (self.parse_property(f"{pointer}/property", members["property"]),)
        alternatives = members.get("first_of", ())
        if (
            not isinstance(alternatives, list | tuple)
            or len(alternatives) > MAX_ALTERNATIVES
            or ("first_of" in members and not alternatives)
        ):
            self.add_fault(
                f"{pointer}/first_of", f"must be a list of 1 to {MAX_ALTERNATIVES} properties"
            )
            return ()
        return tuple(
            self.parse_property(f"{pointer}/first_of/{index}", alternative)
            for index, alternative in enumerate(alternatives)
        )

    def parse_constant(
        self, pointer: str, raw: object, allowed_values: Sequence[str] | ValueType
    ) -> Scalar:
        """Return a constant of the mapping itself."""
        if raw is None:
            return None
        if allowed_values is ValueType.RESOURCE_KEY:
            return self.parse_key(pointer, raw)
        if allowed_values is ValueType.UNIT:
            return self.parse_text(pointer, raw, MAX_UNIT_LENGTH)
        if not isinstance(allowed_values, ValueType) and raw not in allowed_values:
            self.add_fault(pointer, f"must be one of {', '.join(allowed_values)}")
            return None
        if isinstance(raw, int | float | Decimal):
            return Decimal(repr(raw)) if isinstance(raw, float) else raw
        return self.parse_text(pointer, raw)

    def parse_integer(self, pointer: str, raw: object, minimum: int, maximum: int) -> int:
        """Return an integer within bounds."""
        if isinstance(raw, bool) or not isinstance(raw, int) or not minimum <= raw <= maximum:
            self.add_fault(pointer, f"must be a whole number from {minimum} to {maximum}")
            return 0
        return raw

    def parse_flag(self, pointer: str, raw: object) -> bool:
        """Return a boolean."""
        if not isinstance(raw, bool):
            self.add_fault(pointer, "must be true or false")
        return raw is True

    def parse_split(self, pointer: str, raw: object) -> tuple[str, int] | None:
        """Return a separator and an index, or None if the text is not split."""
        if raw is None:
            return None
        members = self.parse_members(pointer, raw, ("by", "index"))
        separator = members.get("by")
        if not isinstance(separator, str) or not 1 <= len(separator) <= 16:
            self.add_fault(f"{pointer}/by", "must be a text of 1 to 16 characters")
            return None
        return separator, self.parse_integer(f"{pointer}/index", members.get("index", 0), 0, 255)
