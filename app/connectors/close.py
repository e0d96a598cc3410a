"""Close: HMAC with a hexadecimal key, amounts in cents (docs/crm/close.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    SkipElementError,
    get_change_verb,
    get_object,
    parse_account,
    parse_instant,
    parse_record_id,
    parse_single_event,
    pick_fields,
    short_digest,
    to_name_set,
    translate_elements,
)
from app.domain.sources.crm import activity_properties
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.mapping import DealMapping

DEFAULT_MAPPING: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "status_id"},
        "pipeline": {"property": "pipeline_id"},
        "status": {
            "property": "status_type",
            "map": {"active": "open", "won": "won", "lost": "lost"},
        },
        "value": {"property": "value", "scale": -2},
        "unit": {"property": "value_currency"},
        "created_at": {"property": "date_created"},
        "modified_at": {"property": "date_updated"},
        "closed_at": {"first_of": ["date_won", "date_lost"]},
    }
)


@dataclass(frozen=True, slots=True)
class ActivityMapping:
    """How the activities of one type become changes."""

    kind: str
    # The first property with a time counts.
    time_properties: tuple[str, ...]
    # The name of this time in a change.
    time_field: str
    # The status of a change by Close's status.
    outcomes: Mapping[str, str]


ACTIVITY_MAPPINGS: Final[Mapping[str, ActivityMapping]] = MappingProxyType(
    {
        "activity.call": ActivityMapping(
            "call",
            ("activity_at", "date_created"),
            activity_properties.OCCURRED_AT,
            {
                "completed": "COMPLETED",
                "no-answer": "NO_ANSWER",
                "busy": "BUSY",
                "failed": "FAILED",
                "cancel": "CANCELED",
                "timeout": "NO_ANSWER",
                "created": "QUEUED",
                "in-progress": "IN_PROGRESS",
            },
        ),
        "activity.meeting": ActivityMapping(
            "meeting",
            ("starts_at", "activity_at"),
            activity_properties.STARTS_AT,
            {
                "completed": "COMPLETED",
                "upcoming": "SCHEDULED",
                "in-progress": "SCHEDULED",
                "canceled": "CANCELED",
                "declined-by-lead": "CANCELED",
                "declined-by-org": "CANCELED",
            },
        ),
    }
)


class CloseConnector(Connector):
    """One organization of Close, connected by a webhook subscription."""

    name: str = "close"
    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = DEFAULT_MAPPING
    is_secret_required: bool = True

    def check_secret(self, secret: str) -> None:
        """Raise InvalidError unless the secret is a signature key: 16 to 128 hexadecimal bytes."""
        if not 16 <= len(_to_key_bytes(secret)) <= 128:
            raise signatures.unusable_secret_error(
                "must be the webhook's signature_key: hexadecimal digits"
            )

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise NotAuthenticError unless one of the secrets signed the delivery recently."""
        timestamp = delivery.headers.get("close-sig-timestamp", "")
        if not signatures.is_fresh(timestamp, now):
            raise signatures.authentication_error()
        signed_content = timestamp.encode() + delivery.body
        expected = [
            signatures.hex_hmac(key_bytes, signed_content)
            for key_bytes in filter(None, map(_to_key_bytes, secrets))
        ]
        if not signatures.matches_any(
            [delivery.headers.get("close-sig-hash", "").lower()], expected
        ):
            raise signatures.authentication_error()

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate one event. Raises: MalformedError for a body that is no JSON object."""
        return translate_elements(
            parse_single_event(delivery.body, "Close"),
            lambda element: _to_changes(element, account, mapping),
        )


def _to_key_bytes(secret: str) -> bytes:
    """Decode the hexadecimal digits. Return no bytes for anything else."""
    try:
        return bytes.fromhex(secret) if secret.isalnum() else b""
    except ValueError:
        return b""


def _to_changes(
    element: Mapping[str, object], account: str | None, mapping: DealMapping
) -> Iterable[Change]:
    """Translate one event to its change.

    Close sends several quick edits as one event, and may repeat its id with more edits in it. The
    key of the change therefore contains a digest of the record.
    """
    event = get_object(element, "event")
    kind = str(event.get("object_type"))
    action = event.get("action")
    if (kind != "opportunity" and kind not in ACTIVITY_MAPPINGS) or not isinstance(action, str):
        raise SkipElementError
    organization = parse_account(event.get("organization_id"), account, "organization_id")
    id_ = parse_record_id(event.get("object_id"), "object_id")
    changed_at_raw = event.get("date_updated") or event.get("date_created")
    changed_at = parse_instant(changed_at_raw, "date_created")
    record_raw = event.get("data")
    record = record_raw if isinstance(record_raw, Mapping) else {}
    record_digest = short_digest([changed_at_raw, dict(record)])
    change_key = (
        f"close|{organization}|{parse_record_id(event.get('id'), 'event.id')}|{record_digest}"
    )
    entity = f"deal:{id_}" if kind == "opportunity" else f"{ACTIVITY_MAPPINGS[kind].kind}:{id_}"
    if action == "deleted":
        return [Change(entity, change_key, changed_at, "deleted")]
    verb = (
        "created"
        if action == "created"
        else get_change_verb(to_name_set(event.get("changed_fields")), mapping)
    )
    record = get_object(event, "data")
    if kind != "opportunity":
        return [
            Change(entity, change_key, changed_at, verb, _to_activity_fields(kind, record, mapping))
        ]
    return [Change(entity, change_key, changed_at, verb, pick_fields(record, mapping.properties()))]


def _to_activity_fields(
    kind: str, record: Mapping[str, object], mapping: DealMapping
) -> dict[str, Scalar]:
    """Return the properties of a call or a meeting in a change.

    Close links it to a lead, not to an opportunity.
    """
    activity_mapping = ACTIVITY_MAPPINGS[kind]
    time_properties = activity_mapping.time_properties
    team_fields = pick_fields(record, mapping.team.properties if mapping.team is not None else ())
    properties = pick_fields(record, (*time_properties, "status"))
    started_at = next(
        (
            properties[time_property]
            for time_property in time_properties
            if properties.get(time_property) is not None
        ),
        None,
    )
    status = properties.get("status")
    return {
        **team_fields,
        activity_mapping.time_field: started_at,
        activity_properties.STATUS: (
            activity_mapping.outcomes.get(status, status) if isinstance(status, str) else status
        ),
    }
