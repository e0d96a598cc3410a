"""Parser of a source's mapping: builds a DealMapping and collects every fault in it."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from app.domain.primitives.errors import Fault, InvalidError
from app.domain.sources.mapping.envelope_parser import EnvelopeParser
from app.domain.sources.mapping.generic_envelope import Envelope
from app.domain.sources.mapping.mapping import CurrencyRate, DealMapping, EventRules, LineItemRules
from app.domain.sources.mapping.rule_parser import (
    MAX_MAP_ENTRIES,
    MAX_RULES,
    MAX_UNIT_LENGTH,
    ValueType,
    escape_pointer,
)
from app.domain.sources.mapping.rules import SOURCE_OPERATORS, Rule

DEAL_CLASSES: Final = ("open", "won", "lost")
EVENT_KINDS: Final = ("outcome", "activity")
RESERVED_DATA_NAMES: Final = ("pipeline", "stage", "original_value", "original_unit")
# fmt: off
DEAL_MEMBERS: Final = (
    "stage", "pipeline", "stages", "status", "won", "closed", "created_at", "modified_at",
    "closed_at", "team", "value", "unit", "rates", "offerings", "line_items", "data",
)
ENVELOPE_MEMBERS: Final = (
    "version", "when", "each", "kind", "entity", "occurred_at", "sequence", "dedupe",
)
EVENT_MAPPING_MEMBERS: Final = (
    "version", "team", "kind", "value", "unit", "effort", "objective", "data",
)
# fmt: on
MEMBERS_BY_FORM: Final[Mapping[str, tuple[str, ...]]] = {
    "deals": ("version", *DEAL_MEMBERS),
    "generic": (*ENVELOPE_MEMBERS, *DEAL_MEMBERS),
    "events": EVENT_MAPPING_MEMBERS,
}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def merge_defaults(
    defaults: Mapping[str, object], overrides: Mapping[str, object]
) -> dict[str, object]:
    """Return the defaults with the overrides merged in, member by member.

    Null removes a default (RFC 7396). A rule with a source of its own replaces the
    source of the default rule: `property`, `first_of` or `const`.
    """
    overrides_source = any(member_name in overrides for member_name in SOURCE_OPERATORS)
    members = {
        member_name: member
        for member_name, member in defaults.items()
        if not (overrides_source and member_name in SOURCE_OPERATORS)
    }
    for member_name, member in overrides.items():
        if member is None:
            members.pop(member_name, None)
        elif isinstance(member, Mapping):
            nested_defaults = members.get(member_name)
            members[member_name] = merge_defaults(
                nested_defaults if isinstance(nested_defaults, Mapping) else {}, member
            )
        else:
            members[member_name] = member
    return members


def parse_mapping(
    overrides: object, defaults: Mapping[str, object], form: str = "deals"
) -> DealMapping:
    """Return the effective mapping: the source's mapping over the connector's defaults.

    `form` is the connector's: `deals` (a CRM), `generic`, `events` (CloudEvents), or `none` for a
    connector without a mapping.
    Raises: InvalidError with a fault at each wrong place (`/mapping/...`).
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
    """Parses one mapping."""

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
                "/status",
                raw.get("status"),
                allowed_values=DEAL_CLASSES,
                parses=("text",),
                needs_map=True,
            ),
            won=self.parse_rule("/won", raw.get("won"), parses=("bool",)),
            closed=self.parse_rule("/closed", raw.get("closed"), parses=("bool",)),
            created_at=self.parse_instant_rule("/created_at", raw.get("created_at")),
            modified_at=self.parse_instant_rule("/modified_at", raw.get("modified_at")),
            closed_at=self.parse_instant_rule("/closed_at", raw.get("closed_at")),
            team=self.parse_rule(
                "/team",
                raw.get("team"),
                allowed_values=ValueType.RESOURCE_KEY,
                parses=("text",),
                needs_map=True,
            ),
            value=self.parse_rule("/value", raw.get("value"), parses=("decimal",)),
            unit=self.parse_rule(
                "/unit", raw.get("unit"), allowed_values=ValueType.UNIT, parses=("text",)
            ),
            rates=self.parse_rates("/rates", raw.get("rates", [])),
            offerings=self.parse_rule(
                "/offerings",
                raw.get("offerings"),
                allowed_values=ValueType.RESOURCE_KEY,
                parses=("text",),
            ),
            line_items=self.parse_line_items("/line_items", raw.get("line_items")),
            data=self.parse_data("/data", raw.get("data", {})),
            envelope=envelope,
        )

    def parse_event_rules(self, raw: Mapping[str, object]) -> EventRules:
        return EventRules(
            team=self.parse_rule(
                "/team", raw.get("team"), allowed_values=ValueType.RESOURCE_KEY, parses=("text",)
            ),
            kind=self.parse_rule(
                "/kind", raw.get("kind"), allowed_values=EVENT_KINDS, parses=("text",)
            ),
            value=self.parse_rule("/value", raw.get("value"), parses=("decimal",)),
            unit=self.parse_rule(
                "/unit", raw.get("unit"), allowed_values=ValueType.UNIT, parses=("text",)
            ),
            effort=self.parse_rule("/effort", raw.get("effort"), parses=("decimal",)),
            objective=self.parse_rule(
                "/objective",
                raw.get("objective"),
                allowed_values=ValueType.RESOURCE_KEY,
                parses=("text",),
            ),
            data=self.parse_data("/data", raw["data"]) if raw.get("data") is not None else None,
        )

    def parse_line_items(self, pointer: str, raw: object) -> LineItemRules | None:
        if raw is None:
            return None
        members = self.parse_members(pointer, raw, ("offering", "value", "price", "quantity"))
        return LineItemRules(
            offering=self.parse_rule(
                f"{pointer}/offering",
                members.get("offering"),
                allowed_values=ValueType.RESOURCE_KEY,
                parses=("text",),
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
        for data_field, rule_raw in sorted(raw.items())[: MAX_RULES + 1]:
            member_pointer = f"{pointer}/{escape_pointer(data_field)}"
            if data_field in RESERVED_DATA_NAMES or not _NAME.fullmatch(data_field):
                reserved_names = ", ".join(RESERVED_DATA_NAMES)
                self.add_fault(
                    member_pointer,
                    "must be named by letters, digits, _ and -, at most 64, "
                    f"and not {reserved_names}",
                )
            rule = self.parse_rule(member_pointer, rule_raw)
            if rule is not None:
                fields[data_field] = rule
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
        unit = self.parse_text(f"{pointer}/from", members.get("from"), MAX_UNIT_LENGTH)
        target_unit = self.parse_text(f"{pointer}/to", members.get("to"), MAX_UNIT_LENGTH)
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
