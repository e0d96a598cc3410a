"""Any system that sends JSON: what it says is read by a mapping that its user writes (app/domain/envelopes.py)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from app.connectors import signatures
from app.connectors.base import Connector, Delivery, Reject, Translation
from app.domain import envelopes, strict_json
from app.domain.errors import MalformedError
from app.domain.mapping import DealMapping


class Generic(Connector):
    """A sender that signs as Standard Webhooks says or, where it cannot, bears its secret as a token."""

    name: str = "generic"
    form: str = "generic"
    default_mapping: Mapping[str, object] = MappingProxyType({})
    secret_required: bool = False

    def new_secret(self, random: bytes) -> str:
        """A secret of the given bytes. Raises: InvalidError unless they are 24 to 64."""
        return signatures.standard_secret(random)

    def check_secret(self, secret: str) -> None:
        """Returns only for `whsec_` and base64 of 24 to 64 bytes. Raises: InvalidError."""
        signatures.check_standard_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery that one of the secrets signed, or that bears it. Raises: NotAuthenticError."""
        signatures.verify_standard_or_bearer(delivery, secrets, now)

    def translate(self, delivery: Delivery, account: str | None, mapping: DealMapping) -> Translation:  # noqa: ARG002  # the secret is the account's
        """The changes that the body's records say. Raises: MalformedError when the mapping finds no records in it."""
        body = strict_json.loads(delivery.body)
        if mapping.envelope is None:
            raise MalformedError("The source's mapping does not say what a record is: it needs entity and occurred_at.")
        found = envelopes.read(body, mapping.envelope, mapping.properties())
        if found is None:
            raise MalformedError("The body is neither a record nor a list of them; the mapping's 'each' says where.")
        return Translation(
            changes=tuple(change for _, change in found.changes),
            rejects=tuple(Reject(index, problem) for index, problem in found.problems),
            ignored=found.ignored,
            change_places=tuple(index for index, _ in found.changes),
        )
