"""What a property was at an instant, and what its text means."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.changes import Change
from app.domain.fixed import ONE
from app.domain.histories import History, amount, converted, datum, within_budget

START = datetime(2026, 10, 1, tzinfo=UTC)


def at(minutes):
    return START + timedelta(minutes=minutes)


def change(minutes, name, value, key=""):
    return Change("deal:1", f"{minutes}{name}{value}{key}", at(minutes), "changed", {name: value})


def test_a_property_is_what_was_last_set_at_or_before_the_instant_else_the_first_after():
    history = History([change(9, "p", "c"), change(5, "p", "b"), change(1, "p", "a")])
    assert [history.as_of("p", at(minutes)) for minutes in (0, 1, 4, 5, 8, 9, 10)] == list("aaabbcc")
    assert history.as_of("other", at(5)) is None
    assert history.as_of(None, at(5)) is None


def test_null_is_known_to_be_empty_and_absent_says_nothing():
    history = History([change(1, "p", "a"), change(3, "p", None), change(5, "q", "x")])
    assert history.as_of("p", at(2)) == "a"
    assert history.as_of("p", at(4)) is None
    assert history.latest("p") is None
    assert History([change(3, "p", None), change(5, "p", "b")]).as_of("p", at(1)) == "b"


def test_a_change_said_twice_is_one_change():
    assert History([change(1, "p", "a")] * 3).past("p") == [(at(1), "a")]


@pytest.mark.parametrize(
    ("said", "fixed"),
    [
        ("0", 0),
        ("12000", 12_000 * ONE),
        (" 1200.5 ", 12_005_000),
        ("-3", -3 * ONE),
        ("1.2E3", 1_200 * ONE),
        (".5", 5_000),
        ("0.00005", 0),  # half to even
        ("0.00015", 2),
        ("1000000000000", 10**12 * ONE),
        ("1000000000001", None),
        ("123456789012.3456", None),  # more digits than a double carries
        ("1,200", None),
        ("١٢", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e999", None),
        ("12 EUR", None),
        ("0x10", None),
        (True, None),
        (7, 7 * ONE),
    ],
)
def test_amounts_are_exact_or_unknown(said, fixed):
    assert amount(said) == fixed


def test_a_conversion_rounds_half_to_even():
    assert converted(1, Decimal("0.5")) == 0
    assert converted(3, Decimal("0.5")) == 2
    assert converted(1200 * ONE, Decimal("0.92")) == 1104 * ONE
    assert converted(10**15, Decimal(100)) is None


@given(st.integers(0, 10**15), st.decimals("0.000001", "1000000", places=6))
def test_a_converted_value_is_one_that_a_value_can_hold(value, rate):
    result = converted(value, rate)
    if result is not None:
        assert abs(result - value * rate) <= 50
        assert len(str(result).rstrip("0")) <= 15


@pytest.mark.parametrize(
    ("said", "kind", "read"),
    [
        ("enterprise", "text", "enterprise"),
        ("x" * 513, "text", None),
        (5, "text", "5"),
        ("true", "bool", True),
        ("FALSE", "bool", False),
        ("yes", "bool", None),
        ("12", "int", 12),
        ("12.5", "int", None),
        ("12.5", "decimal", 12.5),
        ("12.0", "decimal", 12),
        ("twelve", "decimal", None),
    ],
)
def test_data_is_read_as_the_mapping_says(said, kind, read):
    found = datum(said, kind)
    assert found == read
    assert isinstance(found, bool) == isinstance(read, bool)


def test_data_has_room_for_so_much():
    kept = within_budget({f"f{n:02}": "é" * 512 for n in range(60)})
    assert list(kept) == [f"f{n:02}" for n in range(len(kept))]
    assert 10 < len(kept) < 16
