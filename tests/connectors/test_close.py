"""Close's webhooks: a hexadecimal key, cents, times without a zone, and edits in one event."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations

import pytest

from app.connectors.close import CloseConnector
from app.connectors.connector import Delivery
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.crm import activities
from tests.support import sample_deliveries

CONNECTOR = CloseConnector()
ORGANIZATION = "orga_XbVPx5fFbKlYTz9PW5Ih1XDhViV10YihIaEgMEb6fVW"
SECRET = "00ff" * 16
NOW = datetime(2026, 11, 1, tzinfo=UTC)
TIMESTAMP = str(int(NOW.timestamp()))
BODY = b'{"event": {}}'
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR)


def sign_headers(timestamp=TIMESTAMP, body=BODY, key=None):
    signature = hmac.new(
        key or bytes.fromhex(SECRET), timestamp.encode() + body, sha256
    ).hexdigest()
    return {"close-sig-hash": signature, "close-sig-timestamp": timestamp}


def is_authentic(headers, now=NOW, secrets=(SECRET,)):
    try:
        CONNECTOR.verify(Delivery("POST", sample_deliveries.HOOK_URL, headers, BODY), secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # no reason is given
    return True


def test_the_key_is_decoded_first():
    assert is_authentic(sign_headers())
    assert not is_authentic(sign_headers(key=SECRET.encode()))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"close-sig-timestamp": TIMESTAMP},
        sign_headers(body=BODY + b" "),
        sign_headers(key=b"another"),
        sign_headers() | {"close-sig-timestamp": str(int(TIMESTAMP) - 1)},
        sign_headers() | {"close-sig-hash": "é\udcff"},
        sign_headers(timestamp=f"{TIMESTAMP}.5"),
        sign_headers(timestamp="9" * 12),
    ],
)
def test_a_forged_stale_or_mangled_delivery_is_refused(headers):
    assert not is_authentic(headers)


def test_300_seconds_either_way_are_accepted_and_keys_rotate():
    assert is_authentic(sign_headers(), NOW - timedelta(seconds=300), ["ab" * 32, SECRET])
    assert not is_authentic(sign_headers(), NOW - timedelta(seconds=301))
    assert not is_authentic(sign_headers(key=b""), secrets=["", "zz", "no digits"])


def test_close_makes_the_key():
    assert CONNECTOR.is_secret_required
    with pytest.raises(InvalidError):
        CONNECTOR.generate_secret(bytes(32))
    CONNECTOR.check_secret(SECRET)
    for secret in ("", "00ff", "not hexadecimal at all", "é" * 32, "0" * 31, "00 ff " * 16):
        with pytest.raises(InvalidError):
            CONNECTOR.check_secret(secret)


def translate_event(action="updated", account="orga_1", changed_fields=("status_type",), **data):
    event: dict[str, object] = {
        "id": "ev_1",
        "organization_id": "orga_1",
        "object_type": "opportunity",
        "object_id": "oppo_1",
    }
    event |= {
        "action": action,
        "date_created": "2026-10-20T09:15:30.395000",
        "changed_fields": list(changed_fields),
    }
    event |= {
        member_name: data.pop(member_name)
        for member_name in list(data)
        if member_name in ("object_type", "object_id", "id", "date_updated")
    }
    event = {member_name: value for member_name, value in event.items() if value is not ...}
    return sample_deliveries.translate_body(
        CONNECTOR, json.dumps({"event": {**event, "data": data}}).encode(), account, MAPPING
    )


def test_amounts_are_cents_and_times_without_a_zone_are_utc():
    (change,) = translate_event(status_type="won", value=2150050, value_currency="EUR").changes
    won = sample_deliveries.fold_events([change], MAPPING)["deal.won"]
    assert (won.value, won.unit) == (215_005_000, "EUR")
    assert won.time == datetime(2026, 10, 20, 9, 15, 30, 395_000, tzinfo=UTC)


def test_null_zero_and_absent_are_distinguished():
    (change,) = translate_event(value=None, value_currency="", status_id="s").changes
    assert change.fields == {"value": None, "value_currency": None, "status_id": "s"}
    assert translate_event(value=0).changes[0].fields == {"value": 0}


def test_a_deal_that_was_won_before_is_dated_by_its_day():
    (change,) = translate_event(
        changed_fields=["note"], status_type="won", date_won="2026-09-01"
    ).changes
    assert sample_deliveries.fold_events([change], MAPPING)["deal.won"].time == datetime(
        2026, 9, 1, tzinfo=UTC
    )


def test_an_edit_sent_again_with_more_fields_is_another_change_and_a_repetition_is_the_same():
    won_change = sample_deliveries.read_changes(CONNECTOR, "won.json")[0]
    consolidated_change = sample_deliveries.read_changes(CONNECTOR, "won_consolidated.json")[0]
    assert won_change.key.rpartition("|")[0] == consolidated_change.key.rpartition("|")[0]
    assert won_change.key != consolidated_change.key
    assert sample_deliveries.read_changes(CONNECTOR, "won.json")[0] == won_change


def test_the_samples_are_one_deal_in_whatever_order():
    for names in permutations(["created.json", "won.json", "won_consolidated.json"]):
        events = sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *names, *names, account=ORGANIZATION), MAPPING
        )
        assert sorted(events) == ["deal.created", "deal.won"]
        assert (events["deal.won"].value, events["deal.won"].unit) == (215_005_000, "EUR")
    reopened = sample_deliveries.read_changes(
        CONNECTOR, "created.json", "won.json", "reopened.json"
    )
    assert "deal.won" not in sample_deliveries.fold_events(reopened, MAPPING)
    assert (
        sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, "won.json", "deleted.json"), MAPPING
        )
        == {}
    )


def test_the_sample_call_is_held_and_belongs_to_no_deal():
    changes = sample_deliveries.read_changes(CONNECTOR, "call.json")
    (held_event,) = activities.project_events(
        changes, activities.find_deal(changes), (), MAPPING, "sales"
    ).events
    assert (held_event.type, held_event.subject) == ("call.held", None)
    assert held_event.time == datetime(2026, 10, 7, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "expected_count"), [("completed", 1), ("canceled", 0), ("upcoming", 0)]
)
def test_a_meeting_is_held_when_it_is_completed(status, expected_count):
    changes = translate_event(
        object_type="activity.meeting", starts_at="2026-10-20T08:00:00+00:00", status=status
    ).changes
    assert (
        len(activities.project_events(changes, None, (), MAPPING, "sales").events) == expected_count
    )


def test_other_objects_are_ignored_other_organizations_set_aside():
    assert translate_event(object_type="lead").ignored == 1
    assert "not of orga_2" in translate_event(account="orga_2").rejects[0].problem


@pytest.mark.parametrize(
    ("translation", "message"),
    [
        (translate_event(id=...), "event.id"),
        (translate_event(object_id="a b"), "object_id"),
        (translate_event(date_updated="soon"), "date_created"),
        (sample_deliveries.translate_body(CONNECTOR, b"{}"), "no object 'event'"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside(translation, message):
    assert message in translation.rejects[0].problem


def test_a_list_is_malformed():
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, b"[]")


def test_money_beyond_two_to_the_53_is_exact():
    assert translate_event(value=9007199254740993).changes[0].fields["value"] == 9007199254740993
