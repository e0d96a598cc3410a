"""A source's mapping: which properties of a CRM mean what to this organization. Data, checked once; no expressions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from app.domain.primitives.errors import Fault, InvalidError
from app.domain.sources.mapping.generic_envelope import Envelope, EnvelopeParser
from app.domain.sources.mapping.parser import (
    MAX_MAP_ENTRIES,
    MAX_RULES,
    MAX_UNIT_LENGTH,
    escape_pointer,
)
from app.domain.sources.mapping.rules import SOURCE_OPERATORS, InstantRule, Rule

DEAL_CLASSES: Final = ("open", "won", "lost")
EVENT_KINDS: Final = ("outcome", "activity")
RESERVED_DATA_NAMES: Final = ("pipeline", "stage", "original_value", "original_unit")
DEAL_MEMBERS: Final = (
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
ENVELOPE_MEMBERS: Final = (
    "version",
    "when",
    "each",
    "kind",
    "entity",
    "occurred_at",
    "sequence",
    "dedupe",
)
EVENT_MEMBERS: Final = ("version", "team", "kind", "value", "unit", "effort", "objective", "data")
MEMBERS_BY_FORM: Final[Mapping[str, tuple[str, ...]]] = {
    "deals": ("version", *DEAL_MEMBERS),
    "generic": (*ENVELOPE_MEMBERS, *DEAL_MEMBERS),
    "events": EVENT_MEMBERS,
}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class CurrencyRate:
    """What one `unit` is worth in `to` from a day on."""

    unit: str
    target_unit: str
    rate: Decimal
    valid_from: date


@dataclass(frozen=True, slots=True)
class LineItemRules:
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
    created_at: InstantRule | None = None
    modified_at: InstantRule | None = None
    closed_at: InstantRule | None = None
    team: Rule | None = None
    value: Rule | None = None
    unit: Rule | None = None
    rates: tuple[CurrencyRate, ...] = ()
    offerings: Rule | None = None
    line_items: LineItemRules | None = None
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
        instant_rules = [self.created_at, self.modified_at, self.closed_at]
        property_names = {name for rule in rules if rule is not None for name in rule.properties}
        return frozenset(
            property_names
            | {
                name
                for instant_rule in instant_rules
                if instant_rule is not None
                for name in instant_rule.properties
            }
        )

    def line_item_properties(self) -> frozenset[str]:
        """The properties of a line item that the rules read: none where no rule says its offering."""
        line_item_rules = self.line_items
        rules = (
            ()
            if line_item_rules is None or line_item_rules.offering is None
            else (
                line_item_rules.offering,
                line_item_rules.value,
                line_item_rules.price,
                line_item_rules.quantity,
            )
        )
        return frozenset(name for rule in rules if rule is not None for name in rule.properties)

    def team_keys(self) -> frozenset[str]:
        """The keys of the teams that the rules name: the caller checks that they exist."""
        rules = [self.team, self.event.team if self.event is not None else None]
        named_teams = [
            team
            for rule in rules
            if rule
            for team in (*(rule.map or {}).values(), rule.default, rule.const)
        ]
        return frozenset(team for team in named_teams if isinstance(team, str))

    def find_rate(self, unit: str, day: date) -> CurrencyRate | None:
        """The rate that converts `unit` on `day`: the one that became valid last. None when no rate is valid yet."""
        valid_rates = [rate for rate in self.rates if rate.unit == unit and rate.valid_from <= day]
        return max(valid_rates, key=lambda rate: rate.valid_from, default=None)


def merge_defaults(
    defaults: Mapping[str, object], overrides: Mapping[str, object]
) -> dict[str, object]:
    """The defaults with what the source says laid over them, member by member; null takes a default away (RFC 7396).

    A rule that says where its value comes from takes the default's `property`, `first_of` or `const` away.
    """
    overrides_source = any(name in overrides for name in SOURCE_OPERATORS)
    members = {
        name: member
        for name, member in defaults.items()
        if not (overrides_source and name in SOURCE_OPERATORS)
    }
    for name, member in overrides.items():
        if member is None:
            members.pop(name, None)
        elif isinstance(member, Mapping):
            nested_defaults = members.get(name)
            members[name] = merge_defaults(
                nested_defaults if isinstance(nested_defaults, Mapping) else {}, member
            )
        else:
            members[name] = member
    return members


def parse_mapping(
    overrides: object, defaults: Mapping[str, object], form: str = "deals"
) -> DealMapping:
    """The mapping in force: what the source says over its connector's defaults.

    Shape: `form` is the connector's: `deals` (a CRM), `generic`, `events` (CloudEvents), or `none`: it takes none.
    Raises: InvalidError, with a fault at each wrong place (`/mapping/...`).
    """
    if overrides is not None and not isinstance(overrides, Mapping):
        raise InvalidError("The mapping is not valid.", [Fault("/mapping", "must be an object")])
    if form == "none":
        if overrides:
            raise InvalidError(
                "The mapping is not valid.",
                [Fault("/mapping", "this connector takes events as they are")],
            )
        return DealMapping()
    parser = _MappingParser()
    mapping = parser.parse_mapping(merge_defaults(defaults, overrides or {}), form)
    if parser.faults:
        raise InvalidError("The mapping is not valid.", parser.faults)
    return mapping


class _MappingParser(EnvelopeParser):
    """Reads one mapping."""

    def parse_mapping(self, raw: Mapping[str, object], form: str) -> DealMapping:
        self.parse_members("", raw, MEMBERS_BY_FORM[form])
        if raw.get("version", 1) != 1 or isinstance(raw.get("version"), bool):
            self.add_fault("/version", "must be 1")
        if form == "events":
            mapping = DealMapping(event=self.parse_event_rules(raw))
        else:
            mapping = self.parse_deal_mapping(
                raw, self.parse_envelope(raw) if form == "generic" else None
            )
        self.check_limits()
        return mapping

    def parse_deal_mapping(
        self, raw: Mapping[str, object], envelope: Envelope | None
    ) -> DealMapping:
        return DealMapping(
            stage=self.parse_rule("/stage", raw.get("stage"), parses=("text",)),
            pipeline=self.parse_rule("/pipeline", raw.get("pipeline"), parses=("text",)),
            stages=self.parse_map("/stages", raw.get("stages", {}), DEAL_CLASSES),
            status=self.parse_rule(
                "/status", raw.get("status"), targets=DEAL_CLASSES, parses=("text",), needs_map=True
            ),
            won=self.parse_rule("/won", raw.get("won"), parses=("bool",)),
            closed=self.parse_rule("/closed", raw.get("closed"), parses=("bool",)),
            created_at=self.parse_instant_rule("/created_at", raw.get("created_at")),
            modified_at=self.parse_instant_rule("/modified_at", raw.get("modified_at")),
            closed_at=self.parse_instant_rule("/closed_at", raw.get("closed_at")),
            team=self.parse_rule(
                "/team", raw.get("team"), targets="key", parses=("text",), needs_map=True
            ),
            value=self.parse_rule("/value", raw.get("value"), parses=("decimal",)),
            unit=self.parse_rule("/unit", raw.get("unit"), targets="unit", parses=("text",)),
            rates=self.parse_rates("/rates", raw.get("rates", [])),
            offerings=self.parse_rule(
                "/offerings", raw.get("offerings"), targets="key", parses=("text",)
            ),
            line_items=self.parse_line_items("/line_items", raw.get("line_items")),
            data=self.parse_data("/data", raw.get("data", {})),
            envelope=envelope,
        )

    def parse_event_rules(self, raw: Mapping[str, object]) -> EventRules:
        return EventRules(
            team=self.parse_rule("/team", raw.get("team"), targets="key", parses=("text",)),
            kind=self.parse_rule("/kind", raw.get("kind"), targets=EVENT_KINDS, parses=("text",)),
            value=self.parse_rule("/value", raw.get("value"), parses=("decimal",)),
            unit=self.parse_rule("/unit", raw.get("unit"), targets="unit", parses=("text",)),
            effort=self.parse_rule("/effort", raw.get("effort"), parses=("decimal",)),
            objective=self.parse_rule(
                "/objective", raw.get("objective"), targets="key", parses=("text",)
            ),
            data=self.parse_data("/data", raw["data"]) if raw.get("data") is not None else None,
        )

    def parse_line_items(self, pointer: str, raw: object) -> LineItemRules | None:
        if raw is None:
            return None
        members = self.parse_members(pointer, raw, ("offering", "value", "price", "quantity"))
        return LineItemRules(
            offering=self.parse_rule(
                f"{pointer}/offering", members.get("offering"), targets="key", parses=("text",)
            ),
            value=self.parse_rule(f"{pointer}/value", members.get("value"), parses=("decimal",)),
            price=self.parse_rule(f"{pointer}/price", members.get("price"), parses=("decimal",)),
            quantity=self.parse_rule(
                f"{pointer}/quantity", members.get("quantity"), parses=("decimal",)
            ),
        )

    def parse_data(self, pointer: str, raw: object) -> Mapping[str, Rule]:
        if not isinstance(raw, Mapping):
            self.add_fault(pointer, "must be an object")
            return {}
        fields = {}
        for name, rule_raw in sorted(raw.items())[: MAX_RULES + 1]:
            member_pointer = f"{pointer}/{escape_pointer(name)}"
            if name in RESERVED_DATA_NAMES or not _NAME.fullmatch(name):
                reserved_names = ", ".join(RESERVED_DATA_NAMES)
                self.add_fault(
                    member_pointer,
                    f"must be named by letters, digits, _ and -, at most 64, and not {reserved_names}",
                )
            rule = self.parse_rule(member_pointer, rule_raw)
            if rule is not None:
                fields[name] = rule
        return fields

    def parse_rates(self, pointer: str, raw: object) -> tuple[CurrencyRate, ...]:
        if not isinstance(raw, list | tuple):
            self.add_fault(pointer, "must be a list")
            return ()
        self.entry_count += len(raw)
        rates_by_day: dict[tuple[str, date], CurrencyRate] = {}
        for index, rate_raw in enumerate(raw[: MAX_MAP_ENTRIES + 1]):
            rate = self.parse_rate(f"{pointer}/{index}", rate_raw)
            if (
                rate is not None
                and rates_by_day.setdefault((rate.unit, rate.valid_from), rate) is not rate
            ):
                self.add_fault(
                    f"{pointer}/{index}",
                    "another rate is valid from the same day for the same unit",
                )
        return tuple(sorted(rates_by_day.values(), key=lambda rate: (rate.unit, rate.valid_from)))

    def parse_rate(self, pointer: str, raw: object) -> CurrencyRate | None:
        fault_count = len(self.faults)
        members = self.parse_members(pointer, raw, ("from", "to", "rate", "valid_from"))
        if not isinstance(raw, Mapping):
            return None
        unit, target_unit = (
            self.parse_text(f"{pointer}/from", members.get("from"), MAX_UNIT_LENGTH),
            self.parse_text(f"{pointer}/to", members.get("to"), MAX_UNIT_LENGTH),
        )
        if unit and unit == target_unit:
            self.add_fault(f"{pointer}/to", "must differ from 'from'")
        factor = _parse_rate_factor(members.get("rate"))
        if factor is None:
            self.add_fault(
                f"{pointer}/rate",
                "must be a number above 0 and at most 1e12, with at most 12 decimals",
            )
        day = _parse_day(members.get("valid_from"))
        if day is None:
            self.add_fault(f"{pointer}/valid_from", "must be a day: YYYY-MM-DD")
        if factor is None or day is None or len(self.faults) > fault_count:
            return None
        return CurrencyRate(unit, target_unit, factor, day)


def _parse_rate_factor(raw: object) -> Decimal | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        return None
    factor = Decimal(repr(raw)) if isinstance(raw, float) else Decimal(raw)
    if not factor.is_finite() or not 0 < factor <= 10**12:
        return None
    exponent = factor.as_tuple().exponent
    return factor if isinstance(exponent, int) and exponent >= -12 else None


def _parse_day(raw: object) -> date | None:
    if not isinstance(raw, str) or not _DAY.fullmatch(raw):
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError:
        return None
