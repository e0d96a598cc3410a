"""Exact numbers: what is taken is kept to the last digit, and what cannot be kept is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.decimals import LIMIT, ONE, number, parse
from tests.support.configurations import FIXED


@given(FIXED)
def test_what_is_written_is_read_back_exactly(value: int):
    assert parse(number(value)) == value


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 4))
def test_a_decimal_of_fifteen_digits_and_four_decimals_is_taken_exactly(digits: int, decimals: int):
    value = Decimal(digits).scaleb(-decimals)
    if abs(value) <= 10**12:
        assert parse(value) == value * ONE
    else:
        with pytest.raises(ValueError, match="1e12"):
            parse(value)


@given(FIXED)
def test_a_whole_number_is_written_without_a_point(value: int):
    assert isinstance(number(value), int) == (value % ONE == 0)


@pytest.mark.parametrize(
    ("value", "said"),
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
def test_what_cannot_be_kept_exactly_is_refused(value: float | Decimal, said: str):
    with pytest.raises(ValueError, match=said):
        parse(value)


@pytest.mark.parametrize(
    "value", [10**12, -(10**12), 1e12, Decimal("1e12"), Decimal("1000000000000.0000")]
)
def test_the_limit_itself_is_taken(value: float | Decimal):
    assert abs(parse(value)) == LIMIT


def test_needless_zeros_are_no_digits():
    assert parse(Decimal("1.50000000")) == 15_000
    assert parse(Decimal("0.000000")) == parse(-0.0) == parse(Decimal("-0e-40")) == 0


def test_a_float_is_read_as_the_decimal_that_names_it():
    assert parse(0.1) == 1000
    assert parse(1200.5) == 12_005_000
    with pytest.raises(ValueError, match="4 decimals"):
        parse(0.1 + 0.2)


def test_a_truth_value_is_the_caller_s_matter():
    assert parse(True) == ONE
