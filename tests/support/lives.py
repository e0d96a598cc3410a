"""The same scripted lives of deals as each CRM tells them, signed as it signs.

A deal is created, moved, won, corrected, reopened, lost, deleted; one goes into another where the CRM merges deals, and
one is deleted and restored where the CRM tells so.
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
STATUS = {"new": "open", "offer": "open", "won": "won", "lost": "lost"}


@dataclass(frozen=True)
class Step:
    """One thing that happens to a deal, and how it stands then. Shape: `into` is the deal that it is merged into."""

    number: int
    verb: str
    deal: int
    at: datetime
    stage: str = "new"
    value: int | None = 100
    before: "Step | None" = None
    into: int | None = None


def script(*, merges: bool, restores: bool = False) -> list[Step]:
    """Eight lives. What stands in the end is in `WON`: an amount, or that it is not known."""
    steps: list[Step] = []
    now: dict[int, Step] = {}

    def tell(verb: str, deal: int, **changed: object) -> None:
        number = len(steps) + 1
        was = now.get(deal)
        at = START + timedelta(hours=7 * number)
        step = (
            replace(was, number=number, verb=verb, at=at, before=was)
            if was
            else Step(number, verb, deal, at)
        )
        now[deal] = replace(step, **changed)  # type: ignore[arg-type]  # any of a step's fields
        steps.append(now[deal])

    for deal in range(1, 9):
        tell("created", deal)
    tell("changed", 1, stage="offer")
    for deal in (1, 2, 4, 5):
        tell("changed", deal, stage="won")
    tell("changed", 1, value=80)
    tell("changed", 2, stage="offer")
    tell("changed", 3, stage="lost")
    tell("changed", 4, stage="offer")
    tell("changed", 4, stage="won", value=50)
    tell("deleted", 5)
    tell("changed", 6, stage="won", value=10)
    tell("changed", 7, stage="won", value=30)
    tell("merged" if merges else "deleted", 6, into=7)
    tell("changed", 8, stage="won", value=None)
    if restores:
        tell("deleted", 1)
        tell("restored", 1)
    return steps


WON = {"1": 80, "4": 50, "7": 30, "8": None}


@dataclass(frozen=True)
class Teller:
    """A CRM. Shape: `tell` gives the body of a step, `sign` the headers of a body at an instant."""

    connector: str
    tell: Callable[[Step], bytes]
    sign: Callable[[bytes, str, datetime, str], Mapping[str, str]]
    account: str | None = None
    mapping: Mapping[str, object] | None = None
    secret: str | None = None
    merges: bool = False
    restores: bool = False


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def dump(value: object) -> bytes:
    return json.dumps(value).encode()


def standard(body: bytes, secret: str, at: datetime, _url: str) -> Mapping[str, str]:
    """Signed by the reference library."""
    id_ = "msg_" + hashlib.sha256(body).hexdigest()[:20]
    sign = Webhook(secret).sign(id_, at, body.decode())
    stamp = str(int(at.timestamp()))
    headers = {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": sign}
    return {"content-type": "application/json", **headers}


def basic(_body: bytes, secret: str, _at: datetime, _url: str) -> Mapping[str, str]:
    token = base64.b64encode(secret.encode()).decode()
    return {"content-type": "application/json; charset=utf-8", "authorization": f"Basic {token}"}


def hubspot_sign(body: bytes, secret: str, at: datetime, url: str) -> Mapping[str, str]:
    """Signed by HubSpot's own client."""
    stamp = str(int(at.timestamp() * 1000))
    sign = Signature.get_signature(secret, body.decode(), "v3", url, "POST", stamp)
    headers = {"x-hubspot-signature-v3": sign, "x-hubspot-request-timestamp": stamp}
    return {"content-type": "application/json", **headers}


def hubspot(step: Step) -> bytes:
    def element(kind: str, **more: object) -> dict[str, object]:
        occurred = int(step.at.timestamp() * 1000)
        said = {
            "eventId": step.number,
            "portalId": 4242001,
            "objectId": step.deal,
            "occurredAt": occurred,
        }
        return {**said, "subscriptionType": f"deal.{kind}", **more}

    if step.verb == "deleted":
        return dump([element("deletion")])
    if step.verb == "restored":
        return dump([element("restore")])
    if step.verb == "merged":
        return dump([element("merge", primaryObjectId=step.into, mergedObjectIds=[step.deal])])
    stages = {
        "new": "appointmentscheduled",
        "offer": "contractsent",
        "won": "closedwon",
        "lost": "closedlost",
    }
    said = {
        "dealstage": stages[step.stage],
        "amount": "" if step.value is None else str(step.value),
    }
    found = [
        element("propertyChange", propertyName=name, propertyValue=value)
        for name, value in said.items()
    ]
    if step.verb == "created":
        found.insert(0, element("creation"))
        found.append(
            element("propertyChange", propertyName="deal_currency_code", propertyValue="EUR")
        )
    return dump(found)


def pipedrive_deal(step: Step, form: Callable[[datetime], str]) -> dict[str, object]:
    closed = form(step.at) if STATUS[step.stage] != "open" else None
    return {
        "id": step.deal,
        "stage_id": {"new": 1, "offer": 2}.get(step.stage, 2),
        "pipeline_id": 1,
        "status": STATUS[step.stage],
        "value": step.value,
        "currency": "EUR",
        "add_time": form(START),
        "update_time": form(step.at),
        "first_won_time": form(START),
        "close_time": closed,
        "custom_fields": {},
    }


def pipedrive(step: Step) -> bytes:
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
    meta |= {"id": f"event-{step.number}", "timestamp": iso(step.at), "version": "2.0"}
    if step.verb == "merged":
        meta["merged_to_id"] = str(step.into)
    data = None if action == "delete" else pipedrive_deal(step, iso)
    was = None if step.before is None else pipedrive_deal(step.before, iso)
    changed = {
        name: value for name, value in (was or {}).items() if (data or {}).get(name) != value
    }
    if step.verb == "restored":
        changed |= {"is_deleted": True}
    return dump(
        {"meta": meta, "data": data, "previous": was if data is None else changed if was else None}
    )


def pipedrive_v1(step: Step) -> bytes:
    action = {"created": "added", "changed": "updated", "restored": "updated"}.get(
        step.verb, "deleted"
    )
    meta = {
        "action": action,
        "object": "deal",
        "id": step.deal,
        "company_id": 7,
        "timestamp": int(step.at.timestamp()),
    }
    data, was = (
        None if one is None else pipedrive_deal(one, lambda at: at.strftime("%Y-%m-%d %H:%M:%S"))
        for one in (step, step.before)
    )
    if step.verb == "restored":
        data, was = ({**(one or {}), "deleted": gone} for one, gone in ((data, False), (was, True)))
    return dump(
        {
            "v": 1,
            "meta": meta,
            "current": None if action == "deleted" else data,
            "previous": was,
            "retry": 0,
        }
    )


STAGES = {
    "new": "Prospecting",
    "offer": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
ORGANIZATION = "00D5g000004XyZAEA0"


def salesforce_id(deal: int) -> str:
    return f"0065g0000000{deal:03d}"


def salesforce_outbound(step: Step) -> bytes:
    amount = (
        '<sf:Amount xsi:nil="true"/>'
        if step.value is None
        else f"<sf:Amount>{step.value}.0</sf:Amount>"
    )
    status, gone = STATUS[step.stage], str(step.verb == "deleted").lower()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{ORGANIZATION}</OrganizationId>
<SessionId>00Dxx!a.live.credential</SessionId><Notification><Id>04l{step.number:012d}AAA</Id>
<sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
<sf:Id>{salesforce_id(step.deal)}</sf:Id>{amount}<sf:CreatedDate>{iso(START)}</sf:CreatedDate>
<sf:CurrencyIsoCode>EUR</sf:CurrencyIsoCode><sf:IsClosed>{str(status != "open").lower()}</sf:IsClosed>
<sf:IsDeleted>{gone}</sf:IsDeleted><sf:IsWon>{str(status == "won").lower()}</sf:IsWon>
<sf:StageName>{escape(STAGES[step.stage])}</sf:StageName><sf:SystemModstamp>{iso(step.at)}</sf:SystemModstamp>
</sObject></Notification></notifications></soapenv:Body></soapenv:Envelope>""".encode()


def salesforce_sign(_body: bytes, _secret: str, _at: datetime, _url: str) -> Mapping[str, str]:
    return {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}


def salesforce_cdc(step: Step) -> bytes:
    kind = {"created": "CREATE", "changed": "UPDATE", "deleted": "DELETE", "restored": "UNDELETE"}[
        step.verb
    ]
    told = {"Amount": step.value, "StageName": STAGES[step.stage], "CurrencyIsoCode": "EUR"}
    was = step.before or step
    moved = {"Amount": was.value != step.value, "StageName": was.stage != step.stage}
    changed = [name for name in moved if moved[name]]
    header = {
        "entityName": "Opportunity",
        "recordIds": [salesforce_id(step.deal)],
        "changeType": kind,
        "transactionKey": f"tx-{step.number}",
        "sequenceNumber": 1,
        "commitNumber": step.number,
        "commitTimestamp": int(step.at.timestamp() * 1000),
        "changedFields": changed,
        "nulledFields": [],
    }
    kept = {
        name: value if name in changed or kind in ("CREATE", "UNDELETE") else None
        for name, value in told.items()
    }
    return dump({"payload": {"ChangeEventHeader": header, **kept}})


def twenty_sign(body: bytes, secret: str, at: datetime, _url: str) -> Mapping[str, str]:
    stamp = str(int(at.timestamp() * 1000))
    sign = hmac.digest(secret.encode(), f"{stamp}:".encode() + body, "sha256").hex()
    return {
        "content-type": "application/json",
        "x-twenty-webhook-signature": sign,
        "x-twenty-webhook-timestamp": stamp,
        "x-twenty-webhook-nonce": "not-signed",
    }


def twenty(step: Step) -> bytes:
    money = {
        "amountMicros": None if step.value is None else step.value * 10**6,
        "currencyCode": "EUR",
    }
    stage = {"new": "NEW", "offer": "PROPOSAL", "won": "CUSTOMER", "lost": "LOST"}[step.stage]
    record: dict[str, object] = {
        "id": f"deal-{step.deal}",
        "stage": stage,
        "amount": money,
        "createdAt": iso(START),
    }
    record |= {
        "updatedAt": iso(step.at),
        "deletedAt": iso(step.at) if step.verb == "deleted" else None,
    }
    verb = {"changed": "updated"}.get(step.verb, step.verb)
    said = {
        "eventName": f"opportunity.{verb}",
        "workspaceId": "w-1",
        "eventDate": iso(step.at),
        "record": record,
    }
    return dump({**said, "updatedFields": ["stage", "amount"]} if verb == "updated" else said)


def close_sign(body: bytes, secret: str, at: datetime, _url: str) -> Mapping[str, str]:
    stamp = str(int(at.timestamp()))
    sign = hmac.digest(bytes.fromhex(secret), stamp.encode() + body, "sha256").hex()
    return {
        "content-type": "application/json",
        "close-sig-hash": sign,
        "close-sig-timestamp": stamp,
    }


def close(step: Step) -> bytes:
    at = step.at.strftime("%Y-%m-%dT%H:%M:%S.000000")
    status = {"open": "active"}.get(STATUS[step.stage], STATUS[step.stage])
    data: dict[str, object] = {
        "id": f"oppo_{step.deal}",
        "status_id": f"stat_{step.stage}",
        "status_type": status,
        "value_currency": "EUR",
    }
    data |= {
        "value": None if step.value is None else step.value * 100,
        "date_created": START.isoformat(),
    }
    event: dict[str, object] = {
        "id": f"ev_{step.number}",
        "object_type": "opportunity",
        "object_id": f"oppo_{step.deal}",
        "date_created": at,
    }
    action = {"created": "created", "changed": "updated", "deleted": "deleted"}[step.verb]
    event |= {
        "organization_id": "orga_1",
        "action": action,
        "changed_fields": ["status_type", "value"],
    }
    return dump(
        {
            "event": {**event, "data": {} if action == "deleted" else data},
            "subscription_id": "whsub_1",
        }
    )


GENERIC: Mapping[str, object] = {
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


def generic(step: Step) -> bytes:
    cents = None if step.value is None else step.value * 100
    said = {
        "n": step.number,
        "what": step.verb,
        "deal": step.deal,
        "at": iso(step.at),
        "stage": step.stage,
    }
    return dump({**said, "cents": cents})


TELLERS: Sequence[Teller] = (
    Teller(
        "hubspot",
        hubspot,
        hubspot_sign,
        "4242001",
        secret="a-client-secret-of-the-app",
        merges=True,
        restores=True,
    ),
    Teller("pipedrive", pipedrive, basic, "7", merges=True, restores=True),
    Teller("pipedrive_v1", pipedrive_v1, basic, "7", restores=True),
    Teller("salesforce_outbound", salesforce_outbound, salesforce_sign, ORGANIZATION[:15]),
    Teller("salesforce_cdc", salesforce_cdc, standard, ORGANIZATION, restores=True),
    Teller("twenty", twenty, twenty_sign, "w-1", {"stages": {"LOST": "lost"}}, restores=True),
    Teller("close", close, close_sign, "orga_1", secret="0f" * 32),
    Teller("generic", generic, standard, None, GENERIC, restores=True),
)
