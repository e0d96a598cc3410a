"""Reads the rules of a mapping and gathers what is wrong with them, so that the person sees all of it at once."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from app.domain.primitives.errors import Fault
from app.domain.sources.crm.changes import Scalar
from app.domain.sources.mapping import json_pointer as pointers
from app.domain.sources.mapping.rules import PARSES, SCALE, SOURCES, Moment, Rule
from app.domain.sources.mapping.values import FORMATS

RULES: Final = 64
ENTRIES: Final = 4096
LETTERS: Final = 512
UNIT: Final = 32
ALTERNATIVES: Final = 16
SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
MEMBERS: Final = (*SOURCES, "default", "map", "parse", "scale", "upper", "split")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def escape(name: object) -> str:
    """A member's name as a part of a JSON Pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


class RuleReader:
    """What the readers of all mappings share. Shape: `faults` point into the mapping (`/mapping/...`)."""

    def __init__(self) -> None:
        """Nothing is wrong yet."""
        self.faults: list[Fault] = []
        self.entries = 0
        self.rules = 0

    def fault(self, at: str, detail: str) -> None:
        """Something is wrong at a place."""
        self.faults.append(Fault(f"/mapping{at}", detail))

    def limits(self) -> None:
        """The mapping is within its bounds, or a fault says which it is not."""
        if self.rules > RULES:
            self.fault("", f"must have at most {RULES} rules")
        if self.entries > ENTRIES:
            self.fault("", f"must have at most {ENTRIES} entries in its maps")

    def members(self, at: str, raw: object, known: Sequence[str]) -> Mapping[str, object]:
        """The members of an object, none but known ones. Shape: empty for what is no object, with a fault."""
        if not isinstance(raw, Mapping):
            self.fault(at, "must be an object")
            return {}
        for name in raw:
            if name not in known:
                self.fault(
                    f"{at}/{escape(name)}", f"is not a member here; known are {', '.join(known)}"
                )
        return raw

    def text(self, at: str, raw: object, limit: int = LETTERS) -> str:
        """A printable text; empty with a fault."""
        if not isinstance(raw, str) or not raw.strip() or len(raw) > limit or _CONTROL.search(raw):
            self.fault(at, f"must be a text of 1 to {limit} printable characters")
            return ""
        return raw

    def slug(self, at: str, raw: object) -> str:
        """A key of ours; empty with a fault."""
        if not isinstance(raw, str) or len(raw) > 64 or not SLUG.fullmatch(raw):
            self.fault(
                at,
                "must be a key: lower-case letters and digits, parted by single hyphens, at most 64",
            )
            return ""
        return raw

    def property(self, at: str, raw: object) -> str:
        """A property: a plain name, or a JSON Pointer of at most 16 parts; empty with a fault."""
        name = self.text(at, raw)
        wrong = pointers.problem(name)
        if wrong is not None:
            self.fault(at, wrong)
        return name

    def map(self, at: str, raw: object, to: Sequence[str] | None = None) -> dict[str, str]:
        """A map to one of `to`, or to keys of ours where that is None."""
        if not isinstance(raw, Mapping):
            self.fault(at, "must be an object")
            return {}
        self.entries += len(raw)
        if self.entries > ENTRIES:
            return {}
        result = {}
        for name, value in raw.items():
            here = f"{at}/{escape(name)}"
            self.text(here, name)
            if to is None:
                result[name] = self.slug(here, value)
            elif isinstance(value, str) and value in to:
                result[name] = value
            else:
                self.fault(here, f"must be one of {', '.join(to)}")
        return result

    def rule(  # what a rule may hold differs by where it stands
        self,
        at: str,
        raw: object,
        *,
        to: Sequence[str] | str | None = None,
        parses: Sequence[str] = PARSES,
        needs_map: bool = False,
    ) -> Rule | None:
        """One rule. None when there is none, or it is no object.

        Shape: `to` is what it comes to: one of a list, `key` (a key of ours), `unit` (a short text), or anything
        (None); `parses` are the ways it may be parsed, the first of which is the usual one.
        """
        if raw is None:
            return None
        self.rules += 1
        mapped = to is not None and to != "unit"
        known = [name for name in MEMBERS if name != "map" or mapped]
        found = self.members(at, raw, known)
        if not isinstance(raw, Mapping):
            return None
        properties = self.sources(at, found, needless=to == "unit")
        options = to if not isinstance(to, str) else None
        table = self.map(f"{at}/map", found["map"], options) if mapped and "map" in found else None
        if needs_map and table is None and "const" not in found and "map" not in found:
            self.fault(f"{at}/map", "is required")
        kind = found.get("parse", parses[0])
        if not isinstance(kind, str) or kind not in parses:
            self.fault(f"{at}/parse", f"must be one of {', '.join(parses)}")
        return Rule(
            properties=properties,
            const=self.said(f"{at}/const", found.get("const"), to),
            default=self.said(f"{at}/default", found.get("default"), to),
            map=table,
            parse=str(kind),
            scale=self.whole(f"{at}/scale", found.get("scale", 0), -SCALE, SCALE),
            upper=self.flag(f"{at}/upper", found.get("upper", False)),
            split=self.split(f"{at}/split", found.get("split")),
        )

    def moment(self, at: str, raw: object) -> Moment | None:
        """A rule whose value is an instant. None when there is none, or it is no object."""
        if raw is None:
            return None
        self.rules += 1
        found = self.members(at, raw, ("property", "first_of", "format", "zone"))
        if not isinstance(raw, Mapping):
            return None
        form, zone = found.get("format", "any"), found.get("zone", "UTC")
        if form not in FORMATS:
            self.fault(f"{at}/format", f"must be one of {', '.join(FORMATS)}")
        try:
            place = ZoneInfo(zone if isinstance(zone, str) else "")
        except (KeyError, ValueError, OSError):
            self.fault(f"{at}/zone", "must be an IANA time zone, such as Europe/Oslo")
            place = ZoneInfo("UTC")
        return Moment(self.sources(at, found, needless=False), str(form), place)

    def sources(self, at: str, found: Mapping[str, object], *, needless: bool) -> tuple[str, ...]:
        """The properties that a rule reads, in order; a constant reads none."""
        given = [name for name in SOURCES if name in found]
        if len(given) > 1:
            self.fault(f"{at}/{given[1]}", f"cannot stand beside '{given[0]}'")
        if not given and not (needless and "default" in found):
            self.fault(f"{at}/property", "is required")
        if "property" in found:
            return (self.property(f"{at}/property", found["property"]),)
        several = found.get("first_of", ())
        if (
            not isinstance(several, list | tuple)
            or len(several) > ALTERNATIVES
            or ("first_of" in found and not several)
        ):
            self.fault(f"{at}/first_of", f"must be a list of 1 to {ALTERNATIVES} properties")
            return ()
        return tuple(
            self.property(f"{at}/first_of/{index}", one) for index, one in enumerate(several)
        )

    def said(self, at: str, raw: object, to: Sequence[str] | str | None) -> Scalar:
        """A value that the mapping itself says."""
        if raw is None:
            return None
        if to in ("key", "unit"):
            return self.slug(at, raw) if to == "key" else self.text(at, raw, UNIT)
        if to is not None and raw not in to:
            self.fault(at, f"must be one of {', '.join(to)}")
            return None
        if isinstance(raw, int | float | Decimal):
            return Decimal(repr(raw)) if isinstance(raw, float) else raw
        return self.text(at, raw)

    def whole(self, at: str, raw: object, low: int, high: int) -> int:
        """A whole number between two."""
        if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
            self.fault(at, f"must be a whole number from {low} to {high}")
            return 0
        return raw

    def flag(self, at: str, raw: object) -> bool:
        """True or false."""
        if not isinstance(raw, bool):
            self.fault(at, "must be true or false")
        return raw is True

    def split(self, at: str, raw: object) -> tuple[str, int] | None:
        """A separator and which part. None when the text is not split."""
        if raw is None:
            return None
        found = self.members(at, raw, ("by", "index"))
        by = found.get("by")
        if not isinstance(by, str) or not 1 <= len(by) <= 16:
            self.fault(f"{at}/by", "must be a text of 1 to 16 characters")
            return None
        return by, self.whole(f"{at}/index", found.get("index", 0), 0, 255)
