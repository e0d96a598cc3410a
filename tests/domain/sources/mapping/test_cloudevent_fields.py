"""A CloudEvent's data says team, kind, value and unit where the mapping says; nothing wrong is hidden."""

from decimal import Decimal

from app.domain.sources.mapping.cloudevent_fields import STOCK, members
from app.domain.sources.mapping.mapping import EventRules, parse

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


def rules(**own: object) -> EventRules:
    found = parse(own, STOCK, "events").event
    assert found is not None
    return found


def test_by_default_the_members_stand_in_the_data_and_the_rest_is_the_event_s_data():
    assert members(RECORD, rules()) == {
        "team": "sales",
        "kind": "outcome",
        "value": Decimal("12.5"),
        "unit": "EUR",
        "data": {"segment": "enterprise"},
    }


def test_a_mapping_says_otherwise():
    found = members(
        {"type": "x", "region": "no", "data": {"cents": 1250}},
        rules(
            team={"property": "/region", "map": {"no": "nordics"}},
            value={"property": "/data/cents", "scale": -2},
            unit={"const": "NOK"},
            data={"place": {"property": "/region", "upper": True}},
        ),
    )
    assert found == {
        "team": "nordics",
        "value": Decimal("12.50"),
        "unit": "NOK",
        "data": {"place": "NO"},
    }


def test_what_cannot_be_read_stands_as_it_came_to_be_refused():
    assert members({"data": {"value": "much", "team": "Sales!"}}, rules())["value"] == "much"
    assert members({}, rules()) == {}
