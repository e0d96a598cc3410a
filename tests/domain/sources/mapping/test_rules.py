"""The operators of a rule."""

from decimal import Decimal

import pytest

from app.domain.sources.mapping.rules import InstantRule, Rule


@pytest.mark.parametrize(
    ("rule", "raw", "value"),
    [
        (Rule(), 5, "5"),
        (Rule(), None, None),
        (Rule(upper=True), "eur", "EUR"),
        (Rule(split=("/", 1)), "eu/north", "north"),
        (Rule(split=("/", 2)), "eu/north", None),
        (Rule(map={"a": "b"}), "a", "b"),
        (Rule(map={"a": "b"}), "c", None),
        (Rule(split=("-", 0), upper=True, map={"EU": "emea"}), "eu-1", "emea"),
        (Rule(parse="decimal", scale=-2), 120050, Decimal("1200.50")),  # cents
        (
            Rule(parse="decimal", scale=-6),
            "9007199254740993000001",
            Decimal("9007199254740993.000001"),
        ),  # micros
        (Rule(parse="decimal"), "a lot", None),
        (Rule(parse="int"), "12.0", 12),
        (Rule(parse="int"), "12.5", None),
        (Rule(parse="bool"), "TRUE", True),
        (Rule(parse="bool"), 0, False),
        (Rule(parse="bool"), "perhaps", None),
    ],
)
def test_an_operator_reads_one_raw_value(rule: Rule, raw: str | int | None, value: object):
    parsed = rule.apply(raw)
    assert parsed == value
    assert isinstance(parsed, bool) == isinstance(value, bool)


def test_the_first_that_is_set_counts_and_the_default_only_when_nothing_can_be_read():
    rule = Rule(("/owner/id", "owner"), default="nobody", map={"7": "sales", "x": "ops"})
    assert rule.evaluate_record({"owner": {"id": 7}}) == "sales"
    assert rule.evaluate_record({"owner": "x"}) == "ops"
    assert rule.evaluate_record({"owner": None}) == "nobody"
    assert rule.evaluate_record({"owner": "strange"}) == "nobody"
    assert Rule(const="EUR").evaluate_record({}) == "EUR"


def test_an_instant_is_read_from_the_first_property_that_is_set():
    assert InstantRule(("a", "b")).evaluate_record({"a": None, "b": "2026-10-01"}) is not None
    assert InstantRule(("a",)).evaluate_record({}) is None
