"""Twenty: HMAC over timestamp and body, and both shapes of its webhooks (crm-webhooks.md, section 5.1)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    AsideError,
    SkipError,
    fields,
    moment,
    names_in,
    of_account,
    one_object,
    record_id,
    translated,
    verb_of,
)
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import DealMapping

STOCK: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "stage"},
        # The stock workspace has no lost stage.
        "stages": {
            "NEW": "open",
            "SCREENING": "open",
            "MEETING": "open",
            "PROPOSAL": "open",
            "CUSTOMER": "won",
        },
        "value": {"property": "/amount/amountMicros", "scale": -6},
        "unit": {"property": "/amount/currencyCode"},
        "created_at": {"property": "createdAt"},
        "modified_at": {"property": "updatedAt"},
        "closed_at": {"property": "closeDate"},
    }
)
# What is told twice, by one upsert and by wildcard subscriptions, says the same of the record at the same time.
ACTIONS: Final = ("created", "updated", "upserted", "deleted", "restored", "destroyed")


class Twenty(Connector):
    """One workspace of Twenty, by its webhooks."""

    name: str = "twenty"
    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK
    secret_required: bool = False

    def new_secret(self, random: bytes) -> str:
        """A secret to enter in Twenty: the bytes in hexadecimal."""
        return bytes(random).hex()

    def check_secret(self, secret: str) -> None:
        """Returns only for 16 to 200 printable letters, which Twenty takes as they are. Raises: InvalidError."""
        if not 16 <= len(secret) <= 200 or not secret.isprintable() or secret != secret.strip():
            raise signatures.unusable(
                "must be the webhook's secret: 16 to 200 printable characters"
            )

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh signature by one of the secrets. Raises: NotAuthenticError."""
        stamp = delivery.headers.get("x-twenty-webhook-timestamp", "")
        if not signatures.fresh(stamp, now, milliseconds=True):
            raise signatures.refusal()
        signed = f"{stamp}:".encode() + delivery.body
        expected = [
            signatures.hexadecimal(secret.encode(), signed) for secret in filter(None, secrets)
        ]
        if not signatures.among(
            [delivery.headers.get("x-twenty-webhook-signature", "").lower()], expected
        ):
            raise signatures.refusal()

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The change that the event says. Raises: MalformedError when it is no JSON object."""
        return translated(
            one_object(delivery.body, "Twenty"), lambda element: _changes(element, account, mapping)
        )


def _changes(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """The change of one event, as the sender's code has it or as its documentation prints it."""
    name = element.get("eventName", element.get("event"))
    if not isinstance(name, str) or "." not in name:
        raise AsideError("The element has no eventName.")
    kind, action = name.rsplit(".", 1)
    if kind != "opportunity" or action not in ACTIONS:
        raise SkipError
    workspace = ""  # the documented shape names none: the secret is the workspace's
    if "workspaceId" in element or "eventName" in element:
        workspace = of_account(element.get("workspaceId"), account, "workspaceId")
    record = element.get("record", element.get("data"))
    if not isinstance(record, Mapping):
        raise AsideError("The element has neither 'record' nor 'data'.")
    id_ = record_id(record.get("id"), "record.id")
    sent = element.get("eventDate", element.get("timestamp"))
    said = record.get("updatedAt") or sent
    if action == "deleted":
        said = record.get("deletedAt") or said
    elif action == "destroyed":
        said = sent or said
    stamp = record.get("updatedAt") or said
    moment(stamp, "updatedAt")
    key = f"twenty|{workspace}|{kind}|{id_}|{action}|{stamp}"
    at = moment(said, "deletedAt")
    if action in ("deleted", "destroyed"):
        return [Change(f"deal:{id_}", key, at, "deleted")]
    verb = {"created": "created", "restored": "restored"}.get(action)
    verb = verb or verb_of(names_in(element.get("updatedFields")), mapping)
    return [Change(f"deal:{id_}", key, at, verb, fields(record, mapping.properties()))]
