"""Standard Webhooks 1.0.0: the body is one of our own events, or a list of them."""

from collections.abc import Mapping
from types import MappingProxyType

from app.connectors.connector import Delivery, ElementRejection, Translation
from app.connectors.signatures import StandardSignatureConnector
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.mapping.mapping import DealMapping


class StandardWebhooksConnector(StandardSignatureConnector):
    """Any system that signs like standardwebhooks.com and sends our events."""

    name: str = "standard_webhooks"
    mapping_form: str = "none"
    default_mapping: Mapping[str, object] = MappingProxyType({})

    def get_message_id(self, headers: Mapping[str, str]) -> str | None:
        """Return the `webhook-id`, which is the same in retries."""
        return headers.get("webhook-id")

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Return the events in the body, unchanged.

        Raises: MalformedError for a body that is neither an event nor a list of events.
        """
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
