"""What an event may say, field by field."""

from decimal import Decimal

import pytest

from app.api.new_events import read_event
from app.domain.errors import InvalidError

GOOD = {"id": "a", "source": "billing", "type": "invoice.paid", "time": "2026-11-20T12:00:00Z", "team": "sales"}


def refused(**more: object) -> str:
    with pytest.raises(InvalidError) as caught:
        read_event({**GOOD, **more})
    return caught.value.faults[0].pointer


def test_an_event_with_what_is_required_alone_has_defaults():
    event = read_event(GOOD)
    assert (event.kind, event.value, event.effort, event.offerings, dict(event.data)) == ("outcome", None, None, (), {})


@pytest.mark.parametrize("missing", GOOD)
def test_what_is_required_may_not_be_missing(missing):
    with pytest.raises(InvalidError) as caught:
        read_event({name: value for name, value in GOOD.items() if name != missing})
    assert caught.value.faults[0].pointer == f"/{missing}"


@pytest.mark.parametrize(
    ("given", "kept"), [(Decimal("1200.5"), 12_005_000), (3, 30_000), (Decimal("-0.0001"), -1), (10**12, 10**16)]
)
def test_values_are_kept_exactly(given, kept):
    assert read_event({**GOOD, "value": given}).value == kept


@pytest.mark.parametrize(
    "value", [Decimal("0.00001"), 10**12 + 1, Decimal("1e400"), Decimal("1234567890.1234567"), "5", True, [], {}]
)
def test_values_beyond_their_limits_are_refused(value):
    assert refused(value=value) == "/value"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", ""),
        ("id", "x" * 201),
        ("source", "Billing"),
        ("team", "a--b"),
        ("team", "sales\n"),
        ("type", "with space"),
        ("type", "x" * 101),
        ("kind", "outcomes"),
        ("effort", -1),
        ("unit", ""),
        ("objective", "-"),
        ("subject", "x" * 201),
        ("data", []),
        ("data", None),
        ("offerings", {}),
        ("extra", 1),
        ("uid", "x"),
    ],
)
def test_a_field_outside_its_bounds_is_refused_by_name(field, value):
    assert refused(**{field: value}) == f"/{field}"


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-20T12:00:00",
        "2026-11-20",
        "2026-02-30T12:00:00Z",
        "2026-11-20T12:00:60Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1900-01-01T00:00:00+14:00",
        0,
        Decimal("0.5"),
        None,
    ],
)
def test_a_time_is_an_rfc_3339_text_with_an_offset(time):
    assert refused(time=time) == "/time"


def test_a_time_is_kept_in_utc():
    assert (
        read_event({**GOOD, "time": "2026-11-20t12:00:00.5+02:00"}).time.isoformat()
        == "2026-11-20T10:00:00.500000+00:00"
    )


def test_sold_items_have_a_key_and_a_value_that_is_not_negative():
    assert read_event({**GOOD, "offerings": [{"offering": "plus", "value": 2}]}).offerings == (("plus", 20_000),)
    assert refused(offerings=[{"offering": "plus", "value": -1}]) == "/offerings/0/value"
    assert refused(offerings=[{"offering": "plus"}]) == "/offerings/0/value"
    assert refused(offerings=[{"offering": "plus", "value": 1}] * 101) == "/offerings"


def test_data_is_at_most_five_levels_deep_and_16_kib():
    deep: object = 1
    for _ in range(5):
        deep = {"a": deep}
    assert read_event({**GOOD, "data": deep}).data == deep
    assert refused(data={"a": deep}) == "/data"
    assert read_event({**GOOD, "data": {"a": "x" * (16 * 1024 - 8)}}).data
    assert refused(data={"a": "x" * (16 * 1024 - 7)}) == "/data"


def test_numbers_in_data_become_what_metrics_compare():
    data = read_event({**GOOD, "data": {"a": Decimal("1.5"), "b": [Decimal("2.0"), True], "c": None}}).data
    assert str(data) == "{'a': 1.5, 'b': [2, True], 'c': None}"
    assert refused(data={"a": Decimal("1e400")}) == "/data"


def test_what_is_no_object_is_no_event():
    for item in (1, "x", None):
        with pytest.raises(InvalidError):
            read_event(item)
