import json
from collections import Counter
from datetime import UTC, date, datetime

from app.connectors.connector import Delivery
from app.connectors.hubspot import HubSpotConnector
from app.demo.company import MAPPING, PORTAL_ID, Quarter
from app.demo.deals import build_webhook_elements, generate_deals, to_generic_element
from app.domain.sources.mapping.mapping_parser import parse_mapping

QUARTER = Quarter(date(2026, 9, 28))


def test_most_deals_are_not_enterprise_deals():
    segments = Counter(deal.segment for deal in generate_deals(QUARTER))
    assert 140 < segments.total() < 200
    assert segments["enterprise"] * 2 < segments.total()


def test_hubspots_connector_understands_every_element_in_both_dialects():
    elements = [message.element for message in build_webhook_elements(QUARTER)]
    elements += [
        to_generic_element(element)
        for element in elements
        if str(element["subscriptionType"]).startswith("deal.")
    ]
    delivery = Delivery("POST", "https://a.test/hooks/x", {}, json.dumps(elements).encode())
    translation = HubSpotConnector().translate(
        delivery, str(PORTAL_ID), parse_mapping(MAPPING, HubSpotConnector.default_mapping)
    )
    assert translation.rejects == ()
    assert len(translation.changes) + translation.ignored == len(elements)
    assert len(translation.changes) == len(
        {json.dumps(message.element) for message in build_webhook_elements(QUARTER)}
    )


def test_no_property_about_a_person_is_sent():
    names = {
        str(message.element.get("propertyName")) for message in build_webhook_elements(QUARTER)
    }
    assert not {name for name in names if "owner" in name or "name" in name or "body" in name}


def test_the_same_seed_gives_the_same_elements_in_order():
    messages = build_webhook_elements(QUARTER)
    assert messages == build_webhook_elements(Quarter(date(2026, 9, 28)))
    assert messages != build_webhook_elements(Quarter(date(2026, 9, 28), "other"))
    assert [message.occurred_at for message in messages] == sorted(
        message.occurred_at for message in messages
    )
    assert messages[0].occurred_at > datetime(2026, 9, 28, tzinfo=UTC)
