"""The value sold by offering, and the values of line items that the mapping does not know."""

from datetime import UTC, datetime

from app.connectors.hubspot import DEFAULT_MAPPING
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.crm.line_items import project_line_item, sum_by_offering
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.mapping_parser import parse_mapping

OCCURRED_AT = datetime(2026, 10, 1, tzinfo=UTC)
MAPPING = parse_mapping(
    {"line_items": {"offering": {"property": "sku", "map": {"A": "care", "B": "onboarding-plus"}}}},
    DEFAULT_MAPPING,
)


def make_line_item(**fields: Scalar) -> RecordTimeline:
    return RecordTimeline([Change("line_item:1", str(fields), OCCURRED_AT, "changed", fields)])


def test_several_items_of_one_offering_are_added_exactly():
    line_items = [
        make_line_item(sku="A", amount="0.1"),
        make_line_item(sku="A", price="0.1", quantity="2"),
        make_line_item(sku="B", amount="5"),
    ]
    assert sum_by_offering(line_items, MAPPING.line_items) == {
        "care": 3_000,
        "onboarding-plus": 5 * FIXED_SCALE,
    }


def test_an_item_without_offering_or_value_is_left_out():
    line_items = [
        make_line_item(sku="Z", amount="1"),
        make_line_item(sku="A"),
        make_line_item(sku="A", amount="-1"),
        make_line_item(sku="A", price="2"),
    ]
    assert sum_by_offering(line_items, MAPPING.line_items) == {}
    assert (
        sum_by_offering([make_line_item(sku="A", amount="1")], None)
        == sum_by_offering(
            [make_line_item(sku="A", amount="1")], parse_mapping({}, DEFAULT_MAPPING).line_items
        )
        == {}
    )


def test_unmapped_values_are_listed():
    assert project_line_item(make_line_item(sku="Z", amount="much"), MAPPING).unmapped_values == (
        ("amount", "much"),
        ("sku", "Z"),
    )
    assert project_line_item(make_line_item(sku="A", amount="1"), MAPPING).unmapped_values == ()
