"""A source's mapping: which properties of a CRM mean what to this organization. Data, checked once; no expressions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from app.domain.primitives.errors import Fault, InvalidError
from app.domain.sources.mapping.generic_envelope import Envelope, EnvelopeReader
from app.domain.sources.mapping.parser import ENTRIES, RULES, UNIT, escape
from app.domain.sources.mapping.rules import SOURCES, Moment, Rule

CLASSES: Final = ("open", "won", "lost")
KINDS: Final = ("outcome", "activity")
RESERVED: Final = ("pipeline", "stage", "original_value", "original_unit")
DEALS: Final = (
    *(
        "stage",
        "pipeline",
        "stages",
        "status",
        "won",
        "closed",
        "created_at",
        "modified_at",
        "closed_at",
    ),
    *("team", "value", "unit", "rates", "offerings", "line_items", "data"),
)
ENVELOPE: Final = ("version", "when", "each", "kind", "entity", "occurred_at", "sequence", "dedupe")
EVENTS: Final = ("version", "team", "kind", "value", "unit", "effort", "objective", "data")
FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "deals": ("version", *DEALS),
    "generic": (*ENVELOPE, *DEALS),
    "events": EVENTS,
}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one `unit` is worth in `to` from a day on."""

    unit: str
    to: str
    rate: Decimal
    valid_from: date


@dataclass(frozen=True, slots=True)
class LineItems:
    """How the line items of a deal say what was sold; `value`, else `price` times `quantity`. None when: not used."""

    offering: Rule | None = None
    value: Rule | None = None
    price: Rule | None = None
    quantity: Rule | None = None


@dataclass(frozen=True, slots=True)
class EventRules:
    """How an event of a foreign shape (CloudEvents) becomes one of ours. None when: not used."""

    team: Rule | None = None
    kind: Rule | None = None
    value: Rule | None = None
    unit: Rule | None = None
    effort: Rule | None = None
    objective: Rule | None = None
    data: Mapping[str, Rule] | None = None


@dataclass(frozen=True, slots=True)
class DealMapping:
    """How a deal's properties become events: `app/domain/sources/mapping/rules.py` says what a rule can do.

    A property is a plain name (`amount`: a member of the record, or what the CRM calls it on the wire) or a JSON
    Pointer into the record (`/custom_fields/abc/value`); a change's `fields` are spelled exactly as `properties` spells
    them, so a connector that gets records writes `fields=picked(record, mapping.properties())`.

    Whether a deal is open, won or lost is said by the first of these that says anything at that time: `status` (mapped
    to the class), `won` and `closed` (two booleans, as Salesforce has them: won, else closed is lost, else open), the
    `stage` looked up in `stages`. The stage moves the deal and stands in its data whatever decides the class.
    `created_at`, `closed_at` and `modified_at` date what a snapshot tells of before: when the deal was created, and
    when it was closed if nothing was known of it before that; `modified_at` dates an imported record.

    Shape: `envelope` for the generic connector alone, `event` for CloudEvents alone.
    None when: the organization does not use that rule.
    """

    stage: Rule | None = None
    pipeline: Rule | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    status: Rule | None = None
    won: Rule | None = None
    closed: Rule | None = None
    created_at: Moment | None = None
    modified_at: Moment | None = None
    closed_at: Moment | None = None
    team: Rule | None = None
    value: Rule | None = None
    unit: Rule | None = None
    rates: tuple[Rate, ...] = ()
    offerings: Rule | None = None
    line_items: LineItems | None = None
    data: Mapping[str, Rule] = field(default_factory=dict)
    envelope: Envelope | None = None
    event: EventRules | None = None

    def properties(self) -> frozenset[str]:
        """The properties of a deal that the rules read, names and pointers as the mapping spells them."""
        rules = [
            self.stage,
            self.pipeline,
            self.status,
            self.won,
            self.closed,
            self.team,
            self.value,
            self.unit,
        ]
        rules += [self.offerings, *self.data.values()]
        moments = [self.created_at, self.modified_at, self.closed_at]
        read = {name for rule in rules if rule is not None for name in rule.properties}
        return frozenset(
            read | {name for moment in moments if moment is not None for name in moment.properties}
        )

    def line_item_properties(self) -> frozenset[str]:
        """The properties of a line item that the rules read: none where no rule says its offering."""
        items = self.line_items
        rules = (
            ()
            if items is None or items.offering is None
            else (items.offering, items.value, items.price, items.quantity)
        )
        return frozenset(name for rule in rules if rule is not None for name in rule.properties)

    def teams(self) -> frozenset[str]:
        """The keys of the teams that the rules name: the caller checks that they exist."""
        rules = [self.team, self.event.team if self.event is not None else None]
        named = [
            value
            for rule in rules
            if rule
            for value in (*(rule.map or {}).values(), rule.default, rule.const)
        ]
        return frozenset(value for value in named if isinstance(value, str))

    def rate_on(self, unit: str, day: date) -> Rate | None:
        """The rate that converts `unit` on `day`: the one that became valid last. None when no rate is valid yet."""
        valid = [rate for rate in self.rates if rate.unit == unit and rate.valid_from <= day]
        return max(valid, key=lambda rate: rate.valid_from, default=None)


def merged(defaults: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """The defaults with what the source says laid over them, member by member; null takes a default away (RFC 7396).

    A rule that says where its value comes from takes the default's `property`, `first_of` or `const` away.
    """
    given = any(name in own for name in SOURCES)
    result = {name: value for name, value in defaults.items() if not (given and name in SOURCES)}
    for name, value in own.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[name] = value
    return result


def parse(own: object, defaults: Mapping[str, object], form: str = "deals") -> DealMapping:
    """The mapping in force: what the source says over its connector's defaults.

    Shape: `form` is the connector's: `deals` (a CRM), `generic`, `events` (CloudEvents), or `none`: it takes none.
    Raises: InvalidError, with a fault at each wrong place (`/mapping/...`).
    """
    if own is not None and not isinstance(own, Mapping):
        raise InvalidError("The mapping is not valid.", [Fault("/mapping", "must be an object")])
    if form == "none":
        if own:
            raise InvalidError(
                "The mapping is not valid.",
                [Fault("/mapping", "this connector takes events as they are")],
            )
        return DealMapping()
    reader = _Reader()
    mapping = reader.mapping(merged(defaults, own or {}), form)
    if reader.faults:
        raise InvalidError("The mapping is not valid.", reader.faults)
    return mapping


class _Reader(EnvelopeReader):
    """Reads one mapping."""

    def mapping(self, raw: Mapping[str, object], form: str) -> DealMapping:
        self.members("", raw, FORMS[form])
        if raw.get("version", 1) != 1 or isinstance(raw.get("version"), bool):
            self.fault("/version", "must be 1")
        if form == "events":
            mapping = DealMapping(event=self.event(raw))
        else:
            mapping = self.deals(raw, self.envelope(raw) if form == "generic" else None)
        self.limits()
        return mapping

    def deals(self, raw: Mapping[str, object], envelope: Envelope | None) -> DealMapping:
        return DealMapping(
            stage=self.rule("/stage", raw.get("stage"), parses=("text",)),
            pipeline=self.rule("/pipeline", raw.get("pipeline"), parses=("text",)),
            stages=self.map("/stages", raw.get("stages", {}), CLASSES),
            status=self.rule(
                "/status", raw.get("status"), to=CLASSES, parses=("text",), needs_map=True
            ),
            won=self.rule("/won", raw.get("won"), parses=("bool",)),
            closed=self.rule("/closed", raw.get("closed"), parses=("bool",)),
            created_at=self.moment("/created_at", raw.get("created_at")),
            modified_at=self.moment("/modified_at", raw.get("modified_at")),
            closed_at=self.moment("/closed_at", raw.get("closed_at")),
            team=self.rule("/team", raw.get("team"), to="key", parses=("text",), needs_map=True),
            value=self.rule("/value", raw.get("value"), parses=("decimal",)),
            unit=self.rule("/unit", raw.get("unit"), to="unit", parses=("text",)),
            rates=self.rates("/rates", raw.get("rates", [])),
            offerings=self.rule("/offerings", raw.get("offerings"), to="key", parses=("text",)),
            line_items=self.line_items("/line_items", raw.get("line_items")),
            data=self.data("/data", raw.get("data", {})),
            envelope=envelope,
        )

    def event(self, raw: Mapping[str, object]) -> EventRules:
        return EventRules(
            team=self.rule("/team", raw.get("team"), to="key", parses=("text",)),
            kind=self.rule("/kind", raw.get("kind"), to=KINDS, parses=("text",)),
            value=self.rule("/value", raw.get("value"), parses=("decimal",)),
            unit=self.rule("/unit", raw.get("unit"), to="unit", parses=("text",)),
            effort=self.rule("/effort", raw.get("effort"), parses=("decimal",)),
            objective=self.rule("/objective", raw.get("objective"), to="key", parses=("text",)),
            data=self.data("/data", raw["data"]) if raw.get("data") is not None else None,
        )

    def line_items(self, at: str, raw: object) -> LineItems | None:
        if raw is None:
            return None
        found = self.members(at, raw, ("offering", "value", "price", "quantity"))
        return LineItems(
            offering=self.rule(f"{at}/offering", found.get("offering"), to="key", parses=("text",)),
            value=self.rule(f"{at}/value", found.get("value"), parses=("decimal",)),
            price=self.rule(f"{at}/price", found.get("price"), parses=("decimal",)),
            quantity=self.rule(f"{at}/quantity", found.get("quantity"), parses=("decimal",)),
        )

    def data(self, at: str, raw: object) -> Mapping[str, Rule]:
        if not isinstance(raw, Mapping):
            self.fault(at, "must be an object")
            return {}
        fields = {}
        for name, value in sorted(raw.items())[: RULES + 1]:
            here = f"{at}/{escape(name)}"
            if name in RESERVED or not _NAME.fullmatch(name):
                said = ", ".join(RESERVED)
                self.fault(
                    here, f"must be named by letters, digits, _ and -, at most 64, and not {said}"
                )
            rule = self.rule(here, value)
            if rule is not None:
                fields[name] = rule
        return fields

    def rates(self, at: str, raw: object) -> tuple[Rate, ...]:
        if not isinstance(raw, list | tuple):
            self.fault(at, "must be a list")
            return ()
        self.entries += len(raw)
        found: dict[tuple[str, date], Rate] = {}
        for index, item in enumerate(raw[: ENTRIES + 1]):
            rate = self.rate(f"{at}/{index}", item)
            if (
                rate is not None
                and found.setdefault((rate.unit, rate.valid_from), rate) is not rate
            ):
                self.fault(
                    f"{at}/{index}", "another rate is valid from the same day for the same unit"
                )
        return tuple(sorted(found.values(), key=lambda rate: (rate.unit, rate.valid_from)))

    def rate(self, at: str, raw: object) -> Rate | None:
        before = len(self.faults)
        rule = self.members(at, raw, ("from", "to", "rate", "valid_from"))
        if not isinstance(raw, Mapping):
            return None
        unit, to = (
            self.text(f"{at}/from", rule.get("from"), UNIT),
            self.text(f"{at}/to", rule.get("to"), UNIT),
        )
        if unit and unit == to:
            self.fault(f"{at}/to", "must differ from 'from'")
        number = _number(rule.get("rate"))
        if number is None:
            self.fault(
                f"{at}/rate", "must be a number above 0 and at most 1e12, with at most 12 decimals"
            )
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
