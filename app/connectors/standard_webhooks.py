"""Standard Webhooks 1.0.0, signed by a shared secret; the body is one of our own events, or several (api.md)."""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from app.connectors.base import TOLERANCE, Delivery, Reject, Translation
from app.domain import strict_json
from app.domain.changes import EPOCH
from app.domain.errors import Fault, InvalidError, MalformedError, NotAuthenticError
from app.domain.mapping import DealMapping

PREFIX: Final = "whsec_"
_ID: Final = re.compile(r"[!-\-/-~]{1,256}")  # visible ASCII without the full stop
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


class StandardWebhooks:
    """Any system that signs as standardwebhooks.com says and speaks our events."""

    name: str = "standard_webhooks"
    form: str = "none"
    default_mapping: Mapping[str, object] = MappingProxyType({})
    secret_required: bool = False

    def new_secret(self, random: bytes) -> str:
        """A secret of the given bytes. Raises: InvalidError unless they are 24 to 64."""
        secret = PREFIX + b64encode(random).decode()
        self.check_secret(secret)
        return secret

    def check_secret(self, secret: str) -> None:
        """Returns only for `whsec_` and base64 of 24 to 64 bytes. Raises: InvalidError."""
        key = _key(secret)
        if key is None or not 24 <= len(key) <= 64:
            fault = Fault("/secret", "must be whsec_ and the base64 of 24 to 64 random bytes")
            raise InvalidError("The secret is not valid.", [fault])

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh v1 signature by one of the secrets. Raises: NotAuthenticError."""
        id_ = delivery.headers.get("webhook-id", "")
        stamp = delivery.headers.get("webhook-timestamp", "")
        if not (_ID.fullmatch(id_) and _SECONDS.fullmatch(stamp)):
            raise NotAuthenticError("The delivery is not authentic.")
        fresh = abs(now - EPOCH - timedelta(seconds=int(stamp))) <= timedelta(seconds=TOLERANCE)
        tokens = delivery.headers.get("webhook-signature", "").split(" ")
        signatures = [token[3:].encode("utf-8", "replace") for token in tokens if token.startswith("v1,")]
        signed = f"{id_}.{stamp}.".encode() + delivery.body
        matches = False
        for key in filter(None, map(_key, secrets)):
            expected = b64encode(hmac.digest(key, signed, sha256))
            for signature in signatures:
                matches |= hmac.compare_digest(expected, signature)
        if not (fresh and matches):
            raise NotAuthenticError("The delivery is not authentic.")

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


def _key(secret: str) -> bytes | None:
    """The key that a secret holds. None for what is no shared secret: a public key must never verify as one."""
    if not secret.startswith(PREFIX):
        return None
    try:
        return b64decode(secret.removeprefix(PREFIX).encode(), validate=True)
    except (Error, ValueError):
        return None
