"""A source's mapping: the meaning of a CRM's properties. Data without expressions, checked once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.domain.sources.mapping.generic_envelope import Envelope
from app.domain.sources.mapping.rules import InstantRule, Rule


@dataclass(frozen=True, slots=True)
class CurrencyRate:
    """The value of one `unit` in `target_unit` from a day on."""

    unit: str
    target_unit: str
    rate: Decimal
    valid_from: date


@dataclass(frozen=True, slots=True)
class LineItemRules:
    """Rules for the line items of a deal. Without `value`, `price` times `quantity` counts."""

    offering: Rule | None = None
    value: Rule | None = None
    price: Rule | None = None
    quantity: Rule | None = None


@dataclass(frozen=True, slots=True)
class EventRules:
    """Rules that convert a CloudEvent to an event. None is an unused rule."""

    team: Rule | None = None
    kind: Rule | None = None
    value: Rule | None = None
    unit: Rule | None = None
    effort: Rule | None = None
    objective: Rule | None = None
    data: Mapping[str, Rule] | None = None


@dataclass(frozen=True, slots=True)
class DealMapping:
    """Rules that convert a deal's properties to events; None is an unused rule.

    A mapping of any source is a DealMapping. A source of CloudEvents uses only `event`; a source of
    the generic connector also uses `envelope`.

    `app/domain/sources/mapping/rules.py` defines the rules. A property is a plain name (`amount`)
    or a JSON Pointer into the record (`/custom_fields/abc/value`). The `fields` of a change use
    exactly the spelling of the mapping.

    The first rule with a value decides whether a deal is open, won or lost. The order is: `status`,
    then `won` and `closed` (booleans as in Salesforce), then the `stage` looked up in `stages`. The
    stage is part of the event data in any case.
    """

    stage: Rule | None = None
    pipeline: Rule | None = None
    stages: Mapping[str, str] = field(default_factory=dict)
    status: Rule | None = None
    won: Rule | None = None
    closed: Rule | None = None
    # `created_at` and `closed_at` date the past of a snapshot: when the deal was created, and when
    # it was closed if nothing was known before. `modified_at` dates an imported record.
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
    # For the generic connector only: how to find the records in a body.
    envelope: Envelope | None = None
    # For CloudEvents only; all other rules are unused then.
    event: EventRules | None = None

    def properties(self) -> frozenset[str]:
        """Return the properties of a deal that the rules read, spelled as in the mapping."""
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
        property_names = {
            property_name for rule in rules if rule is not None for property_name in rule.properties
        }
        return frozenset(
            property_names
            | {
                property_name
                for instant_rule in instant_rules
                if instant_rule is not None
                for property_name in instant_rule.properties
            }
        )

    def line_item_properties(self) -> frozenset[str]:
        """Return the properties of a line item that the rules read.

        Without a rule for the offering there are none.
        """
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
        return frozenset(
            property_name for rule in rules if rule is not None for property_name in rule.properties
        )

    def team_keys(self) -> frozenset[str]:
        """Return the keys of the teams in the rules. The caller checks that they exist."""
        rules = [self.team, self.event.team if self.event is not None else None]
        named_teams = [
            team
            for rule in rules
            if rule
            for team in (*(rule.map or {}).values(), rule.default, rule.const)
        ]
        return frozenset(team for team in named_teams if isinstance(team, str))

    def find_rate(self, unit: str, day: date) -> CurrencyRate | None:
        """Return the rate for a unit that is valid on a day, or None."""
        valid_rates = [rate for rate in self.rates if rate.unit == unit and rate.valid_from <= day]
        return max(valid_rates, key=lambda rate: rate.valid_from, default=None)
