"""Twenty's webhooks: HMAC of timestamp and body, micros, and two forms."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.twenty import TwentyConnector
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from tests.support import sample_deliveries

CONNECTOR = TwentyConnector()
WORKSPACE = "3b8e6458-5fc1-4e63-8563-008ccddaa6db"
SECRET = "a-secret-of-the-webhook"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
TIMESTAMP_MS = str(int(NOW.timestamp() * 1000))
BODY = b'{"eventName": "opportunity.created"}'
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR)


def sign_headers(timestamp=TIMESTAMP_MS, body=BODY, secret=SECRET):
    signature = hmac.new(secret.encode(), timestamp.encode() + b":" + body, sha256).hexdigest()
    return {"x-twenty-webhook-signature": signature, "x-twenty-webhook-timestamp": timestamp}


def is_authentic(headers, body=BODY, now=NOW, secrets=(SECRET,)):
    try:
        CONNECTOR.verify(Delivery("POST", sample_deliveries.HOOK_URL, headers, body), secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # no reason is given
    return True


def test_the_raw_body_is_what_is_signed():
    signed_at = datetime.fromtimestamp(1690000000, UTC)
    assert is_authentic(sign_headers("1690000000000", b"{}", "key"), b"{}", signed_at, ["key"])
    assert not is_authentic(sign_headers("1690000000000", b"{ }", "key"), b"{}", signed_at, ["key"])
    assert is_authentic(sign_headers())


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-twenty-webhook-timestamp": TIMESTAMP_MS},
        sign_headers(secret="another-secret"),
        sign_headers(body=BODY + b" "),
        sign_headers(timestamp=TIMESTAMP_MS[:-3]),
        sign_headers() | {"x-twenty-webhook-timestamp": str(int(TIMESTAMP_MS) + 1)},
        sign_headers() | {"x-twenty-webhook-signature": "é\udcff"},
        sign_headers(timestamp=f"{TIMESTAMP_MS}.0"),
        sign_headers(timestamp="9" * 15),
    ],
)
def test_a_forged_stale_or_mangled_delivery_is_refused(headers):
    assert not is_authentic(headers)


def test_300_seconds_either_way_are_accepted_and_secrets_rotate():
    assert is_authentic(
        sign_headers(), now=NOW + timedelta(seconds=300), secrets=["the-new-secret-of-it", SECRET]
    )
    assert not is_authentic(sign_headers(), now=NOW + timedelta(seconds=300, milliseconds=1))
    assert not is_authentic(sign_headers(secret=""), secrets=[""])


def test_the_nonce_is_not_signed_and_does_not_matter():
    assert is_authentic(sign_headers() | {"x-twenty-webhook-nonce": "whatever"})


def test_a_secret_is_generated_or_chosen():
    CONNECTOR.check_secret(CONNECTOR.generate_secret(bytes(range(32))))
    with pytest.raises(InvalidError):
        CONNECTOR.check_secret("short")


def translate_event(action="updated", account=WORKSPACE, use_documented_shape=False, **record):
    record = {"id": "r-1", "updatedAt": "2026-10-20T09:15:30.000Z", **record}
    body = {"eventName": f"opportunity.{action}", "workspaceId": WORKSPACE, "record": record}
    body |= {"eventDate": "2026-10-20T09:15:31.500Z"}
    if use_documented_shape:
        body = {
            "event": f"opportunity.{action}",
            "data": record,
            "timestamp": "2026-10-20T09:15:31.500Z",
        }
    return sample_deliveries.translate_body(CONNECTOR, json.dumps(body).encode(), account, MAPPING)


def test_a_change_has_the_key_of_the_design_in_either_shape():
    (change,) = translate_event(amount={"amountMicros": 1, "currencyCode": "EUR"}).changes
    assert change.key == f"twenty|{WORKSPACE}|opportunity|r-1|updated|2026-10-20T09:15:30.000Z"
    (documented,) = translate_event(
        use_documented_shape=True, amount={"amountMicros": 1, "currencyCode": "EUR"}
    ).changes
    assert (documented.at, documented.fields) == (change.at, change.fields)


def test_micros_are_read_exactly_as_number_or_text():
    for micros in (21500500000, "21500500000"):
        (change,) = translate_event(
            stage="CUSTOMER", amount={"amountMicros": micros, "currencyCode": "EUR"}
        ).changes
        won = sample_deliveries.fold_events([change], MAPPING)["deal.won"]
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
def test_null_empty_zero_and_absent_are_distinguished(amount, fields):
    (change,) = translate_event(**amount).changes
    assert {name: value for name, value in change.fields.items() if "amount" in name} == fields


def test_an_upsert_that_a_wildcard_sends_twice_is_one_deal():
    changes = (
        translate_event("updated", stage="CUSTOMER").changes
        + translate_event("upserted", stage="CUSTOMER").changes
    )
    assert list(sample_deliveries.fold_events(changes, MAPPING)) == ["deal.won"]


def test_soft_and_hard_deletion_are_no_loss_and_a_restored_deal_is_back():
    (soft_deletion,) = translate_event("deleted", deletedAt="2026-10-21T00:00:00Z").changes
    (hard_deletion,) = translate_event("destroyed").changes
    (restoration,) = translate_event(
        "restored", stage="CUSTOMER", updatedAt="2026-10-22T00:00:00Z"
    ).changes
    assert (soft_deletion.verb, soft_deletion.at) == ("deleted", datetime(2026, 10, 21, tzinfo=UTC))
    assert (hard_deletion.verb, hard_deletion.at) == (
        "deleted",
        datetime(2026, 10, 20, 9, 15, 31, 500_000, tzinfo=UTC),
    )
    assert restoration.verb == "restored"


def test_the_samples_are_one_deal_in_whatever_order():
    for names in permutations(["created.json", "won.json", "corrected.json"]):
        events = sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *names, *names, account=WORKSPACE), MAPPING
        )
        assert sorted(events) == ["deal.created", "deal.won"]
        assert (events["deal.won"].value, events["deal.won"].unit) == (19_800 * FIXED_SCALE, "EUR")
        assert events["deal.won"].time == datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC)
    emptied = sample_deliveries.read_changes(CONNECTOR, "created.json", "won.json", "emptied.json")
    assert sample_deliveries.fold_events(emptied, MAPPING)["deal.won"].value is None
    assert (
        sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, "won.json", "deleted.json"), MAPPING
        )
        == {}
    )
    assert (
        len(sample_deliveries.read_changes(CONNECTOR, "documented_shape.json", account=WORKSPACE))
        == 1
    )


def test_other_objects_are_ignored_other_workspaces_set_aside():
    person_body = b'{"eventName": "person.created", "workspaceId": "x", "record": {}}'
    assert sample_deliveries.translate_body(CONNECTOR, person_body).ignored == 1
    assert (
        sample_deliveries.translate_body(
            CONNECTOR, b'{"eventName": "opportunity.shared", "record": {}}'
        ).ignored
        == 1
    )
    assert "not of another" in translate_event(account="another").rejects[0].problem


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{}", "eventName"),
        (b'{"event": "opportunity.created"}', "neither 'record' nor 'data'"),
        (b'{"event": "opportunity.created", "data": {}}', "record.id"),
        (b'{"event": "opportunity.created", "data": {"id": "a"}}', "updatedAt"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside(raw, message):
    assert message in sample_deliveries.translate_body(CONNECTOR, raw).rejects[0].problem


def test_a_list_is_malformed():
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, b"[]")
