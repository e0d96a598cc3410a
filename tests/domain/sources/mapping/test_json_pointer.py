"""A property, by name or pointer, is set, null or absent, and never converted."""

from decimal import Decimal

import pytest

from app.domain.sources.mapping.json_pointer import (
    ABSENT,
    find_pointer_problem,
    pick_properties,
    resolve_scalar,
)

RECORD = {
    "amount": 0,
    "empty": "",
    "none": None,
    "exact": Decimal("0.10"),
    "a/b": {"c~d": True},
    "list": [{"id": 7}, 8],
    "/odd": 1,
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("amount", 0),  # zero is set
        ("empty", ""),
        ("none", None),
        ("missing", ABSENT),
        ("/exact", Decimal("0.10")),
        ("/a~1b/c~0d", True),
        ("/list/0/id", 7),
        ("/list/1", 8),
        ("/list/2", ABSENT),
        ("/list/01", ABSENT),
        ("/list/-", ABSENT),
        ("list", ABSENT),  # a list is no value
        ("/a~1b", ABSENT),
        ("/amount/x", ABSENT),
        ("/none/x", None),  # every property of null is known to be empty
    ],
)
def test_a_property_is_set_null_or_absent(name: str, value: object):
    assert resolve_scalar(RECORD, name) == value


def test_picked_properties_include_null_and_omit_absent_ones():
    assert pick_properties(RECORD, ["none", "/list/0/id", "missing"]) == {
        "none": None,
        "/list/0/id": 7,
    }
    assert pick_properties("no record", ["a"]) == {}


@pytest.mark.parametrize(
    ("name", "is_valid"), [("a~2", True), ("/a~2", False), ("/a" * 16, True), ("/a" * 17, False)]
)
def test_a_pointer_that_cannot_be_resolved_is_a_problem(name: str, is_valid: bool):
    assert (find_pointer_problem(name) is None) is is_valid
