"""A deal's line items: what they say was sold."""

from collections.abc import Iterable
from decimal import Decimal

from app.domain.sources.crm.changes import Scalar
from app.domain.sources.crm.reconciliation import Folded
from app.domain.sources.crm.timeline import History, unread
from app.domain.sources.mapping.mapping import DealMapping, LineItems
from app.domain.sources.mapping.parser import SLUG
from app.domain.sources.mapping.values import amount, product

KIND = "line_item"


def is_offering(said: Scalar) -> bool:
    """Whether a value can be an offering's key."""
    return isinstance(said, str) and len(said) <= 64 and SLUG.fullmatch(said) is not None


def sold(items: Iterable[History], rules: LineItems | None) -> dict[str, int]:
    """What the line items that stand come to, by offering. Units: ten-thousandths of the deal's unit.

    Shape: an item of no offering, or of unknown or negative value, is left out.
    """
    found: dict[str, int] = {}
    if rules is None or rules.offering is None:
        return found
    for item in items:
        said = rules.offering.read(item.latest)
        key = said if isinstance(said, str) and is_offering(said) else None
        value = _value(item, rules)
        if key is not None and value is not None and value >= 0:
            found[key] = found.get(key, 0) + value
    return found


def _value(item: History, rules: LineItems) -> int | None:
    """The item's value: told, else its price times its quantity. None when neither is known."""
    said = None if rules.value is None else rules.value.read(item.latest)
    if said is None and rules.price is not None and rules.quantity is not None:
        price, quantity = rules.price.read(item.latest), rules.quantity.read(item.latest)
        if isinstance(price, Decimal) and isinstance(quantity, Decimal):
            return amount(product(price, quantity))
    return None if said is None else amount(said)


def fold(history: History, mapping: DealMapping) -> Folded:
    """What of a line item the mapping does not know; its events are its deal's."""
    rules = mapping.line_items
    if rules is None:
        return Folded()
    found = unread(history, [rules.offering], lambda rule, value: is_offering(rule.apply(value)))
    numbers = [rules.value, rules.price, rules.quantity]
    found |= unread(history, numbers, lambda rule, value: amount(rule.apply(value)) is not None)
    return Folded((), tuple(sorted(found)))
