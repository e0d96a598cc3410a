"""A connected source that delivers events of ours, signed like Standard Webhooks."""

import json
from collections.abc import Callable, Mapping

from standardwebhooks.webhooks import Webhook

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.primitives.errors import InvalidError
from app.services.sources import inbound_webhooks
from app.services.sources import sources as sources_service
from tests.support.hubspot_source import DAY
from tests.support.service_harness import NOW, PUBLIC_URL, SCALE, ServiceHarness, make_event


class Relay:
    """A source that sends events of ours."""

    def __init__(
        self, harness: ServiceHarness, actor: Actor, connected_source: sources_service.SavedSource
    ) -> None:
        self.harness = harness
        self.actor = actor
        self.hook = connected_source.hook_id or ""
        self.secret = connected_source.secret or ""

    async def deliver(
        self,
        elements: list[object],
        read_event: Callable[..., Event],
        message_id: str = "msg_1",
        **headers: str,
    ) -> inbound_webhooks.DeliveryReceipt:
        body = json.dumps({"events": elements})
        signature = Webhook(self.secret).sign(message_id, self.harness.clock.now, body)
        signature_headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(self.harness.clock.now.timestamp())),
        }
        delivery = Delivery(
            "POST",
            f"{PUBLIC_URL}/hooks/x",
            {**headers, **signature_headers, "webhook-signature": signature},
            body.encode(),
        )
        return await inbound_webhooks.receive_delivery(
            self.harness.service, self.hook, delivery, read_event
        )


def parse_relay_event(element: Mapping[str, object]) -> Event:
    """Build an event from an element with an id and, optionally, a value."""
    if "id" not in element:
        raise InvalidError("An event has an id." + "!" * 5_000)
    return make_event(
        str(element["id"]), source="relay", value=element.get("value", SCALE), time=NOW - DAY
    )
