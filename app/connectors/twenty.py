"""Twenty: HMAC of timestamp and body, and both forms of its webhooks (docs/crm/twenty.md)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    RejectElementError,
    SkipElementError,
    get_change_verb,
    parse_account,
    parse_instant,
    parse_record_id,
    parse_single_event,
    pick_fields,
    to_name_set,
    translate_elements,
)
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import DealMapping

DEFAULT_MAPPING: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "stage"},
        # A new workspace has no lost stage.
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
SUPPORTED_ACTIONS: Final = ("created", "updated", "upserted", "deleted", "restored", "destroyed")


class TwentyConnector(Connector):
    """One workspace of Twenty, connected by its webhooks."""

    name: str = "twenty"
    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = DEFAULT_MAPPING
    is_secret_required: bool = False

    def generate_secret(self, random_bytes: bytes) -> str:
        """Return the bytes in hexadecimal, to be entered in Twenty."""
        return bytes(random_bytes).hex()

    def check_secret(self, secret: str) -> None:
        """Raise InvalidError unless the secret has 16 to 200 printable characters."""
        if not 16 <= len(secret) <= 200 or not secret.isprintable() or secret != secret.strip():
            raise signatures.unusable_secret_error(
                "must be the webhook's secret: 16 to 200 printable characters"
            )

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise NotAuthenticError unless one of the secrets signed the delivery recently."""
        timestamp = delivery.headers.get("x-twenty-webhook-timestamp", "")
        if not signatures.is_fresh(timestamp, now, milliseconds=True):
            raise signatures.authentication_error()
        signed_content = f"{timestamp}:".encode() + delivery.body
        expected = [
            signatures.hex_hmac(secret.encode(), signed_content) for secret in filter(None, secrets)
        ]
        if not signatures.matches_any(
            [delivery.headers.get("x-twenty-webhook-signature", "").lower()], expected
        ):
            raise signatures.authentication_error()

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate one event. Raises: MalformedError for a body that is no JSON object."""
        return translate_elements(
            parse_single_event(delivery.body, "Twenty"),
            lambda element: _to_changes(element, account, mapping),
        )


def _to_changes(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """Translate one event, in the form of the sender's code or of its documentation."""
    event_name = element.get("eventName", element.get("event"))
    if not isinstance(event_name, str) or "." not in event_name:
        raise RejectElementError("The element has no eventName.")
    kind, action = event_name.rsplit(".", 1)
    if kind != "opportunity" or action not in SUPPORTED_ACTIONS:
        raise SkipElementError
    # The documented form names no workspace. Its secret belongs to one.
    workspace_id = ""
    if "workspaceId" in element or "eventName" in element:
        workspace_id = parse_account(element.get("workspaceId"), account, "workspaceId")
    record = element.get("record", element.get("data"))
    if not isinstance(record, Mapping):
        raise RejectElementError("The element has neither 'record' nor 'data'.")
    id_ = parse_record_id(record.get("id"), "record.id")
    sent_at = element.get("eventDate", element.get("timestamp"))
    changed_at_raw = record.get("updatedAt") or sent_at
    if action == "deleted":
        changed_at_raw = record.get("deletedAt") or changed_at_raw
    elif action == "destroyed":
        changed_at_raw = sent_at or changed_at_raw
    timestamp = record.get("updatedAt") or changed_at_raw
    parse_instant(timestamp, "updatedAt")
    change_key = f"twenty|{workspace_id}|{kind}|{id_}|{action}|{timestamp}"
    changed_at = parse_instant(changed_at_raw, "deletedAt")
    if action in ("deleted", "destroyed"):
        return [Change(f"deal:{id_}", change_key, changed_at, "deleted")]
    verb = {"created": "created", "restored": "restored"}.get(action)
    verb = verb or get_change_verb(to_name_set(element.get("updatedFields")), mapping)
    return [
        Change(
            f"deal:{id_}", change_key, changed_at, verb, pick_fields(record, mapping.properties())
        )
    ]
