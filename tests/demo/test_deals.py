import json
from collections import Counter
from datetime import UTC, date, datetime

from app.connectors.connector import Delivery
from app.connectors.hubspot import HubSpot
from app.demo.company import MAPPING, PORTAL, Quarter
from app.demo.deals import all_told, deals, generic
from app.domain.sources.mapping.mapping import parse

QUARTER = Quarter(date(2026, 9, 28))


def test_most_of_what_sales_opens_is_not_what_the_playbook_is_after():
    segments = Counter(deal.segment for deal in deals(QUARTER))
    assert 140 < segments.total() < 200
    assert segments["enterprise"] * 2 < segments.total()


def test_hubspots_connector_understands_every_element_in_both_dialects():
    told = [one.element for one in all_told(QUARTER)]
    told += [
        generic(element) for element in told if str(element["subscriptionType"]).startswith("deal.")
    ]
    delivery = Delivery("POST", "https://a.test/hooks/x", {}, json.dumps(told).encode())
    said = HubSpot().translate(delivery, str(PORTAL), parse(MAPPING, HubSpot.default_mapping))
    assert said.rejects == ()
    assert len(said.changes) + said.ignored == len(told)
    assert len(said.changes) == len({json.dumps(one.element) for one in all_told(QUARTER)})


def test_no_person_is_in_it():
    names = {str(one.element.get("propertyName")) for one in all_told(QUARTER)}
    assert not {name for name in names if "owner" in name or "name" in name or "body" in name}


def test_the_same_seed_tells_the_same_in_the_order_of_time():
    told = all_told(QUARTER)
    assert told == all_told(Quarter(date(2026, 9, 28)))
    assert told != all_told(Quarter(date(2026, 9, 28), "other"))
    assert [one.at for one in told] == sorted(one.at for one in told)
    assert told[0].at > datetime(2026, 9, 28, tzinfo=UTC)
