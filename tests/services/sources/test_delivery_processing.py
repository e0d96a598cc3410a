"""What a delivery says is read without a look at the database; what is kept of it can be read again."""

from uuid import UUID

from app.connectors.connector import Delivery
from app.domain.sources.sources import Source
from app.services.sources.delivery_processing import SENTENCE, cut, interpret, mapping_of, record_of
from tests.flows.test_deliveries import MAPPING, read_nothing
from tests.support.services import NOW, created, hubspot

SOURCE = Source("hubspot", "HubSpot", "hubspot", "4242001", "sales", MAPPING)


def test_a_kept_delivery_says_what_it_said():
    delivery = hubspot(
        "hook", "a-client-secret-of-the-app", [created(1, NOW), {"portalId": 1}], NOW
    )
    kept = record_of(UUID(int=1), "hubspot", delivery, NOW)
    said = interpret(SOURCE, mapping_of(SOURCE), kept, "POST", read_nothing, NOW)
    assert [change.entity for change in said.changes] == ["deal:1"]
    assert [problem["index"] for problem in said.problems] == [1]
    bodiless = record_of(UUID(int=1), "hubspot", Delivery("POST", "", {}, b""), NOW)
    assert (
        interpret(SOURCE, mapping_of(SOURCE), bodiless, "POST", read_nothing, NOW).unreadable
        is not None
    )


def test_headers_that_a_connector_reads_are_kept_and_secrets_are_not():
    headers = {
        "ce-id": "1",
        "ce-source": "s",
        "content-type": "x",
        "authorization": "Basic x",
        "cookie": "c",
    }
    kept = record_of(UUID(int=1), "hubspot", Delivery("POST", "", headers, b""), NOW)
    assert kept.headers == {"ce-id": "1", "ce-source": "s", "content-type": "x"}


def test_an_attribute_that_is_percent_encoded_is_kept_whole():
    said = "%E5%95%86" * 200  # two hundred letters, as many as a subject may have
    kept = record_of(UUID(int=1), "shop", Delivery("POST", "", {"ce-subject": said}, b""), NOW)
    assert kept.headers["ce-subject"] == said


def test_a_long_sentence_is_cut():
    assert len(cut("x" * 5_000)) == SENTENCE
