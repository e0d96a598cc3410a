"""What comes again under its sender's id is the same body, or a conflict."""

import json
from hashlib import sha256

from app.connectors.registry import CONNECTORS
from app.domain.primitives.errors import EventConflictError
from app.store.sources import deliveries
from tests.flows.test_deliveries import Relay, read, relay

__all__ = ["relay"]


async def test_another_body_under_an_id_is_refused_and_the_first_stands(relay: Relay):
    first = await relay.deliver([{"id": "a"}], read)
    again = await relay.deliver([{"id": "a"}], read)
    other = await relay.deliver([{"id": "b"}], read)
    assert (first.state, again.state, other.state) == ("processed", "processed", "failed")
    assert isinstance(other.refusal, EventConflictError)


async def test_what_came_to_nothing_holds_no_id(relay: Relay):
    assert (await relay.deliver([{}], read)).state == "failed"
    assert (await relay.deliver([{"id": "a"}], read)).state == "processed"


def test_only_standard_webhooks_names_its_deliveries():
    headers = {"webhook-id": "msg_1"}
    assert {name for name, one in CONNECTORS.items() if one.message(headers)} == {
        "standard_webhooks"
    }
    assert CONNECTORS["standard_webhooks"].message({}) is None


async def test_what_is_kept_of_a_body_cannot_be_guessed_back_to_it(relay: Relay):
    await relay.deliver([{"id": "a"}], read)
    async with relay.built.service.database.reading() as connection:
        kept = (
            await deliveries.digests_of(connection, relay.actor.organization, "relay", ["msg_1"])
        )["msg_1"]
    assert sha256(json.dumps({"events": [{"id": "a"}]}).encode()).hexdigest() not in kept
