"""Accepted numbers are exact to the last digit, and all others are rejected."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.decimals import FIXED_SCALE, MAX_FIXED, to_fixed_point, to_json_number
from tests.support.configurations import DECIMALS


@given(DECIMALS)
def test_a_written_number_is_read_back_exactly(value: int):
    assert to_fixed_point(to_json_number(value)) == value


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 4))
def test_a_decimal_of_fifteen_digits_and_four_decimals_is_taken_exactly(digits: int, decimals: int):
    value = Decimal(digits).scaleb(-decimals)
    if abs(value) <= 10**12:
        assert to_fixed_point(value) == value * FIXED_SCALE
    else:
        with pytest.raises(ValueError, match="1e12"):
            to_fixed_point(value)


@given(DECIMALS)
def test_a_whole_number_is_written_without_a_point(value: int):
    assert isinstance(to_json_number(value), int) == (value % FIXED_SCALE == 0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.00001, "4 decimals"),
        (Decimal("1.00001"), "4 decimals"),
        (Decimal("123456789012.3456"), "15 significant digits"),
        (123456789012.345678, "15 significant digits|4 decimals"),
        (10**12 + 1, "1e12"),
        (-(10**12) - 1, "1e12"),
        (10**40, "1e12"),
        (1e300, "1e12"),
        (Decimal("1e9999999"), "1e12"),
        (Decimal("1e-9999999"), "4 decimals"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (Decimal("-Infinity"), "finite"),
        (Decimal("sNaN"), "finite"),
    ],
)
def test_a_number_that_is_not_exactly_representable_is_refused(
    value: float | Decimal, message: str
):
    with pytest.raises(ValueError, match=message):
        to_fixed_point(value)


@pytest.mark.parametrize(
    "value", [10**12, -(10**12), 1e12, Decimal("1e12"), Decimal("1000000000000.0000")]
)
def test_the_limit_itself_is_taken(value: float | Decimal):
    assert abs(to_fixed_point(value)) == MAX_FIXED


def test_needless_zeros_are_no_digits():
    assert to_fixed_point(Decimal("1.50000000")) == 15_000
    assert (
        to_fixed_point(Decimal("0.000000"))
        == to_fixed_point(-0.0)
        == to_fixed_point(Decimal("-0e-40"))
        == 0
    )


def test_a_float_is_read_as_the_decimal_that_names_it():
    assert to_fixed_point(0.1) == 1000
    assert to_fixed_point(1200.5) == 12_005_000
    with pytest.raises(ValueError, match="4 decimals"):
        to_fixed_point(0.1 + 0.2)


def test_a_boolean_is_accepted_as_a_number():
    assert to_fixed_point(True) == FIXED_SCALE
