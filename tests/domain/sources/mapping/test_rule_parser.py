"""Faults of single rules, and the limits of rules."""

import pytest

from app.connectors.hubspot import DEFAULT_MAPPING
from app.domain.primitives.errors import InvalidError
from app.domain.sources.mapping.mapping_parser import parse_mapping


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"value": {"first_of": []}}, "/mapping/value/first_of"),
        ({"value": {"first_of": ["a"] * 17}}, "/mapping/value/first_of"),
        ({"value": {"first_of": ["/a~3"]}}, "/mapping/value/first_of/0"),
        ({"value": {"property": "a", "const": 5}}, "/mapping/value/const"),
        ({"value": {"property": "a", "scale": 10}}, "/mapping/value/scale"),
        ({"value": {"property": "a", "scale": True}}, "/mapping/value/scale"),
        ({"unit": {"property": "a", "upper": 1}}, "/mapping/unit/upper"),
        ({"unit": {"property": "a", "split": {"by": ""}}}, "/mapping/unit/split/by"),
        (
            {"unit": {"property": "a", "split": {"by": "-", "index": 256}}},
            "/mapping/unit/split/index",
        ),
        ({"status": {"property": "a"}}, "/mapping/status/map"),
        ({"status": {"property": "a", "map": {"x": "closed"}}}, "/mapping/status/map/x"),
        ({"won": {"property": "a", "parse": "text"}}, "/mapping/won/parse"),
        ({"closed_at": {"property": "a", "format": "iso"}}, "/mapping/closed_at/format"),
        ({"closed_at": {"property": "a", "zone": "Mars"}}, "/mapping/closed_at/zone"),
        ({"line_items": {"offerings": {}}}, "/mapping/line_items/offerings"),
        ({"team": {"const": "No Key"}}, "/mapping/team/const"),
        ({"version": 2}, "/mapping/version"),
    ],
)
def test_a_wrong_rule_has_a_fault_at_its_place(spec: dict[str, object], pointer: str):
    with pytest.raises(InvalidError) as excinfo:
        parse_mapping(spec, DEFAULT_MAPPING)
    assert [fault.pointer for fault in excinfo.value.faults] == [pointer]


def test_a_custom_rule_replaces_the_property_of_the_default():
    assert parse_mapping({"value": {"first_of": ["/a", "b"]}}, DEFAULT_MAPPING).properties() >= {
        "/a",
        "b",
    }
    assert (
        "amount"
        not in parse_mapping({"value": {"first_of": ["/a", "b"]}}, DEFAULT_MAPPING).properties()
    )
