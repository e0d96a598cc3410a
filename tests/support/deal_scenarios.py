"""The same scripted deals as each CRM reports them, with valid signatures.

Each deal is created, moved, won, corrected, reopened, lost or deleted. A deal is merged into
another one where the CRM supports merges. A deal is deleted and restored where the CRM reports it.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from hubspot.utils.signature import Signature
from standardwebhooks.webhooks import Webhook

START = datetime(2026, 10, 6, 9, 0, tzinfo=UTC)
STATUS_BY_STAGE = {"new": "open", "offer": "open", "won": "won", "lost": "lost"}


@dataclass(frozen=True)
class DealStep:
    """One change of a deal, and the deal's fields after it."""

    number: int
    verb: str
    deal: int
    occurred_at: datetime
    stage: str = "new"
    value: int | None = 100
    previous: "DealStep | None" = None
    # The deal that this one is merged into.
    merged_into: int | None = None


def build_deal_steps(*, supports_merges: bool, supports_restores: bool = False) -> list[DealStep]:
    """Build the steps of eight deals.

    EXPECTED_WON_VALUES has the amounts in the end, None if unknown.
    """
    steps: list[DealStep] = []
    latest_steps: dict[int, DealStep] = {}

    def add_step(verb: str, deal: int, **changes: object) -> None:
        number = len(steps) + 1
        previous = latest_steps.get(deal)
        occurred_at = START + timedelta(hours=7 * number)
        step = (
            replace(previous, number=number, verb=verb, occurred_at=occurred_at, previous=previous)
            if previous
            else DealStep(number, verb, deal, occurred_at)
        )
        latest_steps[deal] = replace(step, **changes)  # type: ignore[arg-type]  # any of a step's fields
        steps.append(latest_steps[deal])

    for deal in range(1, 9):
        add_step("created", deal)
    add_step("changed", 1, stage="offer")
    for deal in (1, 2, 4, 5):
        add_step("changed", deal, stage="won")
    add_step("changed", 1, value=80)
    add_step("changed", 2, stage="offer")
    add_step("changed", 3, stage="lost")
    add_step("changed", 4, stage="offer")
    add_step("changed", 4, stage="won", value=50)
    add_step("deleted", 5)
    add_step("changed", 6, stage="won", value=10)
    add_step("changed", 7, stage="won", value=30)
    add_step("merged" if supports_merges else "deleted", 6, merged_into=7)
    add_step("changed", 8, stage="won", value=None)
    if supports_restores:
        add_step("deleted", 1)
        add_step("restored", 1)
    return steps


EXPECTED_WON_VALUES = {"1": 80, "4": 50, "7": 30, "8": None}


@dataclass(frozen=True)
class CrmSimulator:
    """A CRM that reports the steps."""

    connector: str
    # Returns the body of a delivery.
    encode_step: Callable[[DealStep], bytes]
    # Returns the headers for a body, a secret, an instant and a URL.
    sign: Callable[[bytes, str, datetime, str], Mapping[str, str]]
    account: str | None = None
    mapping: Mapping[str, object] | None = None
    secret: str | None = None
    supports_merges: bool = False
    supports_restores: bool = False


def to_iso_format(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def to_json_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def sign_standard_webhook(
    body: bytes, secret: str, signed_at: datetime, _url: str
) -> Mapping[str, str]:
    """Sign with the reference library."""
    id_ = "msg_" + hashlib.sha256(body).hexdigest()[:20]
    signature = Webhook(secret).sign(id_, signed_at, body.decode())
    timestamp = str(int(signed_at.timestamp()))
    headers = {"webhook-id": id_, "webhook-timestamp": timestamp, "webhook-signature": signature}
    return {"content-type": "application/json", **headers}


def build_basic_auth_headers(
    _body: bytes, secret: str, _signed_at: datetime, _url: str
) -> Mapping[str, str]:
    token = base64.b64encode(secret.encode()).decode()
    return {"content-type": "application/json; charset=utf-8", "authorization": f"Basic {token}"}


def sign_hubspot(body: bytes, secret: str, signed_at: datetime, url: str) -> Mapping[str, str]:
    """Sign with HubSpot's own client."""
    timestamp = str(int(signed_at.timestamp() * 1000))
    signature = Signature.get_signature(secret, body.decode(), "v3", url, "POST", timestamp)
    headers = {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": timestamp}
    return {"content-type": "application/json", **headers}


def encode_hubspot_step(step: DealStep) -> bytes:
    def make_element(kind: str, **fields: object) -> dict[str, object]:
        timestamp_ms = int(step.occurred_at.timestamp() * 1000)
        common_fields = {
            "eventId": step.number,
            "portalId": 4242001,
            "objectId": step.deal,
            "occurredAt": timestamp_ms,
        }
        return {**common_fields, "subscriptionType": f"deal.{kind}", **fields}

    if step.verb == "deleted":
        return to_json_bytes([make_element("deletion")])
    if step.verb == "restored":
        return to_json_bytes([make_element("restore")])
    if step.verb == "merged":
        return to_json_bytes(
            [make_element("merge", primaryObjectId=step.merged_into, mergedObjectIds=[step.deal])]
        )
    stages = {
        "new": "appointmentscheduled",
        "offer": "contractsent",
        "won": "closedwon",
        "lost": "closedlost",
    }
    properties = {
        "dealstage": stages[step.stage],
        "amount": "" if step.value is None else str(step.value),
    }
    elements = [
        make_element("propertyChange", propertyName=property_name, propertyValue=value)
        for property_name, value in properties.items()
    ]
    if step.verb == "created":
        elements.insert(0, make_element("creation"))
        elements.append(
            make_element("propertyChange", propertyName="deal_currency_code", propertyValue="EUR")
        )
    return to_json_bytes(elements)


def build_pipedrive_deal(
    step: DealStep, format_instant: Callable[[datetime], str]
) -> dict[str, object]:
    closed_at = format_instant(step.occurred_at) if STATUS_BY_STAGE[step.stage] != "open" else None
    return {
        "id": step.deal,
        "stage_id": {"new": 1, "offer": 2}.get(step.stage, 2),
        "pipeline_id": 1,
        "status": STATUS_BY_STAGE[step.stage],
        "value": step.value,
        "currency": "EUR",
        "add_time": format_instant(START),
        "update_time": format_instant(step.occurred_at),
        "first_won_time": format_instant(START),
        "close_time": closed_at,
        "custom_fields": {},
    }


def encode_pipedrive_step(step: DealStep) -> bytes:
    action = {"created": "create", "changed": "change", "restored": "change"}.get(
        step.verb, "delete"
    )
    meta = {
        "action": action,
        "entity": "deal",
        "entity_id": str(step.deal),
        "company_id": "7",
        "attempt": 1,
    }
    meta |= {
        "id": f"event-{step.number}",
        "timestamp": to_iso_format(step.occurred_at),
        "version": "2.0",
    }
    if step.verb == "merged":
        meta["merged_to_id"] = str(step.merged_into)
    deal = None if action == "delete" else build_pipedrive_deal(step, to_iso_format)
    previous = None if step.previous is None else build_pipedrive_deal(step.previous, to_iso_format)
    changed_fields = {
        field_name: value
        for field_name, value in (previous or {}).items()
        if (deal or {}).get(field_name) != value
    }
    if step.verb == "restored":
        changed_fields |= {"is_deleted": True}
    return to_json_bytes(
        {
            "meta": meta,
            "data": deal,
            "previous": previous if deal is None else changed_fields if previous else None,
        }
    )


def encode_pipedrive_v1_step(step: DealStep) -> bytes:
    action = {"created": "added", "changed": "updated", "restored": "updated"}.get(
        step.verb, "deleted"
    )
    meta = {
        "action": action,
        "object": "deal",
        "id": step.deal,
        "company_id": 7,
        "timestamp": int(step.occurred_at.timestamp()),
    }
    current, previous = (
        None
        if deal_step is None
        else build_pipedrive_deal(deal_step, lambda instant: instant.strftime("%Y-%m-%d %H:%M:%S"))
        for deal_step in (step, step.previous)
    )
    if step.verb == "restored":
        current, previous = (
            {**(deal or {}), "deleted": is_deleted}
            for deal, is_deleted in ((current, False), (previous, True))
        )
    return to_json_bytes(
        {
            "v": 1,
            "meta": meta,
            "current": None if action == "deleted" else current,
            "previous": previous,
            "retry": 0,
        }
    )


SALESFORCE_STAGES = {
    "new": "Prospecting",
    "offer": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
SALESFORCE_ORGANIZATION_ID = "00D5g000004XyZAEA0"


def to_salesforce_id(deal: int) -> str:
    return f"0065g0000000{deal:03d}"


def encode_salesforce_outbound_step(step: DealStep) -> bytes:
    amount = (
        '<sf:Amount xsi:nil="true"/>'
        if step.value is None
        else f"<sf:Amount>{step.value}.0</sf:Amount>"
    )
    status = STATUS_BY_STAGE[step.stage]
    is_deleted = str(step.verb == "deleted").lower()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound">
<OrganizationId>{SALESFORCE_ORGANIZATION_ID}</OrganizationId>
<SessionId>00Dxx!a.live.credential</SessionId><Notification><Id>04l{step.number:012d}AAA</Id>
<sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
<sf:Id>{to_salesforce_id(step.deal)}</sf:Id>{amount}
<sf:CreatedDate>{to_iso_format(START)}</sf:CreatedDate>
<sf:CurrencyIsoCode>EUR</sf:CurrencyIsoCode>
<sf:IsClosed>{str(status != "open").lower()}</sf:IsClosed>
<sf:IsDeleted>{is_deleted}</sf:IsDeleted><sf:IsWon>{str(status == "won").lower()}</sf:IsWon>
<sf:StageName>{escape(SALESFORCE_STAGES[step.stage])}</sf:StageName>
<sf:SystemModstamp>{to_iso_format(step.occurred_at)}</sf:SystemModstamp>
</sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>""".encode()


def build_salesforce_headers(
    _body: bytes, _secret: str, _signed_at: datetime, _url: str
) -> Mapping[str, str]:
    return {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}


def encode_salesforce_change_step(step: DealStep) -> bytes:
    kind = {"created": "CREATE", "changed": "UPDATE", "deleted": "DELETE", "restored": "UNDELETE"}[
        step.verb
    ]
    fields = {
        "Amount": step.value,
        "StageName": SALESFORCE_STAGES[step.stage],
        "CurrencyIsoCode": "EUR",
    }
    previous = step.previous or step
    is_changed = {"Amount": previous.value != step.value, "StageName": previous.stage != step.stage}
    changed_fields = [field_name for field_name in is_changed if is_changed[field_name]]
    header = {
        "entityName": "Opportunity",
        "recordIds": [to_salesforce_id(step.deal)],
        "changeType": kind,
        "transactionKey": f"tx-{step.number}",
        "sequenceNumber": 1,
        "commitNumber": step.number,
        "commitTimestamp": int(step.occurred_at.timestamp() * 1000),
        "changedFields": changed_fields,
        "nulledFields": [],
    }
    sent_fields = {
        field_name: value
        if field_name in changed_fields or kind in ("CREATE", "UNDELETE")
        else None
        for field_name, value in fields.items()
    }
    return to_json_bytes({"payload": {"ChangeEventHeader": header, **sent_fields}})


def sign_twenty(body: bytes, secret: str, signed_at: datetime, _url: str) -> Mapping[str, str]:
    timestamp = str(int(signed_at.timestamp() * 1000))
    signature = hmac.digest(secret.encode(), f"{timestamp}:".encode() + body, "sha256").hex()
    return {
        "content-type": "application/json",
        "x-twenty-webhook-signature": signature,
        "x-twenty-webhook-timestamp": timestamp,
        "x-twenty-webhook-nonce": "not-signed",
    }


def encode_twenty_step(step: DealStep) -> bytes:
    money = {
        "amountMicros": None if step.value is None else step.value * 10**6,
        "currencyCode": "EUR",
    }
    stage = {"new": "NEW", "offer": "PROPOSAL", "won": "CUSTOMER", "lost": "LOST"}[step.stage]
    record: dict[str, object] = {
        "id": f"deal-{step.deal}",
        "stage": stage,
        "amount": money,
        "createdAt": to_iso_format(START),
    }
    record |= {
        "updatedAt": to_iso_format(step.occurred_at),
        "deletedAt": to_iso_format(step.occurred_at) if step.verb == "deleted" else None,
    }
    verb = {"changed": "updated"}.get(step.verb, step.verb)
    message = {
        "eventName": f"opportunity.{verb}",
        "workspaceId": "w-1",
        "eventDate": to_iso_format(step.occurred_at),
        "record": record,
    }
    return to_json_bytes(
        {**message, "updatedFields": ["stage", "amount"]} if verb == "updated" else message
    )


def sign_close(body: bytes, secret: str, signed_at: datetime, _url: str) -> Mapping[str, str]:
    timestamp = str(int(signed_at.timestamp()))
    signature = hmac.digest(bytes.fromhex(secret), timestamp.encode() + body, "sha256").hex()
    return {
        "content-type": "application/json",
        "close-sig-hash": signature,
        "close-sig-timestamp": timestamp,
    }


def encode_close_step(step: DealStep) -> bytes:
    occurred_at = step.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.000000")
    status = {"open": "active"}.get(STATUS_BY_STAGE[step.stage], STATUS_BY_STAGE[step.stage])
    opportunity: dict[str, object] = {
        "id": f"oppo_{step.deal}",
        "status_id": f"stat_{step.stage}",
        "status_type": status,
        "value_currency": "EUR",
    }
    opportunity |= {
        "value": None if step.value is None else step.value * 100,
        "date_created": START.isoformat(),
    }
    event: dict[str, object] = {
        "id": f"ev_{step.number}",
        "object_type": "opportunity",
        "object_id": f"oppo_{step.deal}",
        "date_created": occurred_at,
    }
    action = {"created": "created", "changed": "updated", "deleted": "deleted"}[step.verb]
    event |= {
        "organization_id": "orga_1",
        "action": action,
        "changed_fields": ["status_type", "value"],
    }
    return to_json_bytes(
        {
            "event": {**event, "data": {} if action == "deleted" else opportunity},
            "subscription_id": "whsub_1",
        }
    )


GENERIC_MAPPING: Mapping[str, object] = {
    "kind": {
        "property": "/what",
        "map": {"created": "created", "deleted": "deleted", "restored": "restored"},
        "default": "changed",
    },
    "entity": {"type": "deal", "id": "/deal"},
    "occurred_at": {"property": "/at", "format": "rfc3339"},
    "dedupe": ["/n"],
    "stage": {"property": "/stage"},
    "stages": {"new": "open", "offer": "open", "won": "won", "lost": "lost"},
    "value": {"property": "/cents", "scale": -2},
    "unit": {"const": "EUR"},
}


def encode_generic_step(step: DealStep) -> bytes:
    cents = None if step.value is None else step.value * 100
    message = {
        "n": step.number,
        "what": step.verb,
        "deal": step.deal,
        "at": to_iso_format(step.occurred_at),
        "stage": step.stage,
    }
    return to_json_bytes({**message, "cents": cents})


CRM_SIMULATORS: Sequence[CrmSimulator] = (
    CrmSimulator(
        "hubspot",
        encode_hubspot_step,
        sign_hubspot,
        "4242001",
        secret="a-client-secret-of-the-app",
        supports_merges=True,
        supports_restores=True,
    ),
    CrmSimulator(
        "pipedrive",
        encode_pipedrive_step,
        build_basic_auth_headers,
        "7",
        supports_merges=True,
        supports_restores=True,
    ),
    CrmSimulator(
        "pipedrive_v1",
        encode_pipedrive_v1_step,
        build_basic_auth_headers,
        "7",
        supports_restores=True,
    ),
    CrmSimulator(
        "salesforce_outbound",
        encode_salesforce_outbound_step,
        build_salesforce_headers,
        SALESFORCE_ORGANIZATION_ID[:15],
    ),
    CrmSimulator(
        "salesforce_cdc",
        encode_salesforce_change_step,
        sign_standard_webhook,
        SALESFORCE_ORGANIZATION_ID,
        supports_restores=True,
    ),
    CrmSimulator(
        "twenty",
        encode_twenty_step,
        sign_twenty,
        "w-1",
        {"stages": {"LOST": "lost"}},
        supports_restores=True,
    ),
    CrmSimulator("close", encode_close_step, sign_close, "orga_1", secret="0f" * 32),
    CrmSimulator(
        "generic",
        encode_generic_step,
        sign_standard_webhook,
        None,
        GENERIC_MAPPING,
        supports_restores=True,
    ),
)
