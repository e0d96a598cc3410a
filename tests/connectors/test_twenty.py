"""Twenty's webhooks: HMAC over timestamp and body, micros, and two shapes."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.twenty import Twenty
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from tests.support import samples

CONNECTOR = Twenty()
WORKSPACE = "3b8e6458-5fc1-4e63-8563-008ccddaa6db"
SECRET = "a-secret-of-the-webhook"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STAMP = str(int(NOW.timestamp() * 1000))
BODY = b'{"eventName": "opportunity.created"}'
MAPPING = samples.mapped(CONNECTOR)


def signed(stamp=STAMP, body=BODY, secret=SECRET):
    sign = hmac.new(secret.encode(), stamp.encode() + b":" + body, sha256).hexdigest()
    return {"x-twenty-webhook-signature": sign, "x-twenty-webhook-timestamp": stamp}


def authentic(headers, body=BODY, now=NOW, secrets=(SECRET,)):
    try:
        CONNECTOR.verify(Delivery("POST", samples.URL, headers, body), secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # never why
    return True


def test_the_raw_body_is_what_is_signed():
    at = datetime.fromtimestamp(1690000000, UTC)
    assert authentic(signed("1690000000000", b"{}", "key"), b"{}", at, ["key"])
    assert not authentic(signed("1690000000000", b"{ }", "key"), b"{}", at, ["key"])
    assert authentic(signed())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-twenty-webhook-timestamp": STAMP},
        signed(secret="another-secret"),
        signed(body=BODY + b" "),
        signed(stamp=STAMP[:-3]),
        signed() | {"x-twenty-webhook-timestamp": str(int(STAMP) + 1)},
        signed() | {"x-twenty-webhook-signature": "é\udcff"},
        signed(stamp=f"{STAMP}.0"),
        signed(stamp="9" * 15),
    ],
)
def test_a_forged_stale_or_mangled_delivery_is_refused(headers):
    assert not authentic(headers)


def test_300_seconds_either_way_are_accepted_and_secrets_rotate():
    assert authentic(
        signed(), now=NOW + timedelta(seconds=300), secrets=["the-new-secret-of-it", SECRET]
    )
    assert not authentic(signed(), now=NOW + timedelta(seconds=300, milliseconds=1))
    assert not authentic(signed(secret=""), secrets=[""])


def test_the_nonce_is_not_signed_and_does_not_matter():
    assert authentic(signed() | {"x-twenty-webhook-nonce": "whatever"})


def test_a_secret_is_made_or_given():
    CONNECTOR.check_secret(CONNECTOR.new_secret(bytes(range(32))))
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("short")


def said(action="updated", account=WORKSPACE, documented=False, **record):
    record = {"id": "r-1", "updatedAt": "2026-10-20T09:15:30.000Z", **record}
    body = {"eventName": f"opportunity.{action}", "workspaceId": WORKSPACE, "record": record}
    body |= {"eventDate": "2026-10-20T09:15:31.500Z"}
    if documented:
        body = {
            "event": f"opportunity.{action}",
            "data": record,
            "timestamp": "2026-10-20T09:15:31.500Z",
        }
    return samples.said(CONNECTOR, json.dumps(body).encode(), account, MAPPING)


def test_a_change_has_the_key_of_the_design_in_either_shape():
    (change,) = said(amount={"amountMicros": 1, "currencyCode": "EUR"}).changes
    assert change.key == f"twenty|{WORKSPACE}|opportunity|r-1|updated|2026-10-20T09:15:30.000Z"
    (documented,) = said(documented=True, amount={"amountMicros": 1, "currencyCode": "EUR"}).changes
    assert (documented.at, documented.fields) == (change.at, change.fields)


def test_micros_are_read_exactly_as_number_or_text():
    for micros in (21500500000, "21500500000"):
        (change,) = said(
            stage="CUSTOMER", amount={"amountMicros": micros, "currencyCode": "EUR"}
        ).changes
        won = samples.events([change], MAPPING)["deal.won"]
        assert (won.value, won.unit) == (215_005_000, "EUR")


@pytest.mark.parametrize(
    ("amount", "fields"),
    [
        (
            {"amount": {"amountMicros": None, "currencyCode": ""}},
            {"/amount/amountMicros": None, "/amount/currencyCode": None},
        ),
        ({"amount": None}, {"/amount/amountMicros": None, "/amount/currencyCode": None}),
        (
            {"amount": {"amountMicros": 0, "currencyCode": "EUR"}},
            {"/amount/amountMicros": 0, "/amount/currencyCode": "EUR"},
        ),
        ({}, {}),
    ],
)
def test_null_empty_zero_and_absent_are_told_apart(amount, fields):
    (change,) = said(**amount).changes
    assert {name: value for name, value in change.fields.items() if "amount" in name} == fields


def test_an_upsert_that_a_wildcard_tells_twice_is_one_deal():
    told = said("updated", stage="CUSTOMER").changes + said("upserted", stage="CUSTOMER").changes
    assert list(samples.events(told, MAPPING)) == ["deal.won"]


def test_soft_and_hard_deletion_are_no_loss_and_a_restored_deal_is_back():
    (soft,) = said("deleted", deletedAt="2026-10-21T00:00:00Z").changes
    (hard,) = said("destroyed").changes
    (back,) = said("restored", stage="CUSTOMER", updatedAt="2026-10-22T00:00:00Z").changes
    assert (soft.verb, soft.at) == ("deleted", datetime(2026, 10, 21, tzinfo=UTC))
    assert (hard.verb, hard.at) == (
        "deleted",
        datetime(2026, 10, 20, 9, 15, 31, 500_000, tzinfo=UTC),
    )
    assert back.verb == "restored"


def test_the_samples_are_one_deal_in_whatever_order():
    for names in permutations(["created.json", "won.json", "corrected.json"]):
        found = samples.events(
            samples.changes(CONNECTOR, *names, *names, account=WORKSPACE), MAPPING
        )
        assert sorted(found) == ["deal.created", "deal.won"]
        assert (found["deal.won"].value, found["deal.won"].unit) == (19_800 * ONE, "EUR")
        assert found["deal.won"].time == datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC)
    emptied = samples.changes(CONNECTOR, "created.json", "won.json", "emptied.json")
    assert samples.events(emptied, MAPPING)["deal.won"].value is None
    assert samples.events(samples.changes(CONNECTOR, "won.json", "deleted.json"), MAPPING) == {}
    assert len(samples.changes(CONNECTOR, "documented_shape.json", account=WORKSPACE)) == 1


def test_other_objects_are_ignored_other_workspaces_set_aside():
    other = b'{"eventName": "person.created", "workspaceId": "x", "record": {}}'
    assert samples.said(CONNECTOR, other).ignored == 1
    assert (
        samples.said(CONNECTOR, b'{"eventName": "opportunity.shared", "record": {}}').ignored == 1
    )
    assert "not of another" in said(account="another").rejects[0].problem


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"{}", "eventName"),
        (b'{"event": "opportunity.created"}', "neither 'record' nor 'data'"),
        (b'{"event": "opportunity.created", "data": {}}', "record.id"),
        (b'{"event": "opportunity.created", "data": {"id": "a"}}', "updatedAt"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside(raw, sentence):
    assert sentence in samples.said(CONNECTOR, raw).rejects[0].problem


def test_a_list_is_malformed():
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, b"[]")
