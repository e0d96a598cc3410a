"""What a property was at an instant."""

from datetime import UTC, datetime, timedelta

from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.timeline import History
from app.domain.sources.mapping.rules import Rule

START = datetime(2026, 10, 1, tzinfo=UTC)
P = Rule(("p",))


def at(minutes):
    return START + timedelta(minutes=minutes)


def change(minutes, name, value, key=""):
    return Change("deal:1", f"{minutes}{name}{value}{key}", at(minutes), "changed", {name: value})


def test_a_property_is_what_was_last_set_at_or_before_the_instant_else_the_first_after():
    history = History([change(9, "p", "c"), change(5, "p", "b"), change(1, "p", "a")])
    assert [history.as_of(P, at(minutes)) for minutes in (0, 1, 4, 5, 8, 9, 10)] == list("aaabbcc")
    assert history.as_of(Rule(("other",)), at(5)) is None
    assert history.as_of(None, at(5)) is None


def test_null_is_known_to_be_empty_and_absent_says_nothing():
    history = History([change(1, "p", "a"), change(3, "p", None), change(5, "q", "x")])
    assert history.as_of(P, at(2)) == "a"
    assert history.as_of(P, at(4)) is None
    assert history.latest("p") is None
    assert History([change(3, "p", None), change(5, "p", "b")]).as_of(P, at(1)) == "b"


def test_a_change_said_twice_is_one_change():
    assert History([change(1, "p", "a")] * 3).past("p") == [(at(1), "a")]
