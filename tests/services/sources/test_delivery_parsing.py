"""A stored delivery is parsed without the database, any number of times."""

from uuid import UUID

from app.connectors.connector import Delivery
from app.domain.sources.sources import Source
from app.services.sources.delivery_outcome import new_delivery_record
from app.services.sources.delivery_parsing import parse_delivery, parse_source_mapping
from tests.support.hubspot_source import MAPPING, fail_on_read
from tests.support.service_harness import NOW, make_deal_creation, make_hubspot_delivery

SOURCE = Source("hubspot", "HubSpot", "hubspot", "4242001", "sales", MAPPING)


def test_a_stored_delivery_can_be_parsed_again():
    delivery = make_hubspot_delivery(
        "hook", "a-client-secret-of-the-app", [make_deal_creation(1, NOW), {"portalId": 1}], NOW
    )
    stored_delivery = new_delivery_record(UUID(int=1), "hubspot", delivery, NOW)
    parsed = parse_delivery(
        SOURCE, parse_source_mapping(SOURCE), stored_delivery, "POST", fail_on_read, NOW
    )
    assert [change.entity for change in parsed.changes] == ["deal:1"]
    assert [problem["index"] for problem in parsed.problems] == [1]
    bodiless = new_delivery_record(UUID(int=1), "hubspot", Delivery("POST", "", {}, b""), NOW)
    assert (
        parse_delivery(
            SOURCE, parse_source_mapping(SOURCE), bodiless, "POST", fail_on_read, NOW
        ).unreadable_reason
        is not None
    )
