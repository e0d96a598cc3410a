"""Standard Webhooks 1.0.0, signed by a shared secret; the body is one of our own events, or several (api.md)."""

from collections.abc import Mapping
from types import MappingProxyType

from app.connectors.connector import Delivery, ElementRejection, Translation
from app.connectors.signatures import StandardSignatureConnector
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.mapping.mapping import DealMapping


class StandardWebhooksConnector(StandardSignatureConnector):
    """Any system that signs as standardwebhooks.com says and speaks our events."""

    name: str = "standard_webhooks"
    mapping_form: str = "none"
    default_mapping: Mapping[str, object] = MappingProxyType({})

    def get_message_id(self, headers: Mapping[str, str]) -> str | None:
        """The `webhook-id`: the same over retries."""
        return headers.get("webhook-id")

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The events in the body, as they are. Raises: MalformedError for what is neither an event nor events."""
        body = strict_json.loads(delivery.body)
        if not isinstance(body, dict):
            raise MalformedError('The body is neither an event nor {"events": [...]}.')
        elements = body.get("events", [body]) if set(body) <= {"events"} else [body]
        if not isinstance(elements, list):
            raise MalformedError("events is not a JSON array.")
        events = {
            index: element for index, element in enumerate(elements) if isinstance(element, dict)
        }
        rejected_indexes = [index for index in range(len(elements)) if index not in events]
        return Translation(
            events=tuple(events.values()),
            rejects=tuple(
                ElementRejection(index, "The event is not an object.") for index in rejected_indexes
            ),
            event_indexes=tuple(events),
        )
