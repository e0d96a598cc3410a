"""Close's webhooks: a key in hexadecimal, cents, times without a zone, and edits that are told as one."""

import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import permutations

import pytest

from app.connectors.close import Close
from app.connectors.connector import Delivery
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.crm import activities
from tests.support import samples

CONNECTOR = Close()
ORGANIZATION = "orga_XbVPx5fFbKlYTz9PW5Ih1XDhViV10YihIaEgMEb6fVW"
SECRET = "00ff" * 16
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
BODY = b'{"event": {}}'
MAPPING = samples.mapped(CONNECTOR)


def signed(stamp=STAMP, body=BODY, key=None):
    sign = hmac.new(key or bytes.fromhex(SECRET), stamp.encode() + body, sha256).hexdigest()
    return {"close-sig-hash": sign, "close-sig-timestamp": stamp}


def authentic(headers, now=NOW, secrets=(SECRET,)):
    try:
        CONNECTOR.verify(Delivery("POST", samples.URL, headers, BODY), secrets, now)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # never why
    return True


def test_the_key_is_decoded_first():
    assert authentic(signed())
    assert not authentic(signed(key=SECRET.encode()))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"close-sig-timestamp": STAMP},
        signed(body=BODY + b" "),
        signed(key=b"another"),
        signed() | {"close-sig-timestamp": str(int(STAMP) - 1)},
        signed() | {"close-sig-hash": "é\udcff"},
        signed(stamp=f"{STAMP}.5"),
        signed(stamp="9" * 12),
    ],
)
def test_a_forged_stale_or_mangled_delivery_is_refused(headers):
    assert not authentic(headers)


def test_300_seconds_either_way_are_accepted_and_keys_rotate():
    assert authentic(signed(), NOW - timedelta(seconds=300), ["ab" * 32, SECRET])
    assert not authentic(signed(), NOW - timedelta(seconds=301))
    assert not authentic(signed(key=b""), secrets=["", "zz", "no digits"])


def test_close_makes_the_key():
    assert CONNECTOR.secret_required
    with pytest.raises(InvalidError):
        CONNECTOR.new_secret(bytes(32))
    CONNECTOR.check_secret(SECRET)
    for secret in ("", "00ff", "not hexadecimal at all", "é" * 32, "0" * 31, "00 ff " * 16):
        with pytest.raises(InvalidError):
            CONNECTOR.check_secret(secret)


def said(action="updated", account="orga_1", changed=("status_type",), **data):
    event: dict[str, object] = {
        "id": "ev_1",
        "organization_id": "orga_1",
        "object_type": "opportunity",
        "object_id": "oppo_1",
    }
    event |= {
        "action": action,
        "date_created": "2026-10-20T09:15:30.395000",
        "changed_fields": list(changed),
    }
    event |= {
        name: data.pop(name)
        for name in list(data)
        if name in ("object_type", "object_id", "id", "date_updated")
    }
    event = {name: value for name, value in event.items() if value is not ...}
    return samples.said(
        CONNECTOR, json.dumps({"event": {**event, "data": data}}).encode(), account, MAPPING
    )


def test_amounts_are_cents_and_times_without_a_zone_are_utc():
    (change,) = said(status_type="won", value=2150050, value_currency="EUR").changes
    won = samples.events([change], MAPPING)["deal.won"]
    assert (won.value, won.unit) == (215_005_000, "EUR")
    assert won.time == datetime(2026, 10, 20, 9, 15, 30, 395_000, tzinfo=UTC)


def test_null_zero_and_absent_are_told_apart():
    (change,) = said(value=None, value_currency="", status_id="s").changes
    assert change.fields == {"value": None, "value_currency": None, "status_id": "s"}
    assert said(value=0).changes[0].fields == {"value": 0}


def test_a_deal_that_was_won_before_is_dated_by_its_day():
    (change,) = said(changed=["note"], status_type="won", date_won="2026-09-01").changes
    assert samples.events([change], MAPPING)["deal.won"].time == datetime(2026, 9, 1, tzinfo=UTC)


def test_an_edit_that_is_told_again_with_more_is_another_change_and_a_repetition_is_the_same():
    one = samples.changes(CONNECTOR, "won.json")[0]
    more = samples.changes(CONNECTOR, "won_consolidated.json")[0]
    assert one.key.rpartition("|")[0] == more.key.rpartition("|")[0]
    assert one.key != more.key
    assert samples.changes(CONNECTOR, "won.json")[0] == one


def test_the_samples_are_one_deal_in_whatever_order():
    for names in permutations(["created.json", "won.json", "won_consolidated.json"]):
        found = samples.events(
            samples.changes(CONNECTOR, *names, *names, account=ORGANIZATION), MAPPING
        )
        assert sorted(found) == ["deal.created", "deal.won"]
        assert (found["deal.won"].value, found["deal.won"].unit) == (215_005_000, "EUR")
    reopened = samples.changes(CONNECTOR, "created.json", "won.json", "reopened.json")
    assert "deal.won" not in samples.events(reopened, MAPPING)
    assert samples.events(samples.changes(CONNECTOR, "won.json", "deleted.json"), MAPPING) == {}


def test_the_sample_call_is_held_and_belongs_to_no_deal():
    told = samples.changes(CONNECTOR, "call.json")
    (held,) = activities.fold(told, activities.deal_of(told), (), MAPPING, "sales").events
    assert (held.type, held.subject) == ("call.held", None)
    assert held.time == datetime(2026, 10, 7, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(("status", "held"), [("completed", 1), ("canceled", 0), ("upcoming", 0)])
def test_a_meeting_is_held_when_it_is_completed(status, held):
    told = said(
        object_type="activity.meeting", starts_at="2026-10-20T08:00:00+00:00", status=status
    ).changes
    assert len(activities.fold(told, None, (), MAPPING, "sales").events) == held


def test_other_objects_are_ignored_other_organizations_set_aside():
    assert said(object_type="lead").ignored == 1
    assert "not of orga_2" in said(account="orga_2").rejects[0].problem


@pytest.mark.parametrize(
    ("translation", "sentence"),
    [
        (said(id=...), "event.id"),
        (said(object_id="a b"), "object_id"),
        (said(date_updated="soon"), "date_created"),
        (samples.said(CONNECTOR, b"{}"), "no object 'event'"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside(translation, sentence):
    assert sentence in translation.rejects[0].problem


def test_a_list_is_malformed():
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, b"[]")


def test_money_beyond_two_to_the_53_is_exact():
    assert said(value=9007199254740993).changes[0].fields["value"] == 9007199254740993
