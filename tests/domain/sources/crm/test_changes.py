"""The time and the record id of a change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.sources.crm.changes import from_milliseconds, to_milliseconds, to_record_id


@given(st.integers(0, 10**13))
def test_milliseconds_round_trip(count):
    assert to_milliseconds(from_milliseconds(count)) == count


@pytest.mark.parametrize(
    ("raw", "id_"),
    [
        (42, "42"),
        (2**63 + 1, "9223372036854775809"),  # beyond the precision of a double
        ("0065g00000ABCdeAAG", "0065g00000ABCdeAAG"),
        ("5f2c-11", "5f2c-11"),
        ("", None),
        ("a/b", None),  # separates the parts of an event id
        ("a b", None),
        ("é", None),
        ("x" * 101, None),
        (True, None),
        (None, None),
        ({}, None),
    ],
)
def test_an_id_is_text_that_fits_into_the_id_of_an_event(raw, id_):
    assert to_record_id(raw) == id_
