"""Which events match a metric, which count for it, and with what value; nothing is converted."""

from dataclasses import replace
from itertools import product

import pytest

from app.domain.events.events import Event
from app.domain.events.metrics import (
    AGGREGATIONS,
    Condition,
    Matcher,
    matching_part,
    reads_content,
    rule,
)
from tests.support.services import NOW, ONE, event, metric

ABSENT = object()
SHOWN = {
    "absent": ABSENT,
    "null": None,
    "true": True,
    "false": False,
    "one": 1,
    "float": 1.0,
    "two": 2,
    "text": "1",
}


def holds(op: str, value: object, found: object, path: str = "data.x") -> bool:
    data = {} if found is ABSENT else {"x": found}
    condition = Condition(path, op, value)  # type: ignore[arg-type]  # whatever JSON holds
    return bool(Matcher({"m": metric("m", where=(condition,))}).match(event("e", data=data)))


def states(found: Event, **more: object) -> list[tuple[str, int]]:
    return [
        (match.state, match.value)
        for match in Matcher({"m": metric("m", where=(), **more)}).match(found)
    ]


@pytest.mark.parametrize(
    ("op", "value", "holding"),
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
        ("exists", True, set(SHOWN) - {"absent", "null"}),
        ("exists", None, set(SHOWN) - {"absent", "null"}),
        ("exists", False, {"absent", "null"}),
    ],
)
def test_an_operator_holds_for_just_these(op: str, value: object, holding: set[str]):
    assert {name for name, found in SHOWN.items() if holds(op, value, found)} == holding


@pytest.mark.parametrize(
    ("op", "value"), [("gt", 0), ("gte", 0), ("lt", 9), ("lte", 9), ("eq", 1), ("in", (1,))]
)
def test_a_list_or_an_object_is_no_number_and_equals_nothing(op: str, value: object):
    assert not holds(op, value, [1])
    assert not holds(op, value, {"x": 1})


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
def test_every_property_of_an_event_can_be_asked(path: str, value: object):
    found = event("e", unit="EUR", subject="deal/1", data={"deal": {"tier": "gold"}})
    bare = event("e", team="x", source="x", kind="activity", value=None, data={"deal": "gold"})
    asked = Matcher({"m": metric("m", where=(Condition(path, "eq", value),))})  # type: ignore[arg-type]  # a scalar
    assert asked.match(found)
    assert not asked.match(bare)


def test_all_conditions_must_hold():
    two = metric("m", where=(Condition("data.a", "eq", 1), Condition("data.b", "eq", 2)))
    verdicts = [
        bool(Matcher({"m": two}).match(event("e", data={"a": a, "b": b})))
        for a, b in product((1, 9), (2, 9))
    ]
    assert verdicts == [True, False, False, False]


def test_an_event_counts_by_its_events_and_is_work_by_its_activities():
    kinds = {"events": ("won",), "activities": ("call", "won")}
    assert states(event("e", type="won"), **kinds) == [("counts", 100 * ONE)]
    assert states(event("e", type="call"), **kinds) == [("work", 0)]
    assert states(event("e", type="other"), **kinds) == []


@pytest.mark.parametrize(
    ("mine", "its", "state"),
    [
        (None, None, "counts"),
        ("EUR", None, "counts"),
        (None, "EUR", "counts"),
        ("EUR", "EUR", "counts"),
        ("EUR", "USD", "other_unit"),
        ("EUR", "eur", "other_unit"),
    ],
)
def test_units_must_not_differ_where_both_have_one(mine: str | None, its: str | None, state: str):
    assert states(event("e", unit=its), unit=mine)[0][0] == state


@pytest.mark.parametrize(
    ("its", "label"), [("USD", "other_unit:USD"), ("usd", "other_unit"), ("hours", "other_unit")]
)
def test_a_set_of_matches_names_the_currency_that_is_left_out_and_no_other_unit(
    its: str, label: str
):
    (match,) = Matcher({"m": metric("m", where=(), unit="EUR")}).match(event("e", unit=its))
    assert (match.state, match.label) == ("other_unit", label)


@pytest.mark.parametrize("aggregation", sorted(set(AGGREGATIONS) - {"count"}))
def test_an_event_without_a_number_matches_and_does_not_count(aggregation: str):
    assert states(event("e", value=None), aggregation=aggregation) == [("no_value", 0)]


def test_a_count_needs_neither_a_value_nor_the_unit():
    assert states(event("e", value=None, unit="USD"), aggregation="count", unit="EUR") == [
        ("counts", 0)
    ]


@pytest.mark.parametrize(
    ("amount", "state", "value"),
    [
        (12.5, "counts", 125_000),
        (-3, "counts", -3 * ONE),
        (0, "counts", 0),
        (10**12, "counts", 10**12 * ONE),
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
    found = event("e", value=7 * ONE, data={"deal": {"amount": amount}})
    assert states(found, value="data.deal.amount") == [(state, value)]


@pytest.mark.parametrize("data", [{}, {"deal": None}, {"deal": "x"}, {"deal": []}, {"deal": {}}])
def test_a_path_that_leads_nowhere_gives_no_value(data: dict[str, object]):
    assert states(event("e", data=data), value="data.deal.amount") == [("no_value", 0)]


def test_matches_come_by_key():
    found = Matcher({key: metric(key) for key in ("zeta", "alpha", "mid")}).match(event("e"))
    assert [match.metric for match in found] == ["alpha", "mid", "zeta"]


def test_only_what_decides_the_matching_is_in_its_matching_part():
    base = metric("m")
    others = {
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
        for name, value in others.items()
        if matching_part(metric("m", **{name: value})) != matching_part(base)
    }
    assert changed == {"unit", "events", "activities", "where", "value"}
    assert matching_part(metric("m", aggregation="count")) != matching_part(base)
    assert NOW.tzinfo is not None


def test_a_condition_on_true_is_another_than_one_on_1():
    conditions = [
        Condition("data.x", "in", value)
        for value in (1, True, (1,), (True,), (1, True), (True, 1), "1")
    ]
    assert [conditions.index(one) for one in conditions] == list(range(len(conditions)))
    assert all(one == replace(one) and hash(one) == hash(replace(one)) for one in conditions)
    assert Condition("data.x", "eq", 1) == Condition("data.x", "eq", 1.0)
    one, true = (metric("m", where=(Condition("data.x", "eq", value),)) for value in (1, True))
    assert matching_part(one) != matching_part(true)


def erased(found: Event, matcher: Matcher) -> Event:
    """The event as an erasure leaves it."""
    return found._replace(subject="erased/x", data={}, erased=matcher.remember(found))


WHERE = [
    (Condition(path, op, value),)
    for path in ("data.x", "subject", "unit")
    for op, value in (("eq", 1), ("ne", 1))
]
METRICS = {
    key: metric(key, where=where, value=value, aggregation=aggregation, unit=unit)
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
    found, matcher = event("e", data=data, subject=subject, unit=unit), Matcher(METRICS)
    assert matcher.match(erased(found, matcher)) == matcher.match(found)
    assert Matcher({}).match(erased(found, matcher)) == ()


def test_a_rule_that_is_new_since_the_erasure_sees_an_event_without_content():
    found = event("e", data={"x": 1})
    bare = erased(found, Matcher({}))
    assert states(bare, value="data.x") == [("no_value", 0)]
    new = Matcher({"m": metric("m", where=(Condition("data.x", "eq", 1),))})
    assert (len(new.match(found)), new.match(bare)) == (1, ())


def test_only_what_is_lost_with_the_content_is_remembered():
    remembered = Matcher(METRICS).remember(event("e", data={"x": 1}))
    assert remembered.keys() == {rule(one) for one in METRICS.values() if reads_content(one)}
    assert not reads_content(metric("m", where=(Condition("unit", "eq", "EUR"),)))


def test_a_rule_is_named_by_what_decides_the_matching_alone():
    base = metric("m")
    assert rule(metric("other", name="Other", aggregation="max", canonical_source="x")) == rule(
        base
    )
    changed: list[dict[str, object]] = [
        {"unit": "EUR"},
        {"events": ("x",)},
        {"activities": ()},
        {"where": ()},
        {"value": "data.x"},
    ]
    names = {rule(metric("m", **more)) for more in changed}
    assert len(names | {rule(base), rule(metric("m", aggregation="count"))}) == len(changed) + 2
