"""A source's mapping: which properties of a CRM mean what to this organization. Data, checked once; no expressions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.domain.sources.mapping.generic_envelope import Envelope
from app.domain.sources.mapping.rules import InstantRule, Rule


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
