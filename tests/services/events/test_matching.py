"""Submitted events are matched with metrics, and get their ids and days."""

from app.domain.events.metrics import Matcher
from app.domain.primitives import epoch
from app.services.events.matching import match_events
from tests.support.service_harness import NOW, FakeClock, make_event

DAY = epoch.to_day_number(NOW.date())


def test_events_are_matched_in_the_order_of_their_keys_with_times_and_days():
    assert FakeClock()() == NOW
    matched_events = match_events(
        [make_event("b"), make_event("a"), make_event("c", source="a")],
        Matcher({}),
        NOW,
        "Pacific/Kiritimati",
    )
    assert [matched_event.event.id for matched_event in matched_events] == ["c", "a", "b"]
    assert {matched_event.day for matched_event in matched_events} == {DAY + 1}
    assert {matched_event.time_us for matched_event in matched_events} == {
        epoch.to_microseconds(NOW) - 3_600_000_000
    }
    assert len({matched_event.uid for matched_event in matched_events}) == 3
