"""Salesforce's ids of 15 and 18 characters."""

import pytest

from app.connectors.element_parsing import RejectElementError
from app.connectors.salesforce_ids import check_organization_id, parse_record_id18, to_id18
from app.domain.primitives.errors import InvalidError


@pytest.mark.parametrize(
    ("id_15", "id_18"),
    [
        (
            "001A0000006Vm9u",
            "001A0000006Vm9uIAC",
        ),  # a known answer of Salesforce's own documentation
        ("00D000000000062", "00D000000000062EAA"),
        ("006000000000abc", "006000000000abcAAA"),
    ],
)
def test_an_id_of_15_and_of_18_are_the_same(id_15, id_18):
    assert to_id18(id_15) == to_id18(id_18) == id_18
    assert parse_record_id18(id_15) == id_18


@pytest.mark.parametrize(
    "raw", ["", "001", "001A0000006Vm9uIA", "001A0000006Vm9u/AC", None, 7, "é" * 15]
)
def test_what_is_no_id_is_set_aside(raw):
    with pytest.raises(RejectElementError):
        parse_record_id18(raw)


def test_an_organization_is_named_by_either_of_its_ids():
    check_organization_id("00D5g000004XyZA")
    check_organization_id("00D5g000004XyZAEA0")
    for account in (None, "", "0065g00000AbCdEAAV", "harbor"):
        with pytest.raises(InvalidError) as excinfo:
            check_organization_id(account)
        assert [fault.pointer for fault in excinfo.value.faults] == ["/account"]
