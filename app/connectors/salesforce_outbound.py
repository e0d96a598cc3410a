"""Salesforce Outbound Messages: SOAP without a signature (docs/crm/salesforce_outbound.md).

The address of the hook is the secret, and each message names its organization. A message is a
snapshot: a retry may have newer values under the same notification id.
"""

import re
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final
from xml.parsers import expat  # the parser stops at a document type, before any entity

from app.connectors import signatures
from app.connectors.connector import Acknowledgement, Connector, Delivery, Translation
from app.connectors.element_parsing import (
    RejectElementError,
    SkipElementError,
    parse_instant,
    pick_fields,
    short_digest,
    translate_elements,
)
from app.connectors.salesforce_ids import (
    STANDARD_MAPPING,
    check_organization_id,
    parse_record_id18,
    to_id18,
)
from app.domain.primitives.errors import ForbiddenError, MalformedError
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping.mapping import DealMapping

DEFAULT_MAPPING: Final[Mapping[str, object]] = MappingProxyType(
    {**STANDARD_MAPPING, "won": {"property": "IsWon"}, "closed": {"property": "IsClosed"}}
)
OUTBOUND_NAMESPACE: Final = "http://soap.sforce.com/2005/09/outbound"
SOAP_NAMESPACE: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SCHEMA_INSTANCE_NAMESPACE: Final = "http://www.w3.org/2001/XMLSchema-instance"
ACKNOWLEDGEMENT_BODY: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<soapenv:Envelope xmlns:soapenv="{SOAP_NAMESPACE}"><soapenv:Body>'
    f'<notificationsResponse xmlns="{OUTBOUND_NAMESPACE}"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
).encode()
MAX_XML_DEPTH: Final = 32
# Enough for a message of a hundred records with as many fields as a record can have.
MAX_XML_ELEMENTS: Final = 100_000
# The session id is a live credential and is never stored. No part of the pattern can scan past the
# next bracket twice, so the time is linear.
_SESSION_ID: Final = re.compile(
    rb"(<((?:[^\s<>/:]+:)?SessionId)\b[^<>]*(?<!/)>).*?(</\2\s*>|\Z)", re.DOTALL
)


@dataclass(slots=True)
class _XmlElement:
    """An XML element. Names are pairs: namespace, local name."""

    name: tuple[str, str]
    attributes: Mapping[tuple[str, str], str]
    texts: list[str] = field(default_factory=list)
    children: list["_XmlElement"] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def find_children(self, namespace: str, name: str) -> list["_XmlElement"]:
        return [child for child in self.children if child.name == (namespace, name)]

    def child_text(self, namespace: str, name: str) -> str | None:
        matching_children = self.find_children(namespace, name)
        return matching_children[0].text.strip() if matching_children else None


class SalesforceOutboundConnector(Connector):
    """One organization of Salesforce, connected by its outbound messages."""

    name: str = "salesforce_outbound"
    mapping_form: str = "deals"
    default_mapping: Mapping[str, object] = DEFAULT_MAPPING
    is_secret_required: bool = False
    acknowledgement: Acknowledgement | None = Acknowledgement("text/xml", ACKNOWLEDGEMENT_BODY)

    def generate_secret(self, random_bytes: bytes) -> str:
        """Return "": nothing is signed, the address of the hook is the secret."""
        return ""

    def check_secret(self, secret: str) -> None:
        """Raise InvalidError for any secret but the empty one."""
        if secret:
            raise signatures.unusable_secret_error(
                "must be left out: Salesforce signs nothing, the hook's address is the secret"
            )

    def check_account(self, account: str | None) -> None:
        """Raise InvalidError unless the account is an organization's id."""
        check_organization_id(account)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Accept every delivery: its sender knew the address.

        Raises: MalformedError for a document type or an entity.
        """
        _check_no_document_type(delivery.body)

    def redact_credentials(self, body: bytes) -> bytes:
        """Remove the session id."""
        return _SESSION_ID.sub(rb"\1\3", body)

    def translate(
        self, delivery: Delivery, account: str | None, mapping: DealMapping
    ) -> Translation:
        """Translate the notifications of a message.

        Raises: MalformedError; ForbiddenError for a message of another organization.
        """
        root = _parse_document(delivery.body)
        messages = [
            message
            for body in root.find_children(SOAP_NAMESPACE, "Body")
            for message in body.find_children(OUTBOUND_NAMESPACE, "notifications")
        ]
        if root.name != (SOAP_NAMESPACE, "Envelope") or len(messages) != 1:
            raise MalformedError("The body is no SOAP envelope with outbound notifications.")
        message = messages[0]
        try:
            organization_id = to_id18(
                message.child_text(OUTBOUND_NAMESPACE, "OrganizationId") or ""
            )
        except ValueError:
            raise MalformedError("The message has no OrganizationId.") from None
        if account is not None and to_id18(account) != organization_id:
            raise ForbiddenError(
                f"The message is of the organization {organization_id}, not of this source's."
            )
        elements = [
            _to_record(notification)
            for notification in message.find_children(OUTBOUND_NAMESPACE, "Notification")
        ]
        return translate_elements(
            elements, lambda element: _to_changes(element, organization_id, mapping)
        )


def _to_record(notification: _XmlElement) -> Mapping[str, object]:
    """Convert a notification to a JSON object: its id, the type and the fields of the record."""
    records = notification.find_children(OUTBOUND_NAMESPACE, "sObject")
    kind = ""
    record_fields = {}
    if records:
        kind = records[0].attributes.get((SCHEMA_INSTANCE_NAMESPACE, "type"), "").rpartition(":")[2]
        nil_attribute = (SCHEMA_INSTANCE_NAMESPACE, "nil")
        record_fields = {
            child.name[1]: None
            if child.attributes.get(nil_attribute) in ("true", "1")
            else child.text
            for child in records[0].children
            if child.name[0].startswith("urn:sobject.")
        }
    return {
        "id": notification.child_text(OUTBOUND_NAMESPACE, "Id"),
        "type": kind,
        "fields": record_fields,
    }


def _to_changes(
    element: Mapping[str, object], organization_id: str, mapping: DealMapping
) -> Iterable[Change]:
    """Translate one notification to a snapshot."""
    record = element["fields"]
    if element["type"] != "Opportunity" or not isinstance(record, Mapping):
        raise SkipElementError
    id_ = parse_record_id18(record.get("Id"))
    timestamp = record.get("SystemModstamp") or record.get("LastModifiedDate")
    if timestamp is None:
        raise RejectElementError(
            "The record has no time: add SystemModstamp to the fields of the outbound message."
        )
    modified_at = parse_instant(timestamp, "SystemModstamp")
    change_key = (
        f"sf-om|{organization_id}|Opportunity|{id_}|{timestamp}|{short_digest(dict(record))}"
    )
    if record.get("IsDeleted") == "true":
        return [Change(f"deal:{id_}", change_key, modified_at, "deleted")]
    return [
        Change(
            f"deal:{id_}",
            change_key,
            modified_at,
            "snapshot",
            pick_fields(record, mapping.properties()),
        )
    ]


def _refuse_document_type(*_arguments: object) -> None:
    raise MalformedError("A document type is not read here.")


def _create_parser() -> expat.XMLParserType:
    """Create a parser of UTF-8 that stops at any document type or entity.

    Prefixes stay as they are. Resolved by the parser, a long namespace would be repeated in every
    name that has it.
    """
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.EntityDeclHandler = _refuse_document_type
    return parser


def _check_no_document_type(body: bytes) -> None:
    """Raise MalformedError for a body with a document type. Accept an unreadable one."""
    try:
        _create_parser().Parse(body, True)
    except expat.ExpatError:
        return


def _to_qualified_name(raw_name: str, namespaces: Mapping[str, str]) -> tuple[str, str]:
    prefix, _, local_name = raw_name.rpartition(":")
    return namespaces.get(prefix, ""), local_name


def _parse_document(body: bytes) -> _XmlElement:
    """Parse the document. Raises: MalformedError."""
    document = _XmlElement(("", ""), {})
    open_elements = [document]
    namespace_scopes = [ChainMap[str, str]()]
    remaining_elements = iter(range(MAX_XML_ELEMENTS))

    def start_element(name: str, attributes: Mapping[str, str]) -> None:
        if len(open_elements) > MAX_XML_DEPTH:
            raise MalformedError(f"The XML is nested deeper than {MAX_XML_DEPTH} levels.")
        if next(remaining_elements, None) is None:
            raise MalformedError(f"The XML has more than {MAX_XML_ELEMENTS} elements.")
        declared_namespaces = {
            attribute_key.partition(":")[2]: attribute_value
            for attribute_key, attribute_value in attributes.items()
            if attribute_key.startswith("xmlns")
        }
        namespaces = (
            namespace_scopes[-1].new_child(declared_namespaces)
            if declared_namespaces
            else namespace_scopes[-1]
        )
        # An attribute belongs to a namespace only when its name has a prefix.
        qualified_attributes = {
            _to_qualified_name(attribute_key, namespaces): attribute_value
            for attribute_key, attribute_value in attributes.items()
            if ":" in attribute_key
        }
        element = _XmlElement(_to_qualified_name(name, namespaces), qualified_attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)
        namespace_scopes.append(namespaces)

    def end_element(_element_name: str) -> None:
        open_elements.pop()
        namespace_scopes.pop()

    def add_text(text: str) -> None:
        open_elements[-1].texts.append(text)

    parser = _create_parser()
    parser.StartElementHandler = start_element
    parser.EndElementHandler = end_element
    parser.CharacterDataHandler = add_text
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise MalformedError(f"The body is not XML: {error}.") from error
    return document.children[0]
