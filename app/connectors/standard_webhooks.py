"""Standard Webhooks 1.0.0, signed by a shared secret; the body is one of our own events, or several (api.md)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from app.connectors import signatures
from app.connectors.base import Connector, Delivery, Reject, Translation
from app.domain import strict_json
from app.domain.errors import MalformedError
from app.domain.mapping import DealMapping


class StandardWebhooks(Connector):
    """Any system that signs as standardwebhooks.com says and speaks our events."""

    name: str = "standard_webhooks"
    form: str = "none"
    default_mapping: Mapping[str, object] = MappingProxyType({})
    secret_required: bool = False

    def new_secret(self, random: bytes) -> str:
        """A secret of the given bytes. Raises: InvalidError unless they are 24 to 64."""
        return signatures.standard_secret(random)

    def check_secret(self, secret: str) -> None:
        """Returns only for `whsec_` and base64 of 24 to 64 bytes. Raises: InvalidError."""
        signatures.check_standard_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh v1 signature by one of the secrets. Raises: NotAuthenticError."""
        signatures.verify_standard(delivery, secrets, now)

    def translate(self, delivery: Delivery, account: str | None, mapping: DealMapping) -> Translation:  # noqa: ARG002  # the shape of every connector
        """The events in the body, as they are. Raises: MalformedError for what is neither an event nor events."""
        body = strict_json.loads(delivery.body)
        if not isinstance(body, dict):
            raise MalformedError('The body is neither an event nor {"events": [...]}.')
        elements = body.get("events", [body]) if set(body) <= {"events"} else [body]
        if not isinstance(elements, list):
            raise MalformedError("events is not a JSON array.")
        events = {index: element for index, element in enumerate(elements) if isinstance(element, dict)}
        odd = [index for index in range(len(elements)) if index not in events]
        return Translation(
            events=tuple(events.values()),
            rejects=tuple(Reject(index, "The event is not an object.") for index in odd),
            event_places=tuple(events),
        )
