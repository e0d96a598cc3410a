"""Conversion of CRM values to numbers, amounts, instants and event data."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import (
    convert_currency,
    limit_data_size,
    parse_amount,
    parse_instant,
    to_event_datum,
)


def at_minute(minutes):
    return datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("0", 0),
        ("12000", 12_000 * FIXED_SCALE),
        (" 1200.5 ", 12_005_000),
        ("-3", -3 * FIXED_SCALE),
        ("1.2E3", 1_200 * FIXED_SCALE),
        (".5", 5_000),
        ("0.00005", 0),  # half to even
        ("0.00015", 2),
        ("1000000000000", 10**12 * FIXED_SCALE),
        ("1000000000001", None),
        ("123456789012.3456", None),  # more digits than a double has
        ("1,200", None),
        ("١٢", None),
        ("NaN", None),
        ("Infinity", None),
        ("1e999", None),
        ("12 EUR", None),
        ("0x10", None),
        (True, None),
        (7, 7 * FIXED_SCALE),
    ],
)
def test_amounts_are_exact_or_unknown(raw, expected):
    assert parse_amount(raw) == expected


def test_a_conversion_rounds_half_to_even():
    assert convert_currency(1, Decimal("0.5")) == 0
    assert convert_currency(3, Decimal("0.5")) == 2
    assert convert_currency(1200 * FIXED_SCALE, Decimal("0.92")) == 1104 * FIXED_SCALE
    assert convert_currency(10**15, Decimal(100)) is None


@given(st.integers(0, 10**15), st.decimals("0.000001", "1000000", places=6))
def test_a_converted_value_is_one_that_a_value_can_hold(value, rate):
    converted_value = convert_currency(value, rate)
    if converted_value is not None:
        assert abs(converted_value - value * rate) <= 50
        assert len(str(converted_value).rstrip("0")) <= 15


@pytest.mark.parametrize(
    ("raw", "parser", "expected"),
    [
        ("enterprise", "text", "enterprise"),
        ("x" * 513, "text", None),
        (5, "text", "5"),
        ("true", "bool", True),
        ("FALSE", "bool", False),
        ("yes", "bool", True),
        ("perhaps", "bool", None),
        ("12", "int", 12),
        ("12.5", "int", None),
        ("12.5", "decimal", 12.5),
        ("12.0", "decimal", 12),
        ("twelve", "decimal", None),
    ],
)
def test_data_is_read_as_the_mapping_says(raw, parser, expected):
    parsed = to_event_datum(Rule(parse=parser).apply(raw))
    assert parsed == expected
    assert isinstance(parsed, bool) == isinstance(expected, bool)


def test_data_is_limited_to_a_budget():
    retained_fields = limit_data_size({f"f{n:02}": "é" * 512 for n in range(60)})
    assert list(retained_fields) == [f"f{n:02}" for n in range(len(retained_fields))]
    assert 10 < len(retained_fields) < 16


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1790812980000", at_minute(3)),
        ("2026-10-01T02:03:00+02:00", at_minute(3)),
        ("2026-10-01T00:03:00.000Z", at_minute(3)),
        ("2026-10-01", at_minute(0)),
        ("20261001", at_minute(0)),
        ("1790812980", None),  # seconds: as milliseconds they would be a day of 1970
        ("", None),
        ("soon", None),
        ("9" * 15, None),
        ("0001-01-01T00:00:00+14:00", None),
        (None, None),
        (True, None),
    ],
)
def test_times_are_milliseconds_or_iso(raw, expected):
    assert parse_instant(raw) == expected


@pytest.mark.parametrize(
    ("raw", "time_format", "zone", "expected"),
    [
        (
            "2026-10-01T02:03:00",
            "rfc3339",
            "UTC",
            "2026-10-01T02:03:00+00:00",
        ),  # times without an offset are in the zone
        ("2026-10-01 02:03:00", "rfc3339", "Europe/Oslo", "2026-10-01T00:03:00+00:00"),
        (
            "2026-10-01T02:03:00.000+0000",
            "rfc3339",
            "UTC",
            "2026-10-01T02:03:00+00:00",
        ),  # the format of a Salesforce flow
        ("2026-10-01", "date_in_zone", "Europe/Oslo", "2026-09-30T22:00:00+00:00"),
        ("1790812980", "date_in_zone", "UTC", None),
        (1790812980, "epoch_s", "UTC", "2026-10-01T00:03:00+00:00"),
        (
            "1790812980.25",
            "epoch_s",
            "UTC",
            "2026-10-01T00:03:00.250000+00:00",
        ),  # the format of monday
        (1790812980000, "epoch_ms", "UTC", "2026-10-01T00:03:00+00:00"),
        ("2026-10-01", "epoch_ms", "UTC", None),
        (-1, "epoch_s", "UTC", None),
        (10**14, "epoch_ms", "UTC", None),
    ],
)
def test_a_time_is_read_in_the_format_that_the_mapping_says(raw, time_format, zone, expected):
    assert parse_instant(raw, time_format, ZoneInfo(zone)) == (
        expected and datetime.fromisoformat(expected)
    )
