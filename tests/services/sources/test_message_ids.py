"""A repeated message id has the same body, or is a conflict."""

import json
from hashlib import sha256

from app.connectors.registry import CONNECTORS
from app.domain.primitives.errors import EventConflictError
from app.store.sources import deliveries
from tests.support.relay_source import Relay, parse_relay_event


async def test_another_body_under_an_id_is_rejected_and_the_first_stays(relay: Relay):
    first = await relay.deliver([{"id": "a"}], parse_relay_event)
    repeated = await relay.deliver([{"id": "a"}], parse_relay_event)
    conflicting = await relay.deliver([{"id": "b"}], parse_relay_event)
    assert (first.state, repeated.state, conflicting.state) == ("processed", "processed", "failed")
    assert isinstance(conflicting.error, EventConflictError)


async def test_a_failed_delivery_does_not_reserve_its_id(relay: Relay):
    assert (await relay.deliver([{}], parse_relay_event)).state == "failed"
    assert (await relay.deliver([{"id": "a"}], parse_relay_event)).state == "processed"


def test_only_standard_webhooks_names_its_deliveries():
    headers = {"webhook-id": "msg_1"}
    assert {
        connector_name
        for connector_name, connector in CONNECTORS.items()
        if connector.get_message_id(headers)
    } == {"standard_webhooks"}
    assert CONNECTORS["standard_webhooks"].get_message_id({}) is None


async def test_the_stored_digest_cannot_be_recomputed_from_the_body(relay: Relay):
    await relay.deliver([{"id": "a"}], parse_relay_event)
    async with relay.harness.service.database.read_transaction() as reader:
        digest = (
            await deliveries.find_body_digests(reader, relay.actor.organization, "relay", ["msg_1"])
        )["msg_1"]
    assert sha256(json.dumps({"events": [{"id": "a"}]}).encode()).hexdigest() not in digest
