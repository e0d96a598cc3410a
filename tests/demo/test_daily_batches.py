import json
from datetime import date

from app.api.events.event_parsing import parse_event
from app.demo.company import TEAMS, Quarter
from app.demo.daily_batches import build_daily_batches
from app.domain.primitives import strict_json

QUARTER = Quarter(date(2026, 9, 28))


def test_every_event_can_be_sent_and_is_named_once():
    events = [event for day in build_daily_batches(QUARTER) for event in day]
    parsed_events = [parse_event(strict_json.loads(json.dumps(event).encode())) for event in events]
    assert len({(event.source, event.id) for event in parsed_events}) == len(events) > 500
    assert {event.team for event in parsed_events} == {team["key"] for team in TEAMS}


def test_the_events_of_a_day_have_its_date():
    days = build_daily_batches(QUARTER)
    assert len(days) == 91
    misdated = [
        event
        for offset, day in enumerate(days)
        for event in day
        if event["time"][:10] != str(QUARTER.day(offset))
    ]
    assert misdated == []


def test_partner_events_stop_after_two_weeks():
    partner_days = [
        event["time"][:10]
        for day in build_daily_batches(QUARTER)
        for event in day
        if event["type"].startswith("partner.")
    ]
    assert max(partner_days) < str(QUARTER.day(14))
