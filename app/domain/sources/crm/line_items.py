"""Line items of a deal, and the value sold by offering."""

from collections.abc import Iterable
from decimal import Decimal

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.crm.reconciliation import ProjectedEvents
from app.domain.sources.crm.timeline import RecordTimeline, find_unmapped_values
from app.domain.sources.mapping.mapping import DealMapping, LineItemRules
from app.domain.sources.mapping.rule_parser import KEY_PATTERN, MAX_KEY_LENGTH
from app.domain.sources.mapping.values import multiply_decimals, parse_amount

LINE_ITEM_TYPE = "line_item"


def is_offering_key(scalar: Scalar) -> bool:
    """Return True if a value can be the key of an offering."""
    return (
        isinstance(scalar, str)
        and len(scalar) <= MAX_KEY_LENGTH
        and KEY_PATTERN.fullmatch(scalar) is not None
    )


def sum_by_offering(
    line_items: Iterable[RecordTimeline], rules: LineItemRules | None
) -> dict[str, int]:
    """Return the value of the line items by offering, in ten-thousandths of the deal's unit.

    Line items without offering, or of unknown or negative value, are left out.
    """
    value_by_offering: dict[str, int] = {}
    if rules is None or rules.offering is None:
        return value_by_offering
    for line_item in line_items:
        offering = rules.offering.evaluate(line_item.latest_value)
        offering_key = offering if isinstance(offering, str) and is_offering_key(offering) else None
        value = _line_item_value(line_item, rules)
        if offering_key is not None and value is not None and value >= 0:
            value_by_offering[offering_key] = value_by_offering.get(offering_key, 0) + value
    return value_by_offering


def _line_item_value(line_item: RecordTimeline, rules: LineItemRules) -> int | None:
    """Return the value of a line item, or its price times its quantity, or None."""
    amount_raw = None if rules.value is None else rules.value.evaluate(line_item.latest_value)
    if amount_raw is None and rules.price is not None and rules.quantity is not None:
        price = rules.price.evaluate(line_item.latest_value)
        quantity = rules.quantity.evaluate(line_item.latest_value)
        if isinstance(price, Decimal) and isinstance(quantity, Decimal):
            return parse_amount(multiply_decimals(price, quantity))
    return None if amount_raw is None else parse_amount(amount_raw)


def project_line_item(timeline: RecordTimeline, mapping: DealMapping) -> ProjectedEvents:
    """Return the projection of a line item: no events, only its unmapped values."""
    rules = mapping.line_items
    if rules is None:
        return ProjectedEvents()
    unmapped_values = find_unmapped_values(
        timeline, [rules.offering], lambda rule, value: is_offering_key(rule.apply(value))
    )
    numbers = [rules.value, rules.price, rules.quantity]
    unmapped_values |= find_unmapped_values(
        timeline, numbers, lambda rule, value: parse_amount(rule.apply(value)) is not None
    )
    return ProjectedEvents((), tuple(sorted(unmapped_values)))
