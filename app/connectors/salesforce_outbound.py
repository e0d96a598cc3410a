"""Salesforce's Outbound Messages (crm-webhooks.md, section 3.1): SOAP without a signature.

The hook's address is the secret, and each message names its organization. A message is a snapshot: a retry may carry
newer values under the same notification id.
"""

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final
from xml.parsers import expat  # any document type is refused before it says anything

from app.connectors import signatures
from app.connectors.connector import Answer, Connector, Delivery, Translation
from app.connectors.element_parsing import AsideError, SkipError, digest, fields, moment, translated
from app.connectors.salesforce_ids import STOCK as SHARED
from app.connectors.salesforce_ids import check_organization, id18, record_id18
from app.domain.primitives.errors import ForbiddenError, MalformedError
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import DealMapping

STOCK: Final[Mapping[str, object]] = MappingProxyType(
    {**SHARED, "won": {"property": "IsWon"}, "closed": {"property": "IsClosed"}}
)
OUTBOUND: Final = "http://soap.sforce.com/2005/09/outbound"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
INSTANCE: Final = "http://www.w3.org/2001/XMLSchema-instance"
ACK: Final = (
    f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{SOAP}"><soapenv:Body>'
    f'<notificationsResponse xmlns="{OUTBOUND}"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
).encode()
DEPTH: Final = 32
ELEMENTS: Final = 100_000  # a message of a hundred records with all the fields that one can have
# The session's id is a live credential: it is never stored. No part of this looks past the next bracket twice.
_SESSION: Final = re.compile(
    rb"(<((?:[^\s<>/:]+:)?SessionId)\b[^<>]*(?<!/)>).*?(</\2\s*>|\Z)", re.DOTALL
)


@dataclass(slots=True)
class _Node:
    """One element. Shape: names are (namespace, local name)."""

    name: tuple[str, str]
    attributes: Mapping[tuple[str, str], str]
    texts: list[str] = field(default_factory=list)
    children: list["_Node"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def all(self, namespace: str, name: str) -> list["_Node"]:
        return [child for child in self.children if child.name == (namespace, name)]

    def said(self, namespace: str, name: str) -> str | None:
        found = self.all(namespace, name)
        return found[0].text.strip() if found else None


class SalesforceOutbound(Connector):
    """One organization of Salesforce, by its outbound messages."""

    name: str = "salesforce_outbound"
    form: str = "deals"
    default_mapping: Mapping[str, object] = STOCK
    secret_required: bool = False
    answer: Answer | None = Answer("text/xml", ACK)

    def new_secret(self, random: bytes) -> str:
        """The empty text: nothing is signed, the hook's address is the secret."""
        return ""

    def check_secret(self, secret: str) -> None:
        """Returns only for no secret at all. Raises: InvalidError."""
        if secret:
            raise signatures.unusable(
                "must be left out: Salesforce signs nothing, the hook's address is the secret"
            )

    def check_account(self, account: str | None) -> None:
        """Returns only for an organization's id. Raises: InvalidError."""
        check_organization(account)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns for any that knew the address. Raises: MalformedError for a document type or an entity."""
        _doctype_refused(delivery.body)

    def kept(self, body: bytes) -> bytes:
        """The body without its session id."""
        return _SESSION.sub(rb"\1\3", body)

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """The records as the message has them. Raises: MalformedError, ForbiddenError for another organization."""
        root = _parsed(delivery.body)
        found = [
            message
            for body in root.all(SOAP, "Body")
            for message in body.all(OUTBOUND, "notifications")
        ]
        if root.name != (SOAP, "Envelope") or len(found) != 1:
            raise MalformedError("The body is no SOAP envelope with outbound notifications.")
        message = found[0]
        try:
            organization = id18(message.said(OUTBOUND, "OrganizationId") or "")
        except ValueError:
            raise MalformedError("The message has no OrganizationId.") from None
        if account is not None and id18(account) != organization:
            raise ForbiddenError(
                f"The message is of the organization {organization}, not of this source's."
            )
        elements = [_record(one) for one in message.all(OUTBOUND, "Notification")]
        return translated(elements, lambda element: _changes(element, organization, mapping))


def _record(notification: _Node) -> Mapping[str, object]:
    """A notification as a JSON object: its id, the record's type and fields; a nil field is null."""
    records = notification.all(OUTBOUND, "sObject")
    kind, found = "", {}
    if records:
        kind = records[0].attributes.get((INSTANCE, "type"), "").rpartition(":")[2]
        nil = (INSTANCE, "nil")
        found = {
            child.name[1]: None if child.attributes.get(nil) in ("true", "1") else child.text
            for child in records[0].children
            if child.name[0].startswith("urn:sobject.")
        }
    return {"id": notification.said(OUTBOUND, "Id"), "type": kind, "fields": found}


def _changes(
    element: Mapping[str, object], organization: str, mapping: DealMapping
) -> Iterable[Change]:
    """The snapshot that one notification is."""
    record = element["fields"]
    if element["type"] != "Opportunity" or not isinstance(record, Mapping):
        raise SkipError
    id_ = record_id18(record.get("Id"))
    stamp = record.get("SystemModstamp") or record.get("LastModifiedDate")
    if stamp is None:
        raise AsideError(
            "The record has no time: add SystemModstamp to the fields of the outbound message."
        )
    at = moment(stamp, "SystemModstamp")
    key = f"sf-om|{organization}|Opportunity|{id_}|{stamp}|{digest(dict(record))}"
    if record.get("IsDeleted") == "true":
        return [Change(f"deal:{id_}", key, at, "deleted")]
    return [Change(f"deal:{id_}", key, at, "snapshot", fields(record, mapping.properties()))]


def _refuse(*_said: object) -> None:
    raise MalformedError("A document type is not read here.")


def _parser() -> expat.XMLParserType:
    """A parser that reads UTF-8 alone, and stops at any document type or entity.

    It leaves prefixes as they are: it would write a long namespace out for every name that has it.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    return parser


def _doctype_refused(body: bytes) -> None:
    """Returns for a body without a document type, readable or not. Raises: MalformedError."""
    try:
        _parser().Parse(body, True)
    except expat.ExpatError:
        return


def _name(said: str, scope: Mapping[str, str]) -> tuple[str, str]:
    prefix, _, name = said.rpartition(":")
    return scope.get(prefix, ""), name


def _parsed(body: bytes) -> _Node:
    """The document. Raises: MalformedError."""
    top = _Node(("", ""), {})
    path = [top]
    scopes = [ChainMap[str, str]()]
    left = iter(range(ELEMENTS))

    def start(name: str, attributes: Mapping[str, str]) -> None:
        if len(path) > DEPTH:
            raise MalformedError(f"The XML is nested deeper than {DEPTH} levels.")
        if next(left, None) is None:
            raise MalformedError(f"The XML has more than {ELEMENTS} elements.")
        declared = {
            key.partition(":")[2]: value
            for key, value in attributes.items()
            if key.startswith("xmlns")
        }
        scope = scopes[-1].new_child(declared) if declared else scopes[-1]
        # Only names with a prefix are of a namespace, among attributes.
        said = {_name(key, scope): value for key, value in attributes.items() if ":" in key}
        node = _Node(_name(name, scope), said)
        path[-1].children.append(node)
        path.append(node)
        scopes.append(scope)

    def end(_name: str) -> None:
        path.pop()
        scopes.pop()

    def text(said: str) -> None:
        path[-1].texts.append(said)

    parser = _parser()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = (
        start,
        end,
        text,
    )
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise MalformedError(f"The body is not XML: {error}.") from error
    return top.children[0]
