"""What a delivery says is read without a look at the database; what is kept of it can be read again."""

from uuid import UUID

from app.connectors.connector import Delivery
from app.domain.sources.sources import Source
from app.services.sources.delivery_processing import (
    MAX_PROBLEM_LENGTH,
    new_delivery_record,
    parse_delivery,
    parse_source_mapping,
    truncate,
)
from tests.services.sources.test_inbound_webhooks import MAPPING, fail_on_read
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


def test_headers_that_a_connector_reads_are_stored_and_secrets_are_not():
    headers = {
        "ce-id": "1",
        "ce-source": "s",
        "content-type": "x",
        "authorization": "Basic x",
        "cookie": "c",
    }
    stored_delivery = new_delivery_record(
        UUID(int=1), "hubspot", Delivery("POST", "", headers, b""), NOW
    )
    assert stored_delivery.headers == {"ce-id": "1", "ce-source": "s", "content-type": "x"}


def test_a_percent_encoded_attribute_is_not_truncated():
    encoded_subject = "%E5%95%86" * 200  # two hundred letters, as many as a subject may have
    stored_delivery = new_delivery_record(
        UUID(int=1), "shop", Delivery("POST", "", {"ce-subject": encoded_subject}, b""), NOW
    )
    assert stored_delivery.headers["ce-subject"] == encoded_subject


def test_a_long_problem_text_is_truncated():
    assert len(truncate("x" * 5_000)) == MAX_PROBLEM_LENGTH
