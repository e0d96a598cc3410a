"""A deal's line items: what they say was sold."""

from collections.abc import Iterable
from decimal import Decimal

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.crm.reconciliation import ProjectedEvents
from app.domain.sources.crm.timeline import RecordTimeline, unreadable_values
from app.domain.sources.mapping.mapping import DealMapping, LineItemRules
from app.domain.sources.mapping.parser import KEY_PATTERN
from app.domain.sources.mapping.values import multiply_decimals, parse_amount

LINE_ITEM_TYPE = "line_item"


def is_offering_key(scalar: Scalar) -> bool:
    """Whether a value can be an offering's key."""
    return (
        isinstance(scalar, str) and len(scalar) <= 64 and KEY_PATTERN.fullmatch(scalar) is not None
    )


def sum_by_offering(
    line_items: Iterable[RecordTimeline], rules: LineItemRules | None
) -> dict[str, int]:
    """What the line items that stand come to, by offering. Units: ten-thousandths of the deal's unit.

    Shape: an item of no offering, or of unknown or negative value, is left out.
    """
    value_by_offering: dict[str, int] = {}
    if rules is None or rules.offering is None:
        return value_by_offering
    for line_item in line_items:
        offering = rules.offering.evaluate(line_item.latest_value)
        key = offering if isinstance(offering, str) and is_offering_key(offering) else None
        value = _line_item_value(line_item, rules)
        if key is not None and value is not None and value >= 0:
            value_by_offering[key] = value_by_offering.get(key, 0) + value
    return value_by_offering


def _line_item_value(line_item: RecordTimeline, rules: LineItemRules) -> int | None:
    """The item's value: told, else its price times its quantity. None when neither is known."""
    amount_raw = None if rules.value is None else rules.value.evaluate(line_item.latest_value)
    if amount_raw is None and rules.price is not None and rules.quantity is not None:
        price, quantity = (
            rules.price.evaluate(line_item.latest_value),
            rules.quantity.evaluate(line_item.latest_value),
        )
        if isinstance(price, Decimal) and isinstance(quantity, Decimal):
            return parse_amount(multiply_decimals(price, quantity))
    return None if amount_raw is None else parse_amount(amount_raw)


def find_unmapped(timeline: RecordTimeline, mapping: DealMapping) -> ProjectedEvents:
    """What of a line item the mapping does not know; its events are its deal's."""
    rules = mapping.line_items
    if rules is None:
        return ProjectedEvents()
    unmapped_values = unreadable_values(
        timeline, [rules.offering], lambda rule, value: is_offering_key(rule.apply(value))
    )
    numbers = [rules.value, rules.price, rules.quantity]
    unmapped_values |= unreadable_values(
        timeline, numbers, lambda rule, value: parse_amount(rule.apply(value)) is not None
    )
    return ProjectedEvents((), tuple(sorted(unmapped_values)))
