"""The scalars of the wire, one by one."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.api.http import schema_types
from app.domain.primitives.decimals import to_json_number


def validate(schema_type, raw):
    return TypeAdapter(schema_type).validate_python(raw)


def is_rejected(schema_type, raw):
    with pytest.raises(ValidationError):
        validate(schema_type, raw)
    return True


@given(st.integers(-(10**15), 10**15))
def test_every_number_of_at_most_four_decimals_is_read_exactly_and_shown_the_same(scaled):
    decimal = Decimal(scaled).scaleb(-4)
    assert validate(schema_types.Number, decimal) == scaled
    assert Decimal(repr(to_json_number(scaled))) == decimal


@given(st.one_of(st.text(), st.booleans(), st.none(), st.binary(), st.lists(st.integers())))
def test_a_value_that_is_no_number_is_rejected(value):
    assert is_rejected(schema_types.Number, value)


@given(st.dates(date(1900, 1, 1), date(2999, 12, 31)))
def test_every_day_is_read_back(day):
    assert validate(schema_types.Day, day.isoformat()) == day


@given(st.text())
def test_a_text_that_is_no_day_is_refused_without_a_crash(text):
    assert is_rejected(schema_types.Day, text)
    assert is_rejected(schema_types.Instant, text)


@given(st.integers(-(2**35), 2**34), st.integers(0, 999_999), st.integers(-23 * 60, 23 * 60))
def test_every_instant_is_kept_as_that_instant_in_utc(seconds, microseconds, offset_minutes):
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
        seconds=max(seconds, -(2**31)), microseconds=microseconds
    )
    timestamp = instant.astimezone(timezone(timedelta(minutes=offset_minutes))).isoformat()
    parsed = validate(schema_types.Instant, timestamp)
    assert (parsed, parsed.tzinfo) == (instant, UTC)


@pytest.mark.parametrize("value", [5, Decimal("5.0"), Decimal("5E0"), Decimal("0.5E1")])
def test_a_whole_number_is_an_integer_however_it_is_written(value):
    assert validate(schema_types.Count, value) == 5


@pytest.mark.parametrize(
    "value", ["5", True, Decimal("5.5"), -1, 2**53, None, Decimal("1e400"), [5]]
)
def test_what_is_no_whole_number_within_bounds_is_refused(value):
    assert is_rejected(schema_types.Count, value)


@pytest.mark.parametrize(
    "key", ["", "-", "a-", "-a", "a--b", "A", "a_b", "a b", "é", "a" * 65, "a\n", 1, None]
)
def test_a_key_is_a_slug(key):
    assert is_rejected(schema_types.Key, key)
    assert validate(schema_types.Key, "fy26-q4") == "fy26-q4"


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (Decimal("1.5"), 1.5),
        (Decimal("2.0"), 2),
        ([Decimal("0.1")], [0.1]),
        ({"a": Decimal(1)}, {"a": 1}),
        (True, True),
    ],
)
def test_decimals_in_free_json_become_plain_numbers(raw, plain):
    assert schema_types.to_plain_json(raw) == plain


def test_a_number_beyond_a_double_is_no_plain_number():
    with pytest.raises(ValueError, match="beyond"):
        schema_types.to_plain_json({"a": [Decimal("1e999")]})


@pytest.mark.parametrize("value", [Decimal("-0.0001"), Decimal("1.0001"), True, "0.5"])
def test_a_share_lies_between_0_and_1(value):
    assert is_rejected(schema_types.Share, value)
    assert (validate(schema_types.Share, 0), validate(schema_types.Share, 1)) == (0, 10_000)
