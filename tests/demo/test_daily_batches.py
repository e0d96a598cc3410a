import json
from datetime import date

from app.api.events.event_parsing import read_event
from app.demo.company import TEAMS, Quarter
from app.demo.daily_batches import by_day
from app.domain.primitives import strict_json

QUARTER = Quarter(date(2026, 9, 28))


def test_every_event_can_be_sent_and_is_named_once():
    events = [event for day in by_day(QUARTER) for event in day]
    read = [read_event(strict_json.loads(json.dumps(event).encode())) for event in events]
    assert len({(event.source, event.id) for event in read}) == len(events) > 500
    assert {event.team for event in read} == {team["key"] for team in TEAMS}


def test_a_day_tells_only_of_itself():
    days = by_day(QUARTER)
    assert len(days) == 91
    wrong = [
        event
        for offset, day in enumerate(days)
        for event in day
        if event["time"][:10] != str(QUARTER.day(offset))
    ]
    assert wrong == []


def test_partners_are_forgotten_after_two_weeks():
    partner = [
        event["time"][:10]
        for day in by_day(QUARTER)
        for event in day
        if event["type"].startswith("partner.")
    ]
    assert max(partner) < str(QUARTER.day(14))
