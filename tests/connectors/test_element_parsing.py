"""The parsing of the elements of a delivery."""

from datetime import UTC, datetime

import pytest

from app.connectors.element_parsing import (
    RejectElementError,
    SkipElementError,
    get_change_verb,
    parse_account,
    parse_instant,
    pick_fields,
    short_digest,
    translate_elements,
)
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping_parser import parse_mapping

OCCURRED_AT = datetime(2026, 10, 12, 14, 5, 10, tzinfo=UTC)


def read_element(element):
    if "skip" in element:
        raise SkipElementError
    if "aside" in element:
        raise RejectElementError("Not this one.")
    return [Change("deal:1", key, OCCURRED_AT, "changed") for key in element["keys"]]


def test_each_change_is_reported_once_and_a_reject_keeps_its_index():
    translation = translate_elements(
        [{"keys": "ab"}, {"skip": 1}, {"aside": 1}, 7, {"keys": "a"}, {"keys": "bc"}], read_element
    )
    assert [change.key for change in translation.changes] == ["a", "b", "c"]
    assert translation.change_indexes == (0, 0, 5)
    assert [(reject.index, reject.problem) for reject in translation.rejects] == [
        (2, "Not this one."),
        (3, "The element is not a JSON object."),
    ]
    assert translation.ignored == 2


@pytest.mark.parametrize(
    "raw",
    [
        *(1791813910, "1791813910", 1791813910000, "1791813910000"),
        *(
            "2026-10-12T14:05:10Z",
            "2026-10-12 14:05:10",
            "2026-10-12T16:05:10+02:00",
            "2026-10-12T14:05:10+0000",
        ),
    ],
)
def test_a_time_is_seconds_milliseconds_or_iso_8601_and_utc_without_a_zone(raw):
    assert parse_instant(raw, "time") == OCCURRED_AT


@pytest.mark.parametrize(
    "raw", [None, "", "soon", True, 1.5, -1, "/Date(1791813910000)/", "9" * 20]
)
def test_what_is_no_time_is_set_aside(raw):
    with pytest.raises(RejectElementError):
        parse_instant(raw, "time")


def test_an_account_is_checked_and_may_be_left_open():
    assert parse_account(7, "7", "company") == "7"
    assert parse_account(7, None, "company") == "7"
    assert parse_account(None, None, "company") == ""
    for raw_account, account in ((8, "7"), (None, "7"), ({}, None)):
        with pytest.raises(RejectElementError):
            parse_account(raw_account, account, "company")


def test_empty_text_is_null():
    assert pick_fields({"a": "", "b": 0, "c": None, "d": " "}, ["a", "b", "c", "d", "e"]) == {
        "a": None,
        "b": 0,
        "c": None,
        "d": " ",
    }


def test_a_record_is_a_change_if_a_deciding_property_changed_and_a_snapshot_otherwise():
    mapping = parse_mapping({"stage": {"property": "/custom/stage"}}, {})
    assert get_change_verb(["custom"], mapping) == "changed"
    assert get_change_verb(["stage", "title"], mapping) == "snapshot"


def test_a_digest_does_not_depend_on_the_order_of_names():
    assert (
        short_digest({"a": 1, "b": None})
        == short_digest({"b": None, "a": 1})
        != short_digest({"a": 1})
    )
