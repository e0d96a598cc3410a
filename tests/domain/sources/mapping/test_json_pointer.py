"""A property is read by its name or by a pointer: set, null or absent, and never converted."""

from decimal import Decimal

import pytest

from app.domain.sources.mapping.json_pointer import ABSENT, picked, problem, resolve

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
        ("/none/x", None),  # what would stand in something empty is known to be empty
    ],
)
def test_a_property_is_set_null_or_absent(name: str, value: object):
    assert resolve(RECORD, name) == value


def test_what_is_picked_keeps_null_and_leaves_out_what_is_absent():
    assert picked(RECORD, ["none", "/list/0/id", "missing"]) == {"none": None, "/list/0/id": 7}
    assert picked("no record", ["a"]) == {}


@pytest.mark.parametrize(
    ("name", "good"), [("a~2", True), ("/a~2", False), ("/a" * 16, True), ("/a" * 17, False)]
)
def test_a_pointer_that_cannot_be_resolved_is_a_problem(name: str, good: bool):
    assert (problem(name) is None) is good
