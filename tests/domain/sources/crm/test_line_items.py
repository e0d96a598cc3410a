"""Line items say what was sold: told, or price times quantity; what names no offering is listed."""

from datetime import UTC, datetime

from app.connectors.hubspot import STOCK
from app.domain.primitives.decimals import ONE
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.line_items import fold, sold
from app.domain.sources.crm.timeline import History
from app.domain.sources.mapping.mapping import parse

AT = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse(
    {"line_items": {"offering": {"property": "sku", "map": {"A": "care", "B": "onboarding-plus"}}}},
    STOCK,
)


def item(**fields: Scalar) -> History:
    return History([Change("line_item:1", str(fields), AT, "changed", fields)])


def test_several_items_of_one_offering_are_added_exactly():
    items = [
        item(sku="A", amount="0.1"),
        item(sku="A", price="0.1", quantity="2"),
        item(sku="B", amount="5"),
    ]
    assert sold(items, MAPPING.line_items) == {"care": 3_000, "onboarding-plus": 5 * ONE}


def test_an_item_without_offering_or_value_is_left_out():
    items = [
        item(sku="Z", amount="1"),
        item(sku="A"),
        item(sku="A", amount="-1"),
        item(sku="A", price="2"),
    ]
    assert sold(items, MAPPING.line_items) == {}
    assert (
        sold([item(sku="A", amount="1")], None)
        == sold([item(sku="A", amount="1")], parse({}, STOCK).line_items)
        == {}
    )


def test_what_the_mapping_does_not_know_is_listed():
    assert fold(item(sku="Z", amount="much"), MAPPING).unmapped == (
        ("amount", "much"),
        ("sku", "Z"),
    )
    assert fold(item(sku="A", amount="1"), MAPPING).unmapped == ()
