"""How the elements of a delivery are read."""

from datetime import UTC, datetime

import pytest

from app.connectors.element_parsing import (
    AsideError,
    SkipError,
    digest,
    fields,
    moment,
    of_account,
    translated,
    verb_of,
)
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import parse

AT = datetime(2026, 10, 12, 14, 5, 10, tzinfo=UTC)


def read(element):
    if "skip" in element:
        raise SkipError
    if "aside" in element:
        raise AsideError("Not this one.")
    return [Change("deal:1", key, AT, "changed") for key in element["keys"]]


def test_each_change_is_told_once_and_what_is_set_aside_keeps_its_place():
    translation = translated(
        [{"keys": "ab"}, {"skip": 1}, {"aside": 1}, 7, {"keys": "a"}, {"keys": "bc"}], read
    )
    assert [change.key for change in translation.changes] == ["a", "b", "c"]
    assert translation.change_places == (0, 0, 5)
    assert [(one.index, one.problem) for one in translation.rejects] == [
        (2, "Not this one."),
        (3, "The element is not a JSON object."),
    ]
    assert translation.ignored == 2


@pytest.mark.parametrize(
    "said",
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
def test_a_time_is_seconds_milliseconds_or_iso_8601_and_utc_without_a_zone(said):
    assert moment(said, "time") == AT


@pytest.mark.parametrize(
    "said", [None, "", "soon", True, 1.5, -1, "/Date(1791813910000)/", "9" * 20]
)
def test_what_is_no_time_is_set_aside(said):
    with pytest.raises(AsideError):
        moment(said, "time")


def test_an_account_is_checked_and_may_be_left_open():
    assert of_account(7, "7", "company") == "7"
    assert of_account(7, None, "company") == "7"
    assert of_account(None, None, "company") == ""
    for said, account in ((8, "7"), (None, "7"), ({}, None)):
        with pytest.raises(AsideError):
            of_account(said, account, "company")


def test_empty_text_is_known_to_be_empty():
    assert fields({"a": "", "b": 0, "c": None, "d": " "}, ["a", "b", "c", "d", "e"]) == {
        "a": None,
        "b": 0,
        "c": None,
        "d": " ",
    }


def test_a_record_becomes_so_now_when_what_decides_it_has_changed():
    mapping = parse({"stage": {"property": "/custom/stage"}}, {})
    assert verb_of(["custom"], mapping) == "changed"
    assert verb_of(["stage", "title"], mapping) == "snapshot"


def test_a_digest_does_not_depend_on_the_order_of_names():
    assert digest({"a": 1, "b": None}) == digest({"b": None, "a": 1}) != digest({"a": 1})
