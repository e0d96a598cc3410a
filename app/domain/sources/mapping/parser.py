"""Reads the rules of a mapping and gathers what is wrong with them, so that the person sees all of it at once."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.primitives.errors import Fault
from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer as pointers
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
MAX_ALTERNATIVES: Final = 16
KEY_PATTERN: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
RULE_MEMBERS: Final = (*SOURCE_OPERATORS, "default", "map", "parse", "scale", "upper", "split")
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f]")


def escape_pointer(name: object) -> str:
    """A member's name as a part of a JSON Pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


class RuleParser:
    """What the readers of all mappings share. Shape: `faults` point into the mapping (`/mapping/...`)."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self.faults: list[Fault] = []
        self.entry_count = 0
        self.rule_count = 0

    def add_fault(self, pointer: str, detail: str) -> None:
        """Something is wrong at a place."""
        self.faults.append(Fault(f"/mapping{pointer}", detail))

    def check_limits(self) -> None:
        """The mapping is within its bounds, or a fault says which it is not."""
        if self.rule_count > MAX_RULES:
            self.add_fault("", f"must have at most {MAX_RULES} rules")
        if self.entry_count > MAX_MAP_ENTRIES:
            self.add_fault("", f"must have at most {MAX_MAP_ENTRIES} entries in its maps")

    def parse_members(
        self, pointer: str, raw: object, allowed_members: Sequence[str]
    ) -> Mapping[str, object]:
        """The members of an object, none but known ones. Shape: empty for what is no object, with a fault."""
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
        """A printable text; empty with a fault."""
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
        """A key of ours; empty with a fault."""
        if not isinstance(raw, str) or len(raw) > 64 or not KEY_PATTERN.fullmatch(raw):
            self.add_fault(
                pointer,
                "must be a key: lower-case letters and digits, parted by single hyphens, at most 64",
            )
            return ""
        return raw

    def parse_property(self, pointer: str, raw: object) -> str:
        """A property: a plain name, or a JSON Pointer of at most 16 parts; empty with a fault."""
        name = self.parse_text(pointer, raw)
        problem = pointers.find_pointer_problem(name)
        if problem is not None:
            self.add_fault(pointer, problem)
        return name

    def parse_map(
        self, pointer: str, raw: object, targets: Sequence[str] | None = None
    ) -> dict[str, str]:
        """A map to one of `to`, or to keys of ours where that is None."""
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
            if targets is None:
                mapped_values[name] = self.parse_key(member_pointer, target)
            elif isinstance(target, str) and target in targets:
                mapped_values[name] = target
            else:
                self.add_fault(member_pointer, f"must be one of {', '.join(targets)}")
        return mapped_values

    def parse_rule(  # what a rule may hold differs by where it stands
        self,
        pointer: str,
        raw: object,
        *,
        targets: Sequence[str] | str | None = None,
        parses: Sequence[str] = PARSE_KINDS,
        needs_map: bool = False,
    ) -> Rule | None:
        """One rule. None when there is none, or it is no object.

        Shape: `to` is what it comes to: one of a list, `key` (a key of ours), `unit` (a short text), or anything
        (None); `parses` are the ways it may be parsed, the first of which is the usual one.
        """
        if raw is None:
            return None
        self.rule_count += 1
        allows_map = targets is not None and targets != "unit"
        allowed_members = [name for name in RULE_MEMBERS if name != "map" or allows_map]
        members = self.parse_members(pointer, raw, allowed_members)
        if not isinstance(raw, Mapping):
            return None
        properties = self.parse_sources(pointer, members, is_optional=targets == "unit")
        options = targets if not isinstance(targets, str) else None
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
            const=self.parse_constant(f"{pointer}/const", members.get("const"), targets),
            default=self.parse_constant(f"{pointer}/default", members.get("default"), targets),
            map=value_map,
            parse=str(parse_kind),
            scale=self.parse_integer(
                f"{pointer}/scale", members.get("scale", 0), -MAX_SCALE, MAX_SCALE
            ),
            upper=self.parse_flag(f"{pointer}/upper", members.get("upper", False)),
            split=self.parse_split(f"{pointer}/split", members.get("split")),
        )

    def parse_instant_rule(self, pointer: str, raw: object) -> InstantRule | None:
        """A rule whose value is an instant. None when there is none, or it is no object."""
        if raw is None:
            return None
        self.rule_count += 1
        members = self.parse_members(pointer, raw, ("property", "first_of", "format", "zone"))
        if not isinstance(raw, Mapping):
            return None
        form, zone_name = members.get("format", "any"), members.get("zone", "UTC")
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
        """The properties that a rule reads, in order; a constant reads none."""
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
        self, pointer: str, raw: object, targets: Sequence[str] | str | None
    ) -> Scalar:
        """A value that the mapping itself says."""
        if raw is None:
            return None
        if targets in ("key", "unit"):
            return (
                self.parse_key(pointer, raw)
                if targets == "key"
                else self.parse_text(pointer, raw, MAX_UNIT_LENGTH)
            )
        if targets is not None and raw not in targets:
            self.add_fault(pointer, f"must be one of {', '.join(targets)}")
            return None
        if isinstance(raw, int | float | Decimal):
            return Decimal(repr(raw)) if isinstance(raw, float) else raw
        return self.parse_text(pointer, raw)

    def parse_integer(self, pointer: str, raw: object, minimum: int, maximum: int) -> int:
        """A whole number between two."""
        if isinstance(raw, bool) or not isinstance(raw, int) or not minimum <= raw <= maximum:
            self.add_fault(pointer, f"must be a whole number from {minimum} to {maximum}")
            return 0
        return raw

    def parse_flag(self, pointer: str, raw: object) -> bool:
        """True or false."""
        if not isinstance(raw, bool):
            self.add_fault(pointer, "must be true or false")
        return raw is True

    def parse_split(self, pointer: str, raw: object) -> tuple[str, int] | None:
        """A separator and which part. None when the text is not split."""
        if raw is None:
            return None
        members = self.parse_members(pointer, raw, ("by", "index"))
        separator = members.get("by")
        if not isinstance(separator, str) or not 1 <= len(separator) <= 16:
            self.add_fault(f"{pointer}/by", "must be a text of 1 to 16 characters")
            return None
        return separator, self.parse_integer(f"{pointer}/index", members.get("index", 0), 0, 255)
