"""The event members that a mapping reads from a CloudEvent. Unreadable values stay visible."""

from decimal import Decimal

from app.domain.sources.mapping.cloudevent_fields import DEFAULT_EVENT_RULES, read_event_members
from app.domain.sources.mapping.mapping import EventRules
from app.domain.sources.mapping.mapping_parser import parse_mapping

RECORD = {
    "type": "invoice.paid",
    "data": {
        "team": "sales",
        "kind": "outcome",
        "value": Decimal("12.5"),
        "unit": "EUR",
        "segment": "enterprise",
    },
}


def parse_event_rules(**spec: object) -> EventRules:
    event_rules = parse_mapping(spec, DEFAULT_EVENT_RULES, "events").event
    assert event_rules is not None
    return event_rules


def test_by_default_the_members_are_read_from_the_data_and_removed_from_it():
    assert read_event_members(RECORD, parse_event_rules()) == {
        "team": "sales",
        "kind": "outcome",
        "value": Decimal("12.5"),
        "unit": "EUR",
        "data": {"segment": "enterprise"},
    }


def test_a_mapping_overrides_the_default_members():
    fields = read_event_members(
        {"type": "x", "region": "no", "data": {"cents": 1250}},
        parse_event_rules(
            team={"property": "/region", "map": {"no": "nordics"}},
            value={"property": "/data/cents", "scale": -2},
            unit={"const": "NOK"},
            data={"place": {"property": "/region", "upper": True}},
        ),
    )
    assert fields == {
        "team": "nordics",
        "value": Decimal("12.50"),
        "unit": "NOK",
        "data": {"place": "NO"},
    }


def test_an_unreadable_member_stays_unchanged_and_is_refused_later():
    assert (
        read_event_members({"data": {"value": "much", "team": "Sales!"}}, parse_event_rules())[
            "value"
        ]
        == "much"
    )
    assert read_event_members({}, parse_event_rules()) == {}
