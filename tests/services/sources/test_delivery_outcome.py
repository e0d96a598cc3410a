"""The stored form of a delivery: what it keeps of the request, and its bounds."""

from uuid import UUID

from app.connectors.connector import Delivery
from app.services.sources.delivery_outcome import (
    MAX_PROBLEM_LENGTH,
    new_delivery_record,
    truncate,
)
from tests.support.service_harness import NOW


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
