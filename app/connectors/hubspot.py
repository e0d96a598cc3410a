"""HubSpot: signature v3 (v1 by opt-in), and both forms of its webhooks (docs/crm/hubspot.md)."""

import hmac
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from app.connectors import signatures
from app.connectors.connector import Connector, Delivery, Translation
from app.connectors.element_parsing import (
    RejectElementError,
    SkipElementError,
    parse_account,
    translate_elements,
)
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm import activity_properties
from app.domain.sources.crm.changes import Change, Scalar, from_milliseconds
from app.domain.sources.mapping.mapping import DealMapping

KIND_BY_OBJECT_TYPE_ID: Final[Mapping[str, str]] = MappingProxyType(
    {"0-3": "deal", "0-8": "line_item", "0-47": "meeting", "0-48": "call", "0-49": "email"}
)
KIND_BY_OBJECT_NAME: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DEAL": "deal",
        "MEETING": "meeting",
        "MEETING_EVENT": "meeting",
        "CALL": "call",
        "EMAIL": "email",
        "LINE_ITEM": "line_item",
    }
)
VERB_BY_EVENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "creation": "created",
        "propertyChange": "changed",
        "deletion": "deleted",
        "restore": "restored",
    }
)
# HubSpot's properties of activities, by kind, and their names in a change.
ACTIVITY_PROPERTIES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "call": {
            "hs_timestamp": activity_properties.OCCURRED_AT,
            "hs_call_status": activity_properties.STATUS,
        },
        "meeting": {
            "hs_meeting_start_time": activity_properties.STARTS_AT,
            "hs_timestamp": activity_properties.OCCURRED_AT,
            "hs_meeting_outcome": activity_properties.STATUS,
        },
        "email": {
            "hs_timestamp": activity_properties.OCCURRED_AT,
            "hs_email_status": activity_properties.STATUS,
            "hs_email_direction": activity_properties.DIRECTION,
        },
    }
)
RECORD_ID_PROPERTIES: Final = ("hs_object_id", "Record ID")
DEFAULT_MAPPING: Final[Mapping[str, object]] = MappingProxyType(
    {
        "stage": {"property": "dealstage"},
        "pipeline": {"property": "pipeline"},
        "stages": {
            "appointmentscheduled": "open",
            "qualifiedtobuy": "open",
            "presentationscheduled": "open",
            "decisionmakerboughtin": "open",
            "contractsent": "open",
            "closedwon": "won",
            "closedlost": "lost",
        },
        "value": {"property": "amount", "parse": "decimal"},
        "unit": {"property": "deal_currency_code"},
        "created_at": {"property": "createdate"},
        "modified_at": {"property": "hs_lastmodifieddate"},
        "closed_at": {"property": "closedate"},
        "line_items": {
            "value": {"property": "amount"},
            "price": {"property": "price"},
            "quantity": {"property": "quantity"},
        },
    }
)
_SIGNED_ESCAPES: Final = re.compile(r"%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
_ID_PATTERN: Final = re.compile(r"[0-9]{1,20}")
_REDACTED_VALUE: Final = "REDACTED"
# A secret with it accepts signatures of version 1 too.
V1_SECRET_PREFIX: Final = "v1:"  # noqa: S105  # the name contains a word; the text is no secret


class HubSpotConnector(Connector):
    """One account of HubSpot, connected by an app's webhook subscriptions."""

    name: str = "hubspot"
    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = DEFAULT_MAPPING
    is_secret_required: bool = True

    def check_secret(self, secret: str) -> None:
        """Raise InvalidError unless the secret can be a client secret, with or without `v1:`."""
        client_secret = secret.removeprefix(V1_SECRET_PREFIX)
        if (
            not 16 <= len(client_secret) <= 200
            or not client_secret.isascii()
            or not client_secret.isprintable()
            or " " in client_secret
        ):
            raise signatures.unusable_secret_error(
                "must be the app's client secret: 16 to 200 printable ASCII characters"
            )

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise NotAuthenticError unless one of the secrets signed the delivery recently (v3).

        A secret with the prefix `v1:` accepts a delivery without a v3 signature if it has one of
        version 1, which contains no time.
        """
        if "x-hubspot-signature-v3" not in delivery.headers:
            _verify_v1(delivery, secrets)
            return
        timestamp = delivery.headers.get("x-hubspot-request-timestamp", "")
        if not signatures.is_fresh(timestamp, now, milliseconds=True):
            raise signatures.authentication_error()
        expected = [
            b64encode(
                hmac.digest(
                    key_bytes,
                    f"{delivery.method}{url}".encode() + delivery.body + timestamp.encode(),
                    sha256,
                )
            )
            for key_bytes in filter(
                None, (secret.removeprefix(V1_SECRET_PREFIX).encode() for secret in secrets)
            )
            for url in (delivery.url, decode_signed_url(delivery.url))
        ]
        if not signatures.matches_any([delivery.headers["x-hubspot-signature-v3"]], expected):
            raise signatures.authentication_error()

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate a batch of events. Raises: MalformedError for a body that is no JSON array."""
        elements = strict_json.loads(delivery.body)
        if not isinstance(elements, list):
            raise MalformedError("The body is not a JSON array: HubSpot sends its events in one.")
        properties_by_kind = {
            kind: list_activity_properties(kind, mapping) for kind in ACTIVITY_PROPERTIES
        }
        properties_by_kind |= {
            "deal": mapping.properties(),
            "line_item": mapping.line_item_properties(),
        }
        return translate_elements(
            elements, lambda element: _to_changes(element, account, properties_by_kind)
        )


def list_activity_properties(kind: str, mapping: DealMapping) -> frozenset[str]:
    """Return the properties of an activity that are read: the built-in ones and the team's."""
    team_properties = mapping.team.properties if mapping.team is not None else ()
    return frozenset((*ACTIVITY_PROPERTIES[kind], *team_properties))


def _verify_v1(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Raise NotAuthenticError unless a secret that allows v1 signed the body: SHA-256 of both."""
    keys = [
        secret.removeprefix(V1_SECRET_PREFIX).encode()
        for secret in secrets
        if secret.startswith(V1_SECRET_PREFIX)
    ]
    expected = [
        sha256(secret_key + delivery.body).hexdigest().encode() for secret_key in filter(None, keys)
    ]
    signature = delivery.headers.get("x-hubspot-signature", "")
    if delivery.headers.get("x-hubspot-signature-version") != "v1" or not signatures.matches_any(
        [signature], expected
    ):
        raise signatures.authentication_error()


def decode_signed_url(url: str) -> str:
    """Decode twelve escapes of a URL, and no others, because HubSpot signs this form of it."""
    return _SIGNED_ESCAPES.sub(lambda escape: chr(int(escape[0][1:], 16)), url)


def _to_changes(
    element: Mapping[str, object],
    account: str | None,
    properties_by_kind: Mapping[str, frozenset[str]],
) -> list[Change]:
    """Translate one element: to one change, or for a merge to one of each deal that was merged."""
    subscription_type = element.get("subscriptionType", element.get("eventType"))
    if not isinstance(subscription_type, str) or "." not in subscription_type:
        raise RejectElementError("The element has no subscriptionType.")
    portal_id = parse_account(element.get("portalId"), account, "portalId")
    object_name, verb = subscription_type.split(".", 1)
    if verb == "associationChange":
        return [_to_association_change(element, portal_id, properties_by_kind)]
    kind = (
        object_name
        if object_name != "object"
        else KIND_BY_OBJECT_TYPE_ID.get(str(element.get("objectTypeId")), "")
    )
    if not properties_by_kind.get(kind) or (
        object_name != "object" and kind not in ("deal", "line_item")
    ):
        raise SkipElementError
    if verb == "merge" and kind == "deal":
        return _to_merge_changes(element, portal_id)
    if verb not in VERB_BY_EVENT:
        raise SkipElementError
    return [
        _to_record_change(
            element, f"hubspot|{portal_id}|{kind}", kind, verb, properties_by_kind[kind]
        )
    ]


def _to_record_change(
    element: Mapping[str, object],
    key_prefix: str,
    kind: str,
    verb: str,
    property_names: frozenset[str],
) -> Change:
    """Translate an event that concerns one record alone."""
    id_ = _parse_id(element.get("objectId"), "objectId")
    timestamp, occurred_at = _parse_occurred_at(element)
    if verb != "propertyChange":
        return Change(
            f"{kind}:{id_}",
            f"{key_prefix}|{id_}|{verb}||{timestamp}|",
            occurred_at,
            VERB_BY_EVENT[verb],
        )
    property_name = element.get("propertyName")
    if not isinstance(property_name, str) or not property_name:
        raise RejectElementError("The element has no propertyName.")
    property_value = _parse_property_value(element)
    # HubSpot sends a word in place of a sensitive value.
    if property_name not in property_names or property_value == _REDACTED_VALUE:
        raise SkipElementError
    change_key = (
        f"{key_prefix}|{id_}|{verb}|{property_name}|{timestamp}|{_short_hash(property_value)}"
    )
    field_name = ACTIVITY_PROPERTIES.get(kind, {}).get(property_name, property_name)
    changed_fields: dict[str, Scalar] = {field_name: property_value or None}
    return Change(f"{kind}:{id_}", change_key, occurred_at, "changed", changed_fields)


def _to_merge_changes(element: Mapping[str, object], portal_id: str) -> list[Change]:
    """Translate a merge.

    The merged deals are absorbed; the primary one continues, perhaps under a new id.
    """
    primary_id = _parse_id(
        element.get("primaryObjectId", element.get("objectId")), "primaryObjectId"
    )
    merged_ids_raw = element.get("mergedObjectIds")
    if not isinstance(merged_ids_raw, list) or not merged_ids_raw:
        raise RejectElementError("The element has no mergedObjectIds.")
    merged_ids = sorted(
        {_parse_id(merged_id_raw, "mergedObjectIds") for merged_id_raw in merged_ids_raw}
    )
    new_id_raw = element.get("newObjectId")
    surviving_id = primary_id if new_id_raw is None else _parse_id(new_id_raw, "newObjectId")
    timestamp, occurred_at = _parse_occurred_at(element)
    merge_digest = _short_hash(f"{primary_id}<-{','.join(merged_ids)}")
    return [
        Change(
            f"deal:{id_}",
            f"hubspot|{portal_id}|deal|{id_}|merge||{timestamp}|{merge_digest}",
            occurred_at,
            "continued" if id_ == primary_id else "merged",
            other=f"deal:{surviving_id}",
        )
        for id_ in sorted({primary_id, *merged_ids} - {surviving_id})
    ]


def _to_association_change(
    element: Mapping[str, object], portal_id: str, properties_by_kind: Mapping[str, frozenset[str]]
) -> Change:
    """Translate an association with a deal. Both sides report it; the change is the same."""
    records = _associated_records(element)
    kinds = [kind for kind, _ in records]
    if kinds.count("deal") != 1 or not all(properties_by_kind.get(kind) for kind in kinds):
        raise SkipElementError
    is_removed = element.get("associationRemoved", False)
    if not isinstance(is_removed, bool):
        raise RejectElementError("associationRemoved is not true or false.")
    entities = [f"{kind}:{_parse_id(id_, 'fromObjectId or toObjectId')}" for kind, id_ in records]
    activity, deal = sorted(entities, key=lambda entity: entity.startswith("deal:"))
    timestamp, occurred_at = _parse_occurred_at(element)
    association_text = "~".join(sorted(entities)) + (":removed" if is_removed else ":added")
    id_ = deal.removeprefix("deal:")
    digest = _short_hash(association_text)
    change_key = f"hubspot|{portal_id}|association|{id_}|associationChange||{timestamp}|{digest}"
    return Change(
        activity, change_key, occurred_at, "dissociated" if is_removed else "associated", {}, deal
    )


def _associated_records(element: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return kind and id of the two records. The kind is "" for a record that is not followed."""
    kinds = [
        KIND_BY_OBJECT_TYPE_ID.get(str(element[type_member]), "")
        for type_member in ("fromObjectTypeId", "toObjectTypeId")
        if type_member in element
    ]
    if len(kinds) != 2:
        object_names = str(element.get("associationType")).upper().split("_TO_")
        kinds = (
            [KIND_BY_OBJECT_NAME.get(object_name, "") for object_name in object_names]
            if len(object_names) == 2
            else ["", ""]
        )
    return list(zip(kinds, (element.get("fromObjectId"), element.get("toObjectId")), strict=True))


def _parse_id(raw: object, member_name: str) -> str:
    """Parse an id to text. Raises: RejectElementError."""
    id_ = str(raw) if isinstance(raw, int | str) and not isinstance(raw, bool) else ""
    if not _ID_PATTERN.fullmatch(id_):
        raise RejectElementError(f"The element has no {member_name} that is a whole number.")
    return id_


def _parse_occurred_at(element: Mapping[str, object]) -> tuple[str, datetime]:
    """Parse the time of an element. Return the milliseconds as text, and the instant."""
    milliseconds = element.get("occurredAt")
    if (
        isinstance(milliseconds, bool)
        or not isinstance(milliseconds, int)
        or not 0 < milliseconds < 10**13
    ):
        raise RejectElementError("The element has no occurredAt in milliseconds since 1970.")
    return str(milliseconds), from_milliseconds(milliseconds)


def _parse_property_value(element: Mapping[str, object]) -> str:
    """Return the new value as text, as HubSpot always sends it. It is "" for a cleared property."""
    raw = element.get("propertyValue")
    if isinstance(raw, dict | list):
        raise RejectElementError("The element's propertyValue is not a text.")
    if element.get("isSensitive") is True:
        raise SkipElementError
    return "" if raw is None else raw if isinstance(raw, str) else strict_json.dumps(raw)


def _short_hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
