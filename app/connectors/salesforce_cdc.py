"""Salesforce's Change Data Capture as a relay of the customer posts it (crm-webhooks.md, section 3.2).

CometD and Pub/Sub events in JSON, signed as Standard Webhooks.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from app.connectors.connector import Delivery, Translation
from app.connectors.element_parsing import (
    AsideError,
    SkipError,
    fields,
    moment,
    names_in,
    record_id,
    translated,
)
from app.connectors.salesforce_ids import STOCK, check_organization, id18, record_id18
from app.connectors.signatures import StandardSigned
from app.domain.primitives import strict_json
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm.changes import Change, Scalar
from app.domain.sources.mapping.json_pointer import parts
from app.domain.sources.mapping.mapping import DealMapping

VERBS: Final[Mapping[str, str]] = {
    "CREATE": "created",
    "UPDATE": "changed",
    "DELETE": "deleted",
    "UNDELETE": "restored",
    "GAP_DELETE": "deleted",
    "GAP_UNDELETE": "restored",
}
NAMED: Final = 20


class SalesforceCdc(StandardSigned):
    """One organization of Salesforce, by a relay of its change events."""

    name: str = "salesforce_cdc"
    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK

    def check_account(self, account: str | None) -> None:
        """Returns only for an organization's id, or none. Raises: InvalidError."""
        if account is not None:
            check_organization(account)

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The changes that the events say. Raises: MalformedError for what is neither an event nor events."""
        body = strict_json.loads(delivery.body)
        if isinstance(body, dict):
            body = body["events"] if set(body) == {"events"} else [body]
        if not isinstance(body, list):
            raise MalformedError('The body is neither a change event nor {"events": [...]}.')
        organization = "" if account is None else id18(account)  # the events do not name it
        return translated(body, lambda element: _changes(element, organization, mapping))


def _changes(
    element: Mapping[str, object], organization: str, mapping: DealMapping
) -> Iterable[Change]:
    """The changes of one event: one for each of the records that it names."""
    data = element.get("data")
    comet = isinstance(data, Mapping)
    found = data.get("payload") if isinstance(data, Mapping) else element.get("payload", element)
    payload = found if isinstance(found, Mapping) else {}
    header = payload.get("ChangeEventHeader")
    if not isinstance(header, Mapping):
        raise AsideError("The element has no ChangeEventHeader.")
    if header.get("entityName") != "Opportunity":
        raise SkipError
    kind, ids = str(header.get("changeType")), header.get("recordIds")
    at = moment(header.get("commitTimestamp"), "commitTimestamp")
    records = ids if isinstance(ids, list) else []
    if kind not in VERBS or not records or any("*" in str(id_) for id_ in records):
        raise AsideError(_gap(kind, records, at))
    transaction, number = (
        record_id(header.get(name), name) for name in ("transactionKey", "sequenceNumber")
    )
    said = _said(payload, header, kind, mapping, comet=comet)
    order = (
        f"{record_id(header.get('commitNumber') or 0, 'commitNumber').zfill(20)}{number.zfill(8)}"
    )
    place = f"sf-cdc|{organization}|{transaction}|{number}|Opportunity|{kind}"
    return [
        Change(f"deal:{id_}", f"{place}|{id_}", at, VERBS[kind], said, None, order)
        for id_ in map(record_id18, records)
    ]


def _said(
    payload: Mapping[str, object],
    header: Mapping[str, object],
    kind: str,
    mapping: DealMapping,
    *,
    comet: bool,
) -> dict[str, Scalar]:
    """What the event says of the mapped fields. An update's empty field is unchanged unless the header says otherwise.

    Raises: AsideError for lists that the relay did not decode.
    """
    if "DELETE" in kind and kind != "UNDELETE":  # a gap says no fields
        return {}
    told = fields(payload, mapping.properties())
    if kind != "UPDATE":
        return told
    names = names_in(header.get("changedFields")) | names_in(header.get("nulledFields"))
    if any(name.startswith("0x") for name in names):
        raise AsideError(
            "changedFields is a bitmap: the relay must decode it to the names of the fields."
        )
    if not isinstance(
        header.get("changedFields"), list
    ):  # CometD tells only what changed; the other form tells everything
        return told if comet else {name: value for name, value in told.items() if value is not None}
    return {name: value for name, value in told.items() if parts(name)[0] in names}


def _gap(kind: str, records: Sequence[object], at: datetime) -> str:
    """The sentence on a change of which Salesforce does not say what it was."""
    which = ", ".join(str(id_) for id_ in records[:NAMED]) if records else "which are not named"
    more = f" and {len(records) - NAMED} more" if len(records) > NAMED else ""
    if "*" in which or kind == "GAP_OVERFLOW" or not records:
        which, more = f"every opportunity changed since {at.isoformat()}", ""
    return f"Salesforce says that records changed and not how ({kind[:40]}): import {which}{more}."
