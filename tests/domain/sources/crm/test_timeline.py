"""The value of a property as of an instant."""

from datetime import UTC, datetime, timedelta

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.timeline import RecordTimeline
from app.domain.sources.mapping.rules import Rule

START = datetime(2026, 10, 1, tzinfo=UTC)
RULE_P = Rule(("p",))


def at_minute(minutes):
    return START + timedelta(minutes=minutes)


def make_change(minutes, name, value, key=""):
    return Change(
        "deal:1", f"{minutes}{name}{value}{key}", at_minute(minutes), "changed", {name: value}
    )


def test_a_property_has_its_last_value_before_the_instant_or_its_first_after():
    timeline = RecordTimeline(
        [make_change(9, "p", "c"), make_change(5, "p", "b"), make_change(1, "p", "a")]
    )
    assert [
        timeline.raw_value_as_of_or_first(RULE_P, at_minute(minutes))
        for minutes in (0, 1, 4, 5, 8, 9, 10)
    ] == list("aaabbcc")
    assert timeline.raw_value_as_of_or_first(Rule(("other",)), at_minute(5)) is None
    assert timeline.raw_value_as_of_or_first(None, at_minute(5)) is None


def test_null_is_an_empty_value_and_an_absent_property_changes_nothing():
    timeline = RecordTimeline(
        [make_change(1, "p", "a"), make_change(3, "p", None), make_change(5, "q", "x")]
    )
    assert timeline.raw_value_as_of_or_first(RULE_P, at_minute(2)) == "a"
    assert timeline.raw_value_as_of_or_first(RULE_P, at_minute(4)) is None
    assert timeline.latest_value("p") is None
    assert (
        RecordTimeline(
            [make_change(3, "p", None), make_change(5, "p", "b")]
        ).raw_value_as_of_or_first(RULE_P, at_minute(1))
        == "b"
    )


def test_a_repeated_change_counts_once():
    assert RecordTimeline([make_change(1, "p", "a")] * 3).value_history("p") == [
        (at_minute(1), "a")
    ]
