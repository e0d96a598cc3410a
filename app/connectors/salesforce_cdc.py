"""Salesforce Change Data Capture, sent by a relay of the customer (docs/crm/salesforce_cdc.md).

The events have the JSON form of CometD or of the Pub/Sub API, signed like Standard Webhooks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from app.connectors.connector import Delivery, Translation
from app.connectors.element_parsing import (
    RejectElementError,
    SkipElementError,
    parse_instant,
    parse_record_id,
    pick_fields,
    to_name_set,
    translate_elements,
)
from app.connectors.salesforce_ids import (
    STANDARD_MAPPING,
    check_organization_id,
    parse_record_id18,
    to_id18,
)
from app.connectors.signatures import StandardSignatureConnector
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.json_pointer import split_pointer
from app.domain.sources.mapping.mapping import DealMapping

VERB_BY_CHANGE_TYPE: Final[Mapping[str, str]] = {
    "CREATE": "created",
    "UPDATE": "changed",
    "DELETE": "deleted",
    "UNDELETE": "restored",
    "GAP_DELETE": "deleted",
    "GAP_UNDELETE": "restored",
}
MAX_LISTED_RECORDS: Final = 20


class SalesforceCdcConnector(StandardSignatureConnector):
    """One organization of Salesforce, connected by a relay of its change events."""

    name: str = "salesforce_cdc"
    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = STANDARD_MAPPING

    def check_account(self, account: str | None) -> None:
        """Raise InvalidError for anything but an organization's id or None."""
        if account is not None:
            check_organization_id(account)

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate the change events.

        Raises: MalformedError for a body that is neither an event nor a list of events.
        """
        body = strict_json.loads(delivery.body)
        if isinstance(body, dict):
            body = body["events"] if set(body) == {"events"} else [body]
        if not isinstance(body, list):
            raise MalformedError('The body is neither a change event nor {"events": [...]}.')
        # The events do not name their organization.
        organization_id = "" if account is None else to_id18(account)
        return translate_elements(
            body, lambda element: _to_changes(element, organization_id, mapping)
        )


def _to_changes(
    element: Mapping[str, object], organization_id: str, mapping: DealMapping
) -> Iterable[Change]:
    """Translate one event to a change of each record that it names."""
    comet_data = element.get("data")
    is_comet = isinstance(comet_data, Mapping)
    payload_raw = (
        comet_data.get("payload")
        if isinstance(comet_data, Mapping)
        else element.get("payload", element)
    )
    payload = payload_raw if isinstance(payload_raw, Mapping) else {}
    header = payload.get("ChangeEventHeader")
    if not isinstance(header, Mapping):
        raise RejectElementError("The element has no ChangeEventHeader.")
    if header.get("entityName") != "Opportunity":
        raise SkipElementError
    change_type = str(header.get("changeType"))
    record_ids_raw = header.get("recordIds")
    committed_at = parse_instant(header.get("commitTimestamp"), "commitTimestamp")
    record_ids = record_ids_raw if isinstance(record_ids_raw, list) else []
    if (
        change_type not in VERB_BY_CHANGE_TYPE
        or not record_ids
        or any("*" in str(id_) for id_ in record_ids)
    ):
        raise RejectElementError(_describe_gap(change_type, record_ids, committed_at))
    transaction, number = (
        parse_record_id(header.get(header_field), header_field)
        for header_field in ("transactionKey", "sequenceNumber")
    )
    changed_fields = _to_changed_fields(payload, header, change_type, mapping, is_comet=is_comet)
    commit_number = parse_record_id(header.get("commitNumber") or 0, "commitNumber")
    sequence = f"{commit_number.zfill(20)}{number.zfill(8)}"
    key_prefix = f"sf-cdc|{organization_id}|{transaction}|{number}|Opportunity|{change_type}"
    return [
        Change(
            f"deal:{id_}",
            f"{key_prefix}|{id_}",
            committed_at,
            VERB_BY_CHANGE_TYPE[change_type],
            changed_fields,
            None,
            sequence,
        )
        for id_ in map(parse_record_id18, record_ids)
    ]


def _to_changed_fields(
    payload: Mapping[str, object],
    header: Mapping[str, object],
    change_type: str,
    mapping: DealMapping,
    *,
    is_comet: bool,
) -> dict[str, Scalar]:
    """Return the mapped fields that an event reports.

    In an update, an empty field is unchanged unless the header lists it.
    Raises: RejectElementError for field lists that the relay did not decode.
    """
    # A gap has no fields.
    if "DELETE" in change_type and change_type != "UNDELETE":
        return {}
    mapped_fields = pick_fields(payload, mapping.properties())
    if change_type != "UPDATE":
        return mapped_fields
    names = to_name_set(header.get("changedFields")) | to_name_set(header.get("nulledFields"))
    if any(changed_field.startswith("0x") for changed_field in names):
        raise RejectElementError(
            "changedFields is a bitmap: the relay must decode it to the names of the fields."
        )
    if not isinstance(header.get("changedFields"), list):
        # CometD sends the changed fields only. The other form sends all, the unchanged ones empty.
        if is_comet:
            return mapped_fields
        return {
            changed_field: value
            for changed_field, value in mapped_fields.items()
            if value is not None
        }
    return {
        changed_field: value
        for changed_field, value in mapped_fields.items()
        if split_pointer(changed_field)[0] in names
    }


def _describe_gap(change_type: str, record_ids: Sequence[object], committed_at: datetime) -> str:
    """Describe a gap: a change that Salesforce reports without its content."""
    listed_ids = (
        ", ".join(str(id_) for id_ in record_ids[:MAX_LISTED_RECORDS])
        if record_ids
        else "which are not named"
    )
    more_text = (
        f" and {len(record_ids) - MAX_LISTED_RECORDS} more"
        if len(record_ids) > MAX_LISTED_RECORDS
        else ""
    )
    if "*" in listed_ids or change_type == "GAP_OVERFLOW" or not record_ids:
        listed_ids = f"every opportunity changed since {committed_at.isoformat()}"
        more_text = ""
    return (
        f"Salesforce says that records changed and not how ({change_type[:40]}):"
        f" import {listed_ids}{more_text}."
    )
