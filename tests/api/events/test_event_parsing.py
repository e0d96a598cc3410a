"""The members of a new event, field by field."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.events.event_parsing import parse_event, parse_event_strict
from app.domain.primitives.errors import InvalidError

VALID_EVENT = {
    "id": "a",
    "source": "billing",
    "type": "invoice.paid",
    "time": "2026-11-20T12:00:00Z",
    "team": "sales",
}


def read_rejected_pointer(**overrides: object) -> str:
    with pytest.raises(InvalidError) as exception_info:
        parse_event({**VALID_EVENT, **overrides})
    return exception_info.value.faults[0].pointer


def test_an_event_with_only_the_required_fields_has_defaults():
    event = parse_event(VALID_EVENT)
    assert (event.kind, event.value, event.effort, event.offerings, dict(event.data)) == (
        "outcome",
        None,
        None,
        (),
        {},
    )


@pytest.mark.parametrize("field", VALID_EVENT)
def test_a_required_field_may_not_be_missing(field):
    with pytest.raises(InvalidError) as exception_info:
        parse_event(
            {field_name: value for field_name, value in VALID_EVENT.items() if field_name != field}
        )
    assert exception_info.value.faults[0].pointer == f"/{field}"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(Decimal("1200.5"), 12_005_000), (3, 30_000), (Decimal("-0.0001"), -1), (10**12, 10**16)],
)
def test_values_are_kept_exactly(sent, stored):
    assert parse_event({**VALID_EVENT, "value": sent}).value == stored


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
    assert read_rejected_pointer(value=value) == "/value"


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
    assert read_rejected_pointer(**{field: value}) == f"/{field}"


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
    assert read_rejected_pointer(time=time) == "/time"


def test_a_time_is_kept_in_utc():
    assert (
        parse_event({**VALID_EVENT, "time": "2026-11-20t12:00:00.5+02:00"}).time.isoformat()
        == "2026-11-20T10:00:00.500000+00:00"
    )


def test_sold_items_have_a_key_and_a_value_that_is_not_negative():
    assert parse_event(
        {**VALID_EVENT, "offerings": [{"offering": "plus", "value": 2}]}
    ).offerings == (("plus", 20_000),)
    assert (
        read_rejected_pointer(offerings=[{"offering": "plus", "value": -1}]) == "/offerings/0/value"
    )
    assert read_rejected_pointer(offerings=[{"offering": "plus"}]) == "/offerings/0/value"
    assert read_rejected_pointer(offerings=[{"offering": "plus", "value": 1}] * 101) == "/offerings"


def test_data_is_at_most_five_levels_deep_and_16_kib():
    nested: object = 1
    for _ in range(5):
        nested = {"a": nested}
    assert parse_event({**VALID_EVENT, "data": nested}).data == nested
    assert read_rejected_pointer(data={"a": nested}) == "/data"
    assert parse_event({**VALID_EVENT, "data": {"a": "x" * (16 * 1024 - 8)}}).data
    assert read_rejected_pointer(data={"a": "x" * (16 * 1024 - 7)}) == "/data"


def test_numbers_in_data_become_what_metrics_compare():
    event_data = parse_event(
        {**VALID_EVENT, "data": {"a": Decimal("1.5"), "b": [Decimal("2.0"), True], "c": None}}
    ).data
    assert str(event_data) == "{'a': 1.5, 'b': [2, True], 'c': None}"
    assert read_rejected_pointer(data={"a": Decimal("1e400")}) == "/data"


def test_what_is_no_object_is_no_event():
    for candidate in (1, "x", None):
        with pytest.raises(InvalidError):
            parse_event(candidate)


TEXT_VALUES = st.sampled_from(
    ["a", "", "a-b", "a--b", "A", "a\n", "a\x00", "é", "x" * 64, "x" * 65, "x" * 201, "a b", "-"]
)
NUMBER_VALUES = st.sampled_from(
    [0, -1, 7, 10**12, 10**12 + 1, Decimal("1.5"), Decimal("1.00"), Decimal("0.00001"), True, "1"]
)
TIME_VALUES = st.sampled_from(
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
ANY_VALUES = (
    st.none()
    | TEXT_VALUES
    | NUMBER_VALUES
    | st.lists(TEXT_VALUES, max_size=2)
    | st.dictionaries(TEXT_VALUES, NUMBER_VALUES, max_size=2)
)
SOLD_OFFERINGS = st.lists(
    st.fixed_dictionaries(
        {"offering": TEXT_VALUES, "value": NUMBER_VALUES}, optional={"extra": NUMBER_VALUES}
    )
    | ANY_VALUES,
    max_size=2,
)
NESTED_VALUES = st.recursive(
    NUMBER_VALUES | st.none(),
    lambda children: st.dictionaries(TEXT_VALUES, children, max_size=2) | st.lists(children),
)
FIELD_STRATEGIES = {
    **dict.fromkeys(["id", "source", "team", "type", "unit", "subject", "objective"], TEXT_VALUES),
    "time": TIME_VALUES,
    "value": NUMBER_VALUES,
    "effort": NUMBER_VALUES,
    "kind": st.sampled_from(["outcome", "activity", "other"]),
    "offerings": SOLD_OFFERINGS,
    "data": st.dictionaries(TEXT_VALUES, NESTED_VALUES, max_size=2),
    "extra": NUMBER_VALUES,
}


@st.composite
def make_submission(draw: st.DrawFn) -> object:
    changed_fields = draw(st.lists(st.sampled_from([*FIELD_STRATEGIES]), max_size=4))
    removed_field = draw(st.sampled_from([None, None, None, *VALID_EVENT]))
    overrides = {
        field_name: draw(
            FIELD_STRATEGIES[field_name] | ANY_VALUES
            if draw(st.booleans())
            else FIELD_STRATEGIES[field_name]
        )
        for field_name in changed_fields
    }
    return {
        field_name: value
        for field_name, value in {**VALID_EVENT, **overrides}.items()
        if field_name != removed_field
    }


def describe_outcome(reader, submission):
    try:
        return repr(reader(submission))  # 1, 1.0 and True compare equal
    except InvalidError as error:
        return error.detail, error.faults


@given(make_submission() | ANY_VALUES)
def test_the_fast_reader_agrees_with_the_strict_one(submission):
    assert describe_outcome(parse_event, submission) == describe_outcome(
        parse_event_strict, submission
    )
