"""The limit of CloudEvents in a request. See tests/api/events/test_cloudevents.py for the rest."""

import json

import pytest

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.primitives.errors import InvalidError
from app.services.events import cloudevents
from tests.support.service_harness import ServiceHarness


async def test_a_batch_is_bounded(harness: ServiceHarness, actor: Actor):
    body = json.dumps([7] * (cloudevents.MAX_EVENTS + 1)).encode()
    delivery = Delivery("POST", "", {"content-type": "application/cloudevents-batch+json"}, body)
    with pytest.raises(InvalidError, match="10000"):
        await cloudevents.ingest_cloudevents(
            harness.service, actor, delivery, "billing", lambda _: pytest.fail("nothing to read")
        )
