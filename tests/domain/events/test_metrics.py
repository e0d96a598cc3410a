"""The events that match a metric, those that count for it, and their values."""

from dataclasses import replace
from itertools import product

import pytest

from app.domain.events.events import Event
from app.domain.events.metrics import (
    AGGREGATIONS,
    Condition,
    Matcher,
    find_redefined_metrics,
    matching_definition,
    matching_rule_id,
    reads_content,
)
from tests.support.service_harness import NOW, SCALE, make_event, make_metric

ABSENT = object()
SAMPLE_VALUES = {
    "absent": ABSENT,
    "null": None,
    "true": True,
    "false": False,
    "one": 1,
    "float": 1.0,
    "two": 2,
    "text": "1",
}


def condition_holds(op: str, value: object, actual: object, path: str = "data.x") -> bool:
    data = {} if actual is ABSENT else {"x": actual}
    condition = Condition(path, op, value)  # type: ignore[arg-type]  # whatever JSON holds
    return bool(
        Matcher({"m": make_metric("m", where=(condition,))}).match(make_event("e", data=data))
    )


def match_states(candidate: Event, **metric_fields: object) -> list[tuple[str, int]]:
    return [
        (match.state, match.value)
        for match in Matcher({"m": make_metric("m", where=(), **metric_fields)}).match(candidate)
    ]


@pytest.mark.parametrize(
    ("op", "value", "expected_names"),
    [
        ("eq", 1, {"one", "float"}),
        ("eq", True, {"true"}),
        ("eq", False, {"false"}),
        ("eq", "1", {"text"}),
        ("ne", 1, {"absent", "null", "true", "false", "two", "text"}),
        ("ne", True, {"absent", "null", "false", "one", "float", "two", "text"}),
        ("in", (1, "1"), {"one", "float", "text"}),
        ("in", (True,), {"true"}),
        ("not_in", (1, "1"), {"absent", "null", "true", "false", "two"}),
        ("gt", 1, {"two"}),
        ("gte", 1, {"one", "float", "two"}),
        ("lt", 2, {"one", "float"}),
        ("lte", 1.5, {"one", "float"}),
        ("exists", True, set(SAMPLE_VALUES) - {"absent", "null"}),
        ("exists", None, set(SAMPLE_VALUES) - {"absent", "null"}),
        ("exists", False, {"absent", "null"}),
    ],
)
def test_an_operator_holds_for_just_these(op: str, value: object, expected_names: set[str]):
    assert {
        sample_name
        for sample_name, sample in SAMPLE_VALUES.items()
        if condition_holds(op, value, sample)
    } == expected_names


@pytest.mark.parametrize(
    ("op", "value"), [("gt", 0), ("gte", 0), ("lt", 9), ("lte", 9), ("eq", 1), ("in", (1,))]
)
def test_a_list_or_an_object_is_no_number_and_equals_nothing(op: str, value: object):
    assert not condition_holds(op, value, [1])
    assert not condition_holds(op, value, {"x": 1})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("value", 100),
        ("unit", "EUR"),
        ("subject", "deal/1"),
        ("team", "sales"),
        ("source", "billing"),
        ("kind", "outcome"),
        ("data.deal.tier", "gold"),
    ],
)
def test_a_condition_can_read_every_property_of_an_event(path: str, value: object):
    matching_event = make_event("e", unit="EUR", subject="deal/1", data={"deal": {"tier": "gold"}})
    different_event = make_event(
        "e", team="x", source="x", kind="activity", value=None, data={"deal": "gold"}
    )
    matcher = Matcher({"m": make_metric("m", where=(Condition(path, "eq", value),))})  # type: ignore[arg-type]  # a scalar
    assert matcher.match(matching_event)
    assert not matcher.match(different_event)


def test_all_conditions_must_hold():
    metric_with_two_conditions = make_metric(
        "m", where=(Condition("data.a", "eq", 1), Condition("data.b", "eq", 2))
    )
    verdicts = [
        bool(
            Matcher({"m": metric_with_two_conditions}).match(make_event("e", data={"a": a, "b": b}))
        )
        for a, b in product((1, 9), (2, 9))
    ]
    assert verdicts == [True, False, False, False]


def test_an_event_counts_by_its_events_and_is_work_by_its_activities():
    kinds = {"events": ("won",), "activities": ("call", "won")}
    assert match_states(make_event("e", type="won"), **kinds) == [("counts", 100 * SCALE)]
    assert match_states(make_event("e", type="call"), **kinds) == [("work", 0)]
    assert match_states(make_event("e", type="other"), **kinds) == []


@pytest.mark.parametrize(
    ("metric_unit", "event_unit", "state"),
    [
        (None, None, "counts"),
        ("EUR", None, "counts"),
        (None, "EUR", "counts"),
        ("EUR", "EUR", "counts"),
        ("EUR", "USD", "other_unit"),
        ("EUR", "eur", "other_unit"),
    ],
)
def test_units_must_not_differ_where_both_have_one(
    metric_unit: str | None, event_unit: str | None, state: str
):
    assert match_states(make_event("e", unit=event_unit), unit=metric_unit)[0][0] == state


@pytest.mark.parametrize(
    ("event_unit", "label"),
    [("USD", "other_unit:USD"), ("usd", "other_unit"), ("hours", "other_unit")],
)
def test_a_set_of_matches_names_the_currency_that_is_left_out_and_no_other_unit(
    event_unit: str, label: str
):
    (match,) = Matcher({"m": make_metric("m", where=(), unit="EUR")}).match(
        make_event("e", unit=event_unit)
    )
    assert (match.state, match.label) == ("other_unit", label)


@pytest.mark.parametrize("aggregation", sorted(set(AGGREGATIONS) - {"count"}))
def test_an_event_without_a_number_matches_and_does_not_count(aggregation: str):
    assert match_states(make_event("e", value=None), aggregation=aggregation) == [("no_value", 0)]


def test_a_count_needs_neither_a_value_nor_the_unit():
    assert match_states(
        make_event("e", value=None, unit="USD"), aggregation="count", unit="EUR"
    ) == [("counts", 0)]


@pytest.mark.parametrize(
    ("amount", "state", "value"),
    [
        (12.5, "counts", 125_000),
        (-3, "counts", -3 * SCALE),
        (0, "counts", 0),
        (10**12, "counts", 10**12 * SCALE),
        (10**12 + 1, "no_value", 0),
        (0.00001, "no_value", 0),
        ("12", "no_value", 0),
        (True, "no_value", 0),
        (None, "no_value", 0),
        ([1], "no_value", 0),
        ({"amount": 1}, "no_value", 0),
    ],
)
def test_a_value_from_the_data_is_a_number_within_the_limits_or_none(
    amount: object, state: str, value: int
):
    candidate = make_event("e", value=7 * SCALE, data={"deal": {"amount": amount}})
    assert match_states(candidate, value="data.deal.amount") == [(state, value)]


@pytest.mark.parametrize("data", [{}, {"deal": None}, {"deal": "x"}, {"deal": []}, {"deal": {}}])
def test_a_path_that_leads_nowhere_gives_no_value(data: dict[str, object]):
    assert match_states(make_event("e", data=data), value="data.deal.amount") == [("no_value", 0)]


def test_matches_are_sorted_by_key():
    matches = Matcher(
        {metric_key: make_metric(metric_key) for metric_key in ("zeta", "alpha", "mid")}
    ).match(make_event("e"))
    assert [match.metric for match in matches] == ["alpha", "mid", "zeta"]


def test_the_matching_definition_holds_only_fields_that_decide_the_matching():
    base = make_metric("m")
    changed_fields = {
        "name": "other",
        "canonical_source": "billing",
        "aggregation": "mean",
        "unit": "EUR",
        "events": ("x",),
        "activities": (),
        "where": (),
        "value": "data.x",
    }
    changed = {
        name
        for name, value in changed_fields.items()
        if matching_definition(make_metric("m", **{name: value})) != matching_definition(base)
    }
    assert changed == {"unit", "events", "activities", "where", "value"}
    assert matching_definition(make_metric("m", aggregation="count")) != matching_definition(base)
    assert NOW.tzinfo is not None


def test_a_condition_on_true_is_another_than_one_on_1():
    conditions = [
        Condition("data.x", "in", value)
        for value in (1, True, (1,), (True,), (1, True), (True, 1), "1")
    ]
    assert [conditions.index(condition) for condition in conditions] == list(range(len(conditions)))
    assert all(
        condition == replace(condition) and hash(condition) == hash(replace(condition))
        for condition in conditions
    )
    assert Condition("data.x", "eq", 1) == Condition("data.x", "eq", 1.0)
    metric_of_one, metric_of_true = (
        make_metric("m", where=(Condition("data.x", "eq", value),)) for value in (1, True)
    )
    assert matching_definition(metric_of_one) != matching_definition(metric_of_true)


def erase_content(original: Event, matcher: Matcher) -> Event:
    """Return the event as an erasure leaves it."""
    return original._replace(subject="erased/x", data={}, erased=matcher.remember_matches(original))


WHERE = [
    (Condition(path, op, value),)
    for path in ("data.x", "subject", "unit")
    for op, value in (("eq", 1), ("ne", 1))
]
METRICS = {
    key: make_metric(key, where=where, value=value, aggregation=aggregation, unit=unit)
    for number, where in enumerate([(), *WHERE])
    for value in ("value", "data.x")
    for aggregation, unit in (("sum", None), ("sum", "EUR"), ("count", None))
    for key in [f"{number}-{value}-{aggregation}-{unit}"]
}


@pytest.mark.parametrize("data", [{}, {"x": 1}, {"x": 2}, {"x": None}, {"x": "1"}])
@pytest.mark.parametrize("subject", [None, "deal/1"])
@pytest.mark.parametrize("unit", [None, "EUR", "USD"])
def test_an_erased_event_matches_as_it_did_with_its_content(
    data: dict[str, object], subject: str | None, unit: str | None
):
    original = make_event("e", data=data, subject=subject, unit=unit)
    matcher = Matcher(METRICS)
    assert matcher.match(erase_content(original, matcher)) == matcher.match(original)
    assert Matcher({}).match(erase_content(original, matcher)) == ()


def test_a_rule_that_is_new_since_the_erasure_sees_an_event_without_content():
    original = make_event("e", data={"x": 1})
    anonymized = erase_content(original, Matcher({}))
    assert match_states(anonymized, value="data.x") == [("no_value", 0)]
    matcher = Matcher({"m": make_metric("m", where=(Condition("data.x", "eq", 1),))})
    assert (len(matcher.match(original)), matcher.match(anonymized)) == (1, ())


def test_only_matches_that_read_the_content_are_remembered():
    remembered = Matcher(METRICS).remember_matches(make_event("e", data={"x": 1}))
    assert remembered.keys() == {
        matching_rule_id(content_metric)
        for content_metric in METRICS.values()
        if reads_content(content_metric)
    }
    assert not reads_content(make_metric("m", where=(Condition("unit", "eq", "EUR"),)))


def test_the_rule_id_depends_on_the_matching_definition_only():
    base = make_metric("m")
    assert matching_rule_id(
        make_metric("other", name="Other", aggregation="max", canonical_source="x")
    ) == matching_rule_id(base)
    changed_fields: list[dict[str, object]] = [
        {"unit": "EUR"},
        {"events": ("x",)},
        {"activities": ()},
        {"where": ()},
        {"value": "data.x"},
    ]
    names = {matching_rule_id(make_metric("m", **overrides)) for overrides in changed_fields}
    assert (
        len(
            names
            | {matching_rule_id(base), matching_rule_id(make_metric("m", aggregation="count"))}
        )
        == len(changed_fields) + 2
    )


def test_redefined_metrics_are_those_whose_matching_differs_as_they_were_before():
    unchanged = make_metric("unchanged")
    redefined = make_metric("redefined")
    removed = make_metric("removed")
    previous = {"unchanged": unchanged, "redefined": redefined, "removed": removed}
    current = {
        "unchanged": replace(unchanged, name="Another name"),
        "redefined": replace(redefined, where=()),
        "added": make_metric("added"),
    }
    assert find_redefined_metrics(previous, current) == {
        "added": None,
        "redefined": redefined,
        "removed": removed,
    }
