"""A source's mapping: which properties of a CRM mean what to this organization. Data, checked once; no expressions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from app.domain.errors import Fault, InvalidError

CLASSES: Final = ("open", "won", "lost")
PARSES: Final = ("text", "decimal", "int", "bool")
RESERVED: Final = ("pipeline", "stage", "original_value", "original_unit")
RULES: Final = 64
ENTRIES: Final = 4096
LETTERS: Final = 512
SLUG: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Choice:
    """A property whose values are looked up. None when: `map` is None where the raw value is taken as it is."""

    property: str | None
    map: Mapping[str, str] | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class DataField:
    """A property that is copied into an event's data under `name`."""

    name: str
    property: str
    parse: str = "text"


@dataclass(frozen=True, slots=True)
class Rate:
    """What one `unit` is worth in `to` from a day on."""

    unit: str
    to: str
    rate: Decimal
    valid_from: date


@dataclass(frozen=True, slots=True)
class DealMapping:
    """How a deal's properties become events. None when: the organization does not use that rule."""

    stage: str | None = None
    pipeline: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    team: Choice | None = None
    value: str | None = None
    unit: Choice | None = None
    rates: tuple[Rate, ...] = ()
    offerings: Choice | None = None
    data: tuple[DataField, ...] = ()

    def properties(self) -> frozenset[str]:
        """The raw properties of a deal that the rules read."""
        choices = [rule.property for rule in (self.team, self.unit, self.offerings) if rule is not None]
        named = [self.stage, self.pipeline, self.value, *choices, *(rule.property for rule in self.data)]
        return frozenset(name for name in named if name is not None)

    def teams(self) -> frozenset[str]:
        """The keys of the teams that the rules name: the caller checks that they exist."""
        rule = self.team
        return frozenset() if rule is None else frozenset([*(rule.map or {}).values(), *filter(None, [rule.default])])

    def rate_on(self, unit: str, day: date) -> Rate | None:
        """The rate that converts `unit` on `day`: the one that became valid last. None when no rate is valid yet."""
        valid = [rate for rate in self.rates if rate.unit == unit and rate.valid_from <= day]
        return max(valid, key=lambda rate: rate.valid_from, default=None)


def merged(defaults: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """The defaults with what the source says laid over them, member by member; null takes a default away (RFC 7396)."""
    result = dict(defaults)
    for name, value in own.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def parse(own: object, defaults: Mapping[str, object]) -> DealMapping:
    """The mapping in force: what the source says over its connector's defaults.

    Raises: InvalidError, with a fault at each wrong place (`/mapping/...`).
    """
    if own is not None and not isinstance(own, Mapping):
        raise InvalidError("The mapping is not valid.", [Fault("/mapping", "must be an object")])
    if own and not defaults:
        raise InvalidError("The mapping is not valid.", [Fault("/mapping", "this connector takes events as they are")])
    reader = _Reader()
    mapping = reader.mapping(merged(defaults, own or {}))
    if reader.faults:
        raise InvalidError("The mapping is not valid.", reader.faults)
    return mapping


class _Reader:
    """Reads one mapping and gathers what is wrong with it, so that the person sees all of it at once."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.entries = 0

    def fault(self, at: str, detail: str) -> None:
        self.faults.append(Fault(f"/mapping{at}", detail))

    def mapping(self, raw: Mapping[str, object]) -> DealMapping:
        known = ("stage", "pipeline", "stages", "team", "value", "unit", "rates", "offerings", "data")
        self.members("", raw, known)
        value = self.rule("/value", raw.get("value"), ("property", "parse"))
        if value.get("parse", "decimal") != "decimal":
            self.fault("/value/parse", "must be 'decimal'")
        mapping = DealMapping(
            stage=self.property("/stage", self.rule("/stage", raw.get("stage"), ("property",))),
            pipeline=self.property("/pipeline", self.rule("/pipeline", raw.get("pipeline"), ("property",))),
            stages=self.map("/stages", raw.get("stages", {}), CLASSES),
            team=self.choice("/team", raw.get("team"), needs_map=True),
            value=self.property("/value", value),
            unit=self.unit("/unit", raw.get("unit")),
            rates=self.rates("/rates", raw.get("rates", [])),
            offerings=self.choice("/offerings", raw.get("offerings"), needs_map=False),
            data=self.data("/data", raw.get("data", {})),
        )
        if len(raw) + len(mapping.data) > RULES:
            self.fault("", f"must have at most {RULES} rules")
        if self.entries > ENTRIES:
            self.fault("", f"must have at most {ENTRIES} entries in its maps")
        return mapping

    def members(self, at: str, raw: Mapping[str, object], known: Sequence[str]) -> None:
        for name in raw:
            if name not in known:
                self.fault(f"{at}/{escape(name)}", f"is not a member here; known are {', '.join(known)}")

    def rule(self, at: str, raw: object, known: Sequence[str]) -> Mapping[str, object]:
        if raw is None:
            return {}
        if not isinstance(raw, Mapping):
            self.fault(at, "must be an object")
            return {}
        self.members(at, raw, known)
        if "property" not in raw and "property" in known and not (at == "/unit" and "default" in raw):
            self.fault(f"{at}/property", "is required")
        return raw

    def text(self, at: str, raw: object, limit: int = LETTERS) -> str:
        if not isinstance(raw, str) or not raw.strip() or len(raw) > limit or _CONTROL.search(raw):
            self.fault(at, f"must be a text of 1 to {limit} printable characters")
            return ""
        return raw

    def slug(self, at: str, raw: object) -> str:
        if not isinstance(raw, str) or len(raw) > 64 or not SLUG.fullmatch(raw):
            self.fault(at, "must be a key: lower-case letters and digits, parted by single hyphens, at most 64")
            return ""
        return raw

    def property(self, at: str, rule: Mapping[str, object]) -> str | None:
        return self.text(f"{at}/property", rule["property"]) if "property" in rule else None

    def map(self, at: str, raw: object, allowed: Sequence[str] | None) -> dict[str, str]:
        """A map to one of `allowed`, or to keys where that is None."""
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
            if allowed is None:
                result[name] = self.slug(here, value)
            elif isinstance(value, str) and value in allowed:
                result[name] = value
            else:
                self.fault(here, f"must be one of {', '.join(allowed)}")
        return result

    def choice(self, at: str, raw: object, *, needs_map: bool) -> Choice | None:
        if raw is None:
            return None
        rule = self.rule(at, raw, ("property", "map", "default") if needs_map else ("property", "map"))
        if not isinstance(raw, Mapping):
            return None
        if needs_map and "map" not in rule:
            self.fault(f"{at}/map", "is required")
        found = self.map(f"{at}/map", rule["map"], None) if "map" in rule else None
        default = self.slug(f"{at}/default", rule["default"]) if "default" in rule else None
        return Choice(self.property(at, rule), found, default)

    def unit(self, at: str, raw: object) -> Choice | None:
        if raw is None:
            return None
        rule = self.rule(at, raw, ("property", "default"))
        default = self.text(f"{at}/default", rule["default"], 32) if "default" in rule else None
        return Choice(self.property(at, rule), None, default)

    def data(self, at: str, raw: object) -> tuple[DataField, ...]:
        if not isinstance(raw, Mapping):
            self.fault(at, "must be an object")
            return ()
        fields = []
        for name, value in list(raw.items())[: RULES + 1]:
            here = f"{at}/{escape(name)}"
            if name in RESERVED or not _NAME.fullmatch(name):
                self.fault(
                    here, f"must be named by letters, digits, _ and -, at most 64, and not {', '.join(RESERVED)}"
                )
            rule = self.rule(here, value, ("property", "parse")) if value is not None else {}
            kind = rule.get("parse", "text")
            if not isinstance(kind, str) or kind not in PARSES:
                self.fault(f"{here}/parse", f"must be one of {', '.join(PARSES)}")
            fields.append(DataField(name, self.property(here, rule) or "", str(kind)))
        return tuple(sorted(fields, key=lambda one: one.name))

    def rates(self, at: str, raw: object) -> tuple[Rate, ...]:
        if not isinstance(raw, list | tuple):
            self.fault(at, "must be a list")
            return ()
        self.entries += len(raw)
        found: dict[tuple[str, date], Rate] = {}
        for index, item in enumerate(raw[: ENTRIES + 1]):
            rate = self.rate(f"{at}/{index}", item)
            if rate is not None and found.setdefault((rate.unit, rate.valid_from), rate) is not rate:
                self.fault(f"{at}/{index}", "another rate is valid from the same day for the same unit")
        return tuple(sorted(found.values(), key=lambda rate: (rate.unit, rate.valid_from)))

    def rate(self, at: str, raw: object) -> Rate | None:
        before = len(self.faults)
        rule = self.rule(at, raw, ("from", "to", "rate", "valid_from"))
        if not isinstance(raw, Mapping):
            if raw is None:
                self.fault(at, "must be an object")
            return None
        unit, to = self.text(f"{at}/from", rule.get("from"), 32), self.text(f"{at}/to", rule.get("to"), 32)
        if unit and unit == to:
            self.fault(f"{at}/to", "must differ from 'from'")
        number = _number(rule.get("rate"))
        if number is None:
            self.fault(f"{at}/rate", "must be a number above 0 and at most 1e12, with at most 12 decimals")
        day = _day(rule.get("valid_from"))
        if day is None:
            self.fault(f"{at}/valid_from", "must be a day: YYYY-MM-DD")
        if number is None or day is None or len(self.faults) > before:
            return None
        return Rate(unit, to, number, day)


def _number(raw: object) -> Decimal | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        return None
    value = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    if not value.is_finite() or not 0 < value <= 10**12:
        return None
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and exponent >= -12 else None


def _day(raw: object) -> date | None:
    if not isinstance(raw, str) or not _DAY.fullmatch(raw):
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return None


def escape(name: object) -> str:
    """A member's name as a part of a JSON Pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")
