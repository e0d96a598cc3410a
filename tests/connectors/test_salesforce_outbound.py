"""Salesforce's outbound messages: SOAP, snapshots, and an address that is the secret."""

import time
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.salesforce_outbound import ACKNOWLEDGEMENT_BODY, SalesforceOutboundConnector
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import ForbiddenError, InvalidError, MalformedError
from tests.support import sample_deliveries

CONNECTOR = SalesforceOutboundConnector()
ORGANIZATION = "00D5g000004XyZAEA0"
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR, {"data": {"segment": {"property": "Type"}}})
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CREATED_MESSAGE = sample_deliveries.read_sample("salesforce_outbound", "created.xml")
ENTITY_BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


def test_the_reply_is_the_acknowledgement_that_salesforce_waits_for():
    assert CONNECTOR.acknowledgement is not None
    assert (CONNECTOR.acknowledgement.media_type, CONNECTOR.acknowledgement.body) == (
        "text/xml",
        ACKNOWLEDGEMENT_BODY,
    )
    assert (
        sample_deliveries.read_sample("salesforce_outbound", "acknowledgement.xml")
        == ACKNOWLEDGEMENT_BODY
    )
    assert (
        b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
        in ACKNOWLEDGEMENT_BODY
    )


@pytest.mark.parametrize(
    "body",
    [
        ENTITY_BOMB,
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://a.example/x">%x;]><a/>',
        CREATED_MESSAGE.replace(b"?>", b"?><!DOCTYPE x>", 1),
    ],
)
def test_a_document_type_is_refused_before_anything_is_read_or_kept(body):
    with pytest.raises(MalformedError, match="document type"):
        CONNECTOR.verify(Delivery("POST", sample_deliveries.HOOK_URL, {}, body), [""], NOW)
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, body)


@pytest.mark.parametrize("body", [CREATED_MESSAGE, b"", b"{}", b"\xff\xfe<\x00"])
def test_a_delivery_to_the_secret_address_is_authentic_even_if_unreadable(body):
    CONNECTOR.verify(Delivery("POST", sample_deliveries.HOOK_URL, {}, body), [], NOW)
    assert CONNECTOR.generate_secret(bytes(32)) == ""
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("a-secret")


def test_a_source_must_name_its_organization():
    CONNECTOR.check_account(ORGANIZATION)
    with pytest.raises(InvalidError):
        CONNECTOR.check_account(None)


def test_another_organization_is_forbidden_and_the_short_id_is_the_same_organization():
    assert (
        len(sample_deliveries.translate_body(CONNECTOR, CREATED_MESSAGE, ORGANIZATION[:15]).changes)
        == 1
    )
    with pytest.raises(ForbiddenError):
        sample_deliveries.translate_body(CONNECTOR, CREATED_MESSAGE, "00D000000000062EAA")


def test_the_session_id_is_never_stored():
    with_session_id = CREATED_MESSAGE.replace(
        b'<SessionId xsi:nil="true"/>', b"<SessionId>00D!AQ.live</SessionId>"
    )
    for body in (
        with_session_id,
        with_session_id.replace(b"SessionId>", b"o:SessionId>").replace(
            b"<notifications", b'<notifications xmlns:o="o"'
        ),
        with_session_id.replace(b"<SessionId>", b'<SessionId a="b"\n>'),
        with_session_id.split(b"</SessionId>")[0],
        with_session_id.replace(b"00D!AQ.live", b"<![CDATA[00D!AQ.live]]>"),
    ):
        assert b"AQ.live" not in CONNECTOR.redact_credentials(body)
    assert sample_deliveries.translate_body(
        CONNECTOR, CONNECTOR.redact_credentials(with_session_id)
    ) == sample_deliveries.translate_body(CONNECTOR, with_session_id)
    assert CONNECTOR.redact_credentials(CREATED_MESSAGE) == CREATED_MESSAGE


def test_a_message_is_a_snapshot_with_the_key_of_the_design():
    (change,) = sample_deliveries.translate_body(
        CONNECTOR, CREATED_MESSAGE, ORGANIZATION, MAPPING
    ).changes
    key_prefix = f"sf-om|{ORGANIZATION}|Opportunity|0065g00000AbCdEAAV|2026-10-05T08:30:00.000Z|"
    assert change.key.startswith(key_prefix)
    assert (change.entity, change.verb) == ("deal:0065g00000AbCdEAAV", "snapshot")
    assert change.at == datetime(2026, 10, 5, 8, 30, tzinfo=UTC)


def test_nil_is_null_zero_is_zero_and_what_is_not_in_the_message_is_absent():
    body = CREATED_MESSAGE.replace(
        b"<sf:Amount>18000.0</sf:Amount>", b'<sf:Amount xsi:nil="true"/>'
    )
    assert sample_deliveries.translate_body(CONNECTOR, body).changes[0].fields["Amount"] is None
    zero_amount = CREATED_MESSAGE.replace(b"18000.0", b"0.0")
    assert (
        sample_deliveries.translate_body(CONNECTOR, zero_amount).changes[0].fields["Amount"]
        == "0.0"
    )
    without_amount = CREATED_MESSAGE.replace(b"<sf:Amount>18000.0</sf:Amount>", b"")
    assert (
        "Amount"
        not in sample_deliveries.translate_body(CONNECTOR, without_amount).changes[0].fields
    )


def test_elements_are_known_by_their_namespace_and_never_by_a_prefix():
    renamed_prefixes = (
        CREATED_MESSAGE.replace(b"sf:", b"x1:").replace(b":sf=", b":x1=").replace(b"soapenv", b"S")
    )
    assert (
        sample_deliveries.translate_body(CONNECTOR, renamed_prefixes).changes
        == sample_deliveries.translate_body(CONNECTOR, CREATED_MESSAGE).changes
    )
    foreign_namespace = CREATED_MESSAGE.replace(
        b"http://soap.sforce.com/2005/09/outbound", b"http://a.example"
    )
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, foreign_namespace)


def test_a_retry_that_carries_newer_data_is_another_change_and_an_exact_repetition_is_the_same():
    names = ["created.xml", "won.xml", "retried_newer.xml"]
    for order in permutations(names):
        changes = sample_deliveries.read_changes(CONNECTOR, *order, *order, mapping=MAPPING)
        assert len({change.key for change in changes}) == 3
        won = sample_deliveries.fold_events(changes, MAPPING)["deal.won"]
        assert (won.value, won.unit, won.time) == (
            19_800 * FIXED_SCALE,
            "EUR",
            datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
        )


def test_the_sample_deal_is_reopened():
    changes = sample_deliveries.read_changes(
        CONNECTOR, "created.xml", "won.xml", "reopened.xml", mapping=MAPPING
    )
    assert sorted(sample_deliveries.fold_events(changes, MAPPING)) == ["deal.created", "deal.moved"]


def test_several_notifications_are_several_changes_and_a_bad_one_does_not_block_them():
    start, middle, end = CREATED_MESSAGE.partition(b"<Notification>")
    notification, _, tail = end.partition(b"</Notification>")
    bad = notification.replace(b"SystemModstamp", b"Other")
    contact = notification.replace(b"sf:Opportunity", b"sf:Contact")
    blocks = [
        middle + content + b"</Notification>"
        for content in (notification, bad, contact, notification.replace(b"AbCdE", b"AbCdF"))
    ]
    translation = sample_deliveries.translate_body(CONNECTOR, start + b"".join(blocks) + tail)
    assert len(translation.changes) == 2
    assert [reject.index for reject in translation.rejects] == [1]
    assert "add SystemModstamp" in translation.rejects[0].problem
    assert translation.ignored == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<a/>", b"<a>", "<a>é</a>".encode("utf-16"), b"<a>" * 99, CREATED_MESSAGE[:-20]],
)
def test_a_body_that_cannot_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, body)


def test_a_message_without_its_organization_is_malformed():
    with pytest.raises(MalformedError, match="OrganizationId"):
        sample_deliveries.translate_body(
            CONNECTOR, CREATED_MESSAGE.replace(b"OrganizationId", b"Organization")
        )


MIB = 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"<SessionId" * (2 * MIB // 10),
        b"<SessionId></SessionId" + b" " * 2 * MIB,
        b"<a>" + b"x<b/>" * 90_000 + b"</a>",
        b'<a xmlns:b="'
        + b"u" * MIB
        + b'" '
        + b" ".join(b'b:c%d=""' % n for n in range(70_000))
        + b"/>",
        b'<a xmlns:b="' + b"u" * MIB + b'">' + b"<b:c/>" * 20_000 + b"</a>",
    ],
    ids=["sessions", "spaces", "texts", "attributes", "names"],
)
def test_a_hostile_body_is_processed_in_linear_time(body):
    delivery = Delivery("POST", sample_deliveries.HOOK_URL, {}, body)
    started = time.process_time()
    CONNECTOR.verify(delivery, [], NOW)
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, CONNECTOR.redact_credentials(body))
    assert time.process_time() - started < 10  # each took minutes, or gigabytes


def test_a_prefix_is_valid_in_its_element_and_below():
    without_declaration = CREATED_MESSAGE.replace(
        b' xmlns:sf="urn:sobject.enterprise.soap.sforce.com"', b""
    )
    assert without_declaration != CREATED_MESSAGE
    assert sample_deliveries.translate_body(CONNECTOR, without_declaration).changes == ()
    declared_by_parent = without_declaration.replace(
        b"<notifications ", b'<notifications xmlns:sf="urn:sobject.enterprise.soap.sforce.com" '
    )
    assert (
        sample_deliveries.translate_body(CONNECTOR, declared_by_parent).changes
        == sample_deliveries.translate_body(CONNECTOR, CREATED_MESSAGE).changes
    )
    redeclared_by_child = declared_by_parent.replace(
        b"<sObject ", b'<sObject xmlns:sf="urn:other" '
    )
    assert sample_deliveries.translate_body(CONNECTOR, redeclared_by_child).changes == ()
