"""What a CRM's values mean."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.decimals import ONE
from app.domain.sources.mapping.rules import Rule
from app.domain.sources.mapping.values import amount, converted, datum, instant, within_budget


def at(minutes):
    return datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=minutes)


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
        ("yes", "bool", True),
        ("perhaps", "bool", None),
        ("12", "int", 12),
        ("12.5", "int", None),
        ("12.5", "decimal", 12.5),
        ("12.0", "decimal", 12),
        ("twelve", "decimal", None),
    ],
)
def test_data_is_read_as_the_mapping_says(said, kind, read):
    found = datum(Rule(parse=kind).apply(said))
    assert found == read
    assert isinstance(found, bool) == isinstance(read, bool)


def test_data_has_room_for_so_much():
    kept = within_budget({f"f{n:02}": "é" * 512 for n in range(60)})
    assert list(kept) == [f"f{n:02}" for n in range(len(kept))]
    assert 10 < len(kept) < 16


@pytest.mark.parametrize(
    ("said_time", "read"),
    [
        ("1790812980000", at(3)),
        ("2026-10-01T02:03:00+02:00", at(3)),
        ("2026-10-01T00:03:00.000Z", at(3)),
        ("2026-10-01", at(0)),
        ("20261001", at(0)),
        ("1790812980", None),  # seconds: as milliseconds they would be a day of 1970
        ("", None),
        ("soon", None),
        ("9" * 15, None),
        ("0001-01-01T00:00:00+14:00", None),
        (None, None),
        (True, None),
    ],
)
def test_times_are_milliseconds_or_iso(said_time, read):
    assert instant(said_time) == read


@pytest.mark.parametrize(
    ("said", "form", "zone", "read"),
    [
        (
            "2026-10-01T02:03:00",
            "rfc3339",
            "UTC",
            "2026-10-01T02:03:00+00:00",
        ),  # naive times are those of the zone
        ("2026-10-01 02:03:00", "rfc3339", "Europe/Oslo", "2026-10-01T00:03:00+00:00"),
        (
            "2026-10-01T02:03:00.000+0000",
            "rfc3339",
            "UTC",
            "2026-10-01T02:03:00+00:00",
        ),  # as a Salesforce flow says it
        ("2026-10-01", "date_in_zone", "Europe/Oslo", "2026-09-30T22:00:00+00:00"),
        ("1790812980", "date_in_zone", "UTC", None),
        (1790812980, "epoch_s", "UTC", "2026-10-01T00:03:00+00:00"),
        (
            "1790812980.25",
            "epoch_s",
            "UTC",
            "2026-10-01T00:03:00.250000+00:00",
        ),  # as monday says it
        (1790812980000, "epoch_ms", "UTC", "2026-10-01T00:03:00+00:00"),
        ("2026-10-01", "epoch_ms", "UTC", None),
        (-1, "epoch_s", "UTC", None),
        (10**14, "epoch_ms", "UTC", None),
    ],
)
def test_a_time_is_read_in_the_format_that_the_mapping_says(said, form, zone, read):
    assert instant(said, form, ZoneInfo(zone)) == (read and datetime.fromisoformat(read))
