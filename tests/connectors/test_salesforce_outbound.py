"""Salesforce's outbound messages: SOAP, snapshots, and an address that is the secret."""

import time
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.salesforce_outbound import ACK, SalesforceOutbound
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import ForbiddenError, InvalidError, MalformedError
from tests.support import samples

CONNECTOR = SalesforceOutbound()
ORGANIZATION = "00D5g000004XyZAEA0"
MAPPING = samples.mapped(CONNECTOR, {"data": {"segment": {"property": "Type"}}})
NOW = datetime(2026, 11, 1, tzinfo=UTC)
CREATED = samples.body("salesforce_outbound", "created.xml")
BOMB = b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


def test_the_reply_is_the_acknowledgement_that_salesforce_waits_for():
    assert CONNECTOR.answer is not None
    assert (CONNECTOR.answer.media_type, CONNECTOR.answer.body) == ("text/xml", ACK)
    assert samples.body("salesforce_outbound", "acknowledgement.xml") == ACK
    assert (
        b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack>'
        in ACK
    )


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://a.example/x">%x;]><a/>',
        CREATED.replace(b"?>", b"?><!DOCTYPE x>", 1),
    ],
)
def test_a_document_type_is_refused_before_anything_is_read_or_kept(body):
    with pytest.raises(MalformedError, match="document type"):
        CONNECTOR.verify(Delivery("POST", samples.URL, {}, body), [""], NOW)
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, body)


@pytest.mark.parametrize("body", [CREATED, b"", b"{}", b"\xff\xfe<\x00"])
def test_what_knew_the_address_is_authentic_though_it_may_not_be_readable(body):
    CONNECTOR.verify(Delivery("POST", samples.URL, {}, body), [], NOW)
    assert CONNECTOR.new_secret(bytes(32)) == ""
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("a-secret")


def test_a_source_must_name_its_organization():
    CONNECTOR.check_account(ORGANIZATION)
    with pytest.raises(InvalidError):
        CONNECTOR.check_account(None)


def test_another_organization_is_forbidden_and_the_short_id_is_the_same_organization():
    assert len(samples.said(CONNECTOR, CREATED, ORGANIZATION[:15]).changes) == 1
    with pytest.raises(ForbiddenError):
        samples.said(CONNECTOR, CREATED, "00D000000000062EAA")


def test_the_session_id_is_never_kept():
    live = CREATED.replace(b'<SessionId xsi:nil="true"/>', b"<SessionId>00D!AQ.live</SessionId>")
    for body in (
        live,
        live.replace(b"SessionId>", b"o:SessionId>").replace(
            b"<notifications", b'<notifications xmlns:o="o"'
        ),
        live.replace(b"<SessionId>", b'<SessionId a="b"\n>'),
        live.split(b"</SessionId>")[0],
        live.replace(b"00D!AQ.live", b"<![CDATA[00D!AQ.live]]>"),
    ):
        assert b"AQ.live" not in CONNECTOR.kept(body)
    assert samples.said(CONNECTOR, CONNECTOR.kept(live)) == samples.said(CONNECTOR, live)
    assert CONNECTOR.kept(CREATED) == CREATED


def test_a_message_is_a_snapshot_with_the_key_of_the_design():
    (change,) = samples.said(CONNECTOR, CREATED, ORGANIZATION, MAPPING).changes
    start = f"sf-om|{ORGANIZATION}|Opportunity|0065g00000AbCdEAAV|2026-10-05T08:30:00.000Z|"
    assert change.key.startswith(start)
    assert (change.entity, change.verb) == ("deal:0065g00000AbCdEAAV", "snapshot")
    assert change.at == datetime(2026, 10, 5, 8, 30, tzinfo=UTC)


def test_nil_is_null_zero_is_zero_and_what_is_not_in_the_message_is_absent():
    body = CREATED.replace(b"<sf:Amount>18000.0</sf:Amount>", b'<sf:Amount xsi:nil="true"/>')
    assert samples.said(CONNECTOR, body).changes[0].fields["Amount"] is None
    zero = CREATED.replace(b"18000.0", b"0.0")
    assert samples.said(CONNECTOR, zero).changes[0].fields["Amount"] == "0.0"
    without = CREATED.replace(b"<sf:Amount>18000.0</sf:Amount>", b"")
    assert "Amount" not in samples.said(CONNECTOR, without).changes[0].fields


def test_elements_are_known_by_their_namespace_and_never_by_a_prefix():
    other = CREATED.replace(b"sf:", b"x1:").replace(b":sf=", b":x1=").replace(b"soapenv", b"S")
    assert samples.said(CONNECTOR, other).changes == samples.said(CONNECTOR, CREATED).changes
    foreign = CREATED.replace(b"http://soap.sforce.com/2005/09/outbound", b"http://a.example")
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, foreign)


def test_a_retry_that_carries_newer_data_is_another_change_and_an_exact_repetition_is_the_same():
    names = ["created.xml", "won.xml", "retried_newer.xml"]
    for order in permutations(names):
        told = samples.changes(CONNECTOR, *order, *order, mapping=MAPPING)
        assert len({one.key for one in told}) == 3
        won = samples.events(told, MAPPING)["deal.won"]
        assert (won.value, won.unit, won.time) == (
            19_800 * ONE,
            "EUR",
            datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
        )


def test_the_sample_deal_is_reopened():
    told = samples.changes(CONNECTOR, "created.xml", "won.xml", "reopened.xml", mapping=MAPPING)
    assert sorted(samples.events(told, MAPPING)) == ["deal.created", "deal.moved"]


def test_several_notifications_are_several_changes_and_a_bad_one_does_not_block_them():
    start, middle, end = CREATED.partition(b"<Notification>")
    one, _, tail = end.partition(b"</Notification>")
    bad = one.replace(b"SystemModstamp", b"Other")
    contact = one.replace(b"sf:Opportunity", b"sf:Contact")
    blocks = [
        middle + each + b"</Notification>"
        for each in (one, bad, contact, one.replace(b"AbCdE", b"AbCdF"))
    ]
    translation = samples.said(CONNECTOR, start + b"".join(blocks) + tail)
    assert len(translation.changes) == 2
    assert [reject.index for reject in translation.rejects] == [1]
    assert "add SystemModstamp" in translation.rejects[0].problem
    assert translation.ignored == 1


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"<a/>", b"<a>", "<a>é</a>".encode("utf-16"), b"<a>" * 99, CREATED[:-20]]
)
def test_a_body_that_cannot_be_read_is_malformed(body):
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, body)


def test_a_message_without_its_organization_is_malformed():
    with pytest.raises(MalformedError, match="OrganizationId"):
        samples.said(CONNECTOR, CREATED.replace(b"OrganizationId", b"Organization"))


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
def test_what_a_body_repeats_costs_no_more_than_its_length(body):
    delivery = Delivery("POST", samples.URL, {}, body)
    begun = time.process_time()
    CONNECTOR.verify(delivery, [], NOW)
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, CONNECTOR.kept(body))
    assert time.process_time() - begun < 10  # each took minutes, or gigabytes


def test_a_prefix_holds_where_it_was_declared_and_within():
    inner = CREATED.replace(b' xmlns:sf="urn:sobject.enterprise.soap.sforce.com"', b"")
    assert inner != CREATED
    assert samples.said(CONNECTOR, inner).changes == ()
    above = inner.replace(
        b"<notifications ", b'<notifications xmlns:sf="urn:sobject.enterprise.soap.sforce.com" '
    )
    assert samples.said(CONNECTOR, above).changes == samples.said(CONNECTOR, CREATED).changes
    hidden = above.replace(b"<sObject ", b'<sObject xmlns:sf="urn:other" ')
    assert samples.said(CONNECTOR, hidden).changes == ()
