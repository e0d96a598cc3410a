"""What an event may say, field by field."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.events.event_parsing import carefully, read_event
from app.domain.primitives.errors import InvalidError

GOOD = {
    "id": "a",
    "source": "billing",
    "type": "invoice.paid",
    "time": "2026-11-20T12:00:00Z",
    "team": "sales",
}


def refused(**more: object) -> str:
    with pytest.raises(InvalidError) as caught:
        read_event({**GOOD, **more})
    return caught.value.faults[0].pointer


def test_an_event_with_what_is_required_alone_has_defaults():
    event = read_event(GOOD)
    assert (event.kind, event.value, event.effort, event.offerings, dict(event.data)) == (
        "outcome",
        None,
        None,
        (),
        {},
    )


@pytest.mark.parametrize("missing", GOOD)
def test_what_is_required_may_not_be_missing(missing):
    with pytest.raises(InvalidError) as caught:
        read_event({name: value for name, value in GOOD.items() if name != missing})
    assert caught.value.faults[0].pointer == f"/{missing}"


@pytest.mark.parametrize(
    ("given", "kept"),
    [(Decimal("1200.5"), 12_005_000), (3, 30_000), (Decimal("-0.0001"), -1), (10**12, 10**16)],
)
def test_values_are_kept_exactly(given, kept):
    assert read_event({**GOOD, "value": given}).value == kept


@pytest.mark.parametrize(
    "value",
    [
        Decimal("0.00001"),
        10**12 + 1,
        Decimal("1e400"),
        Decimal("1234567890.1234567"),
        "5",
        True,
        [],
        {},
    ],
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
    assert read_event({**GOOD, "offerings": [{"offering": "plus", "value": 2}]}).offerings == (
        ("plus", 20_000),
    )
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
    data = read_event(
        {**GOOD, "data": {"a": Decimal("1.5"), "b": [Decimal("2.0"), True], "c": None}}
    ).data
    assert str(data) == "{'a': 1.5, 'b': [2, True], 'c': None}"
    assert refused(data={"a": Decimal("1e400")}) == "/data"


def test_what_is_no_object_is_no_event():
    for item in (1, "x", None):
        with pytest.raises(InvalidError):
            read_event(item)


TEXTS = st.sampled_from(
    ["a", "", "a-b", "a--b", "A", "a\n", "a\x00", "é", "x" * 64, "x" * 65, "x" * 201, "a b", "-"]
)
NUMBERS = st.sampled_from(
    [0, -1, 7, 10**12, 10**12 + 1, Decimal("1.5"), Decimal("1.00"), Decimal("0.00001"), True, "1"]
)
TIMES = st.sampled_from(
    [
        *(
            "2026-11-20T12:00:00Z",
            "2026-11-20t12:00:00.5z",
            "2026-11-20 12:00:00Z",
            "2026-11-20T12:00:00+0100",
        ),
        *(
            "2026-11-20T12:00:00.123456789-05:30",
            "1900-01-01T00:00:00+01:00",
            "2026-02-30T00:00:00Z",
            "2026-11-20",
        ),
    ]
)
ANYTHING = (
    st.none()
    | TEXTS
    | NUMBERS
    | st.lists(TEXTS, max_size=2)
    | st.dictionaries(TEXTS, NUMBERS, max_size=2)
)
OFFERED = st.lists(
    st.fixed_dictionaries({"offering": TEXTS, "value": NUMBERS}, optional={"extra": NUMBERS})
    | ANYTHING,
    max_size=2,
)
DATA = st.recursive(
    NUMBERS | st.none(), lambda below: st.dictionaries(TEXTS, below, max_size=2) | st.lists(below)
)
FIELDS = {
    **dict.fromkeys(["id", "source", "team", "type", "unit", "subject", "objective"], TEXTS),
    "time": TIMES,
    "value": NUMBERS,
    "effort": NUMBERS,
    "kind": st.sampled_from(["outcome", "activity", "other"]),
    "offerings": OFFERED,
    "data": st.dictionaries(TEXTS, DATA, max_size=2),
    "extra": NUMBERS,
}


@st.composite
def told(draw: st.DrawFn) -> object:
    changed = draw(st.lists(st.sampled_from([*FIELDS]), max_size=4))
    gone = draw(st.sampled_from([None, None, None, *GOOD]))
    more = {
        name: draw(FIELDS[name] | ANYTHING if draw(st.booleans()) else FIELDS[name])
        for name in changed
    }
    return {name: value for name, value in {**GOOD, **more}.items() if name != gone}


def became(read, item):
    try:
        return repr(read(item))  # 1, 1.0 and true are equal, and not the same
    except InvalidError as error:
        return error.detail, error.faults


@given(told() | ANYTHING)
def test_the_quick_reader_reads_what_the_careful_one_does(item):
    assert became(read_event, item) == became(carefully, item)
