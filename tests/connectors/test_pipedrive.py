"""Pipedrive's webhooks of version 2: who sent them, and what they say."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.pipedrive import Pipedrive
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.crm import activities
from app.services.sources.record_graph import fold, gathered_of
from tests.support import samples

CONNECTOR = Pipedrive()
SECRET = "sightline:correct-horse-battery-staple"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SEGMENT = "/custom_fields/d4de1c1518b4531717c676029a45911c340390a6/value"
MAPPING = samples.mapped(CONNECTOR, {"data": {"segment": {"property": SEGMENT}}})


def basic(text, scheme="Basic"):
    return {"authorization": f"{scheme} {b64encode(text.encode()).decode()}"}


def authentic(headers, *secrets):
    try:
        CONNECTOR.verify(Delivery("POST", samples.URL, headers, b"{}"), secrets or [SECRET], NOW)
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # never why
    return True


def test_the_known_answer_of_rfc_7617_verifies():
    assert authentic({"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, "Aladdin:open sesame")
    assert authentic(
        {"authorization": "basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, "Aladdin:open sesame"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Basic"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic é\udcff"},
        basic(SECRET, "Bearer"),
        basic(SECRET + " "),
        basic("sightline:wrong"),
        basic("correct-horse-battery-staple"),
        basic(":" + SECRET.split(":")[1]),
        {"authorization": f"Basic {SECRET}"},
    ],
)
def test_forged_or_mangled_credentials_are_refused(headers):
    assert authentic(basic(SECRET))
    assert not authentic(headers)


def test_any_of_the_secrets_verifies_while_one_is_rotated_and_none_never():
    assert authentic(basic(SECRET), "sightline:the-new-one-of-them", SECRET)
    assert not authentic(basic(""), "")


def test_a_secret_is_made_as_user_and_password_or_chosen():
    CONNECTOR.check_secret(CONNECTOR.new_secret(bytes(range(32))))
    for secret in (
        "",
        "no-colon-in-this-one",
        "user:short",
        ":no-user-before-this-one",
        "user:é" + "x" * 20,
        "u:" + "x" * 200,
    ):
        with pytest.raises(InvalidError) as caught:
            CONNECTOR.check_secret(secret)
        assert [fault.pointer for fault in caught.value.faults] == ["/secret"]


def event(action="change", data=None, previous=None, **meta):
    said = {
        "action": action,
        "entity": "deal",
        "entity_id": "42",
        "company_id": "7",
        "id": "an-event",
        "timestamp": "2026-10-12T14:05:10.004Z",
        "version": "2.0",
        "attempt": 1,
        **meta,
    }
    said = {name: value for name, value in said.items() if value is not ...}
    return json.dumps({"meta": said, "data": data, "previous": previous}).encode()


def only(raw, mapping=MAPPING, account="7"):
    translation = samples.said(CONNECTOR, raw, account, mapping)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_a_change_has_the_key_of_the_design_and_the_time_of_the_event():
    change = only(event(data={"id": 42, "value": 10, "status": "open"}))
    assert change.key == "pd2|7|an-event"
    assert (change.entity, change.at) == (
        "deal:42",
        datetime(2026, 10, 12, 14, 5, 10, 4000, tzinfo=UTC),
    )
    assert change.fields == {"value": 10, "status": "open"}


def test_a_timestamp_of_ten_characters_is_seconds():
    assert only(event(data={}, timestamp="1791813910")).at == datetime(
        2026, 10, 12, 14, 5, 10, tzinfo=UTC
    )


def test_a_retry_is_the_same_change():
    first, again = (only(event(data={"status": "won"}, attempt=attempt)) for attempt in (1, 4))
    assert first == again


def test_null_zero_empty_text_and_absent_are_told_apart_in_typed_custom_fields_too():
    name = "d4de1c1518b4531717c676029a45911c340390a6"
    told = only(
        event(data={"value": 0, "currency": "", "stage_id": None, "custom_fields": {name: None}})
    )
    assert told.fields == {"value": 0, "currency": None, "stage_id": None, SEGMENT: None}
    typed = {"type": "enum", "id": 3, "value": "smb"}
    assert only(event(data={"custom_fields": {name: typed}})).fields == {SEGMENT: "smb"}
    assert only(event(data={"custom_fields": {}})).fields == {}


def test_a_monetary_custom_field_may_be_the_amount():
    own = {
        "value": {"property": "/custom_fields/aa/value"},
        "unit": {"property": "/custom_fields/aa/currency"},
    }
    raw = event(
        data={
            "status": "won",
            "custom_fields": {"aa": {"type": "monetary", "value": 99.5, "currency": "SEK"}},
        }
    )
    mapping = samples.mapped(CONNECTOR, own)
    won = samples.events([only(raw, mapping)], mapping)["deal.won"]
    assert (won.value, won.unit) == (99 * ONE + ONE // 2, "SEK")


def test_an_amount_beyond_two_to_the_53_is_exact():
    assert (
        only(event(data={"value": 9007199254740993}), samples.mapped(CONNECTOR)).fields["value"]
        == 9007199254740993
    )


def test_a_reopened_deal_keeps_first_won_time_and_is_not_won():
    told = only(
        event(
            data={"status": "open", "first_won_time": "2026-10-01T00:00:00Z"},
            previous={"status": "won"},
        )
    )
    assert "deal.won" not in samples.events([told], MAPPING)


def test_a_deal_that_was_won_before_is_dated_by_its_won_time_and_one_that_is_won_now_by_the_event():
    data = {
        "status": "won",
        "won_time": "2026-09-01T10:00:00Z",
        "close_time": "2026-09-01T10:00:00Z",
    }
    before = only(event(data=data, previous={"title": "old"}))
    assert samples.events([before], MAPPING)["deal.won"].time == datetime(
        2026, 9, 1, 10, tzinfo=UTC
    )
    now = only(event(data=data, previous={"status": "open"}))
    assert samples.events([now], MAPPING)["deal.won"].time == now.at


def test_a_deleted_deal_is_not_lost_and_a_restored_one_is_back():
    deleted = only(event("delete"))
    restored = only(
        event(data={"status": "won", "is_deleted": False}, previous={"is_deleted": True}, id="b")
    )
    assert (deleted.verb, deleted.fields) == ("deleted", {})
    assert restored.verb == "restored"
    assert only(event(data={"is_deleted": True}, previous={"is_deleted": False})).verb == "deleted"


def test_a_merge_is_said_by_either_side():
    gone = only(event("delete", entity_id="43", merged_to_id="42"))
    assert (gone.entity, gone.verb, gone.other) == ("deal:43", "merged", "deal:42")
    stays, absorbed = samples.said(
        CONNECTOR, event(data={"value": 5}, merged_from_id="43"), "7", MAPPING
    ).changes
    assert (stays.entity, stays.fields) == ("deal:42", {"value": 5})
    assert (absorbed.entity, absorbed.verb, absorbed.other) == ("deal:43", "merged", "deal:42")
    assert absorbed.key != stays.key


@pytest.mark.parametrize(
    "entity", ["lead", "person", "organization", "product", "deal_product", "stage", "note"]
)
def test_what_is_no_deal_and_no_activity_is_ignored(entity):
    translation = samples.said(CONNECTOR, event(data={}, entity=entity), "7", MAPPING)
    assert (translation.changes, translation.rejects, translation.ignored) == ((), (), 1)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"{}", "no object 'meta'"),
        (event(data={}, company_id="8"), "company_id 8, not of 7"),
        (event(data={}, company_id=...), "company_id"),
        (event(data={}, id=...), "meta.id"),
        (event(data={}, entity_id="a/b"), "meta.entity_id"),
        (event(data={}, timestamp="soon"), "meta.timestamp"),
        (event(data=None), "no object 'data'"),
        (b'{"meta": {"object": "deal", "action": "updated"}, "current": {}}', "version 1"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside_with_its_reason(raw, sentence):
    translation = samples.said(CONNECTOR, raw, "7", MAPPING)
    assert translation.changes == ()
    assert sentence in translation.rejects[0].problem


@pytest.mark.parametrize("raw", [b"[]", b"7", b"", b"{", b"\xff", b'{"a": NaN}', b'{"a":1,"a":2}'])
def test_an_authentic_body_that_cannot_be_read_is_malformed(raw):
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, raw)


def test_the_samples_are_one_deal_in_whatever_order_and_however_often_they_come():
    for names in permutations(["created.json", "moved.json", "won.json", "corrected.json"]):
        found = samples.events(
            samples.changes(CONNECTOR, *names, *names, account="7551234"), MAPPING, "deal:1042"
        )
        assert sorted(found) == ["deal.created", "deal.moved", "deal.won"]
        won = found["deal.won"]
        assert (won.value, won.unit) == (19_800 * ONE, "EUR")
        assert won.time == datetime(2026, 10, 20, 9, 15, 30, 518_000, tzinfo=UTC)
        assert found["deal.created"].data == {"pipeline": "1", "stage": "1"}


def test_the_samples_carry_the_custom_field_that_is_mapped():
    told = samples.changes(CONNECTOR, "created.json", "won.json", mapping=MAPPING)
    assert samples.events(told, MAPPING)["deal.won"].data["segment"] == "enterprise"


def test_the_sample_deal_is_reopened_merged_and_deleted():
    won = ("created.json", "moved.json", "won.json")
    assert "deal.won" not in samples.events(
        samples.changes(CONNECTOR, *won, "reopened.json"), MAPPING
    )
    merged = samples.changes(CONNECTOR, "merged_from.json", "merged_to.json")
    assert {(one.entity, one.other) for one in merged if one.verb == "merged"} == {
        ("deal:1043", "deal:1042")
    }
    assert samples.events(samples.changes(CONNECTOR, *won, "deleted.json"), MAPPING) == {}


def test_the_sample_meeting_is_held_at_its_time_for_its_deal():
    told = samples.changes(CONNECTOR, "meeting_done.json")
    assert activities.deal_of(told) == "deal:1042"
    (held,) = activities.fold(
        told, "deal:1042", samples.changes(CONNECTOR, "created.json"), MAPPING, "sales"
    ).events
    assert (held.type, held.time) == ("meeting.held", datetime(2026, 10, 8, 13, tzinfo=UTC))
    assert (held.subject, held.data["stage"]) == ("deal/1042", "1")


def activity(data, previous=None, action="change"):
    raw = event(action, data, previous, entity="activity", entity_id="5")
    return [
        (one.entity, one.verb, one.other)
        for one in samples.said(CONNECTOR, raw, "7", MAPPING).changes
    ]


def test_an_activity_moves_between_deals_and_kinds_and_is_deleted():
    assert activity({"type": "call", "deal_id": 2}, {"deal_id": 1}) == [
        ("call:5", "changed", None),
        ("call:5", "dissociated", "deal:1"),
        ("call:5", "associated", "deal:2"),
    ]
    assert activity({"type": "meeting"}, {"type": "call"}) == [
        ("call:5", "deleted", None),
        ("meeting:5", "changed", None),
    ]
    assert activity(None, {"type": "call", "deal_id": 1}, "delete") == [("call:5", "deleted", None)]
    assert activity({"type": "lunch"}) == []


def test_an_activity_that_is_not_done_is_not_held():
    raw = event(data={"type": "call", "due_date": "2026-10-01", "done": False}, entity="activity")
    told = samples.said(CONNECTOR, raw, "7", MAPPING).changes
    assert activities.fold(told, None, (), MAPPING, "sales").events == ()


SOLD = samples.mapped(
    CONNECTOR, {"line_items": {"offering": {"property": "product_id", "map": {"9": "onboarding"}}}}
)


def product(number, action="change", was=None, **data):
    record = (
        {"id": 77, "deal_id": 42, "product_id": 9, "is_enabled": True, **data}
        if action != "delete"
        else None
    )
    meta = {"entity": "deal_product", "entity_id": "77", "id": f"p-{number}"}
    return event(
        action=action,
        data=record,
        previous=was,
        timestamp=f"2026-10-12T14:05:{number:02d}Z",
        **meta,
    )


def offerings(*raw):
    won = event(data={"id": 42, "value": 10, "status": "won"})
    told = [
        change for one in (won, *raw) for change in samples.said(CONNECTOR, one, "7", SOLD).changes
    ]
    (found,) = fold("deal:42", gathered_of(told), SOLD, "sales").events
    return dict(found.offerings)


def test_the_products_of_a_deal_are_what_was_sold():
    added = product(1, "create", sum=30, item_price=10, quantity=3)
    assert offerings(added) == offerings(added, added) == {"onboarding": 30 * ONE}
    assert offerings(product(2, sum=20), added) == {"onboarding": 20 * ONE}
    assert offerings(product(1, "create", item_price=10, quantity=2.5)) == {"onboarding": 25 * ONE}
    assert offerings(added, product(2, is_enabled=False, sum=30)) == {}
    assert offerings(added, product(2, is_enabled=False), product(3, is_enabled=True)) == {
        "onboarding": 30 * ONE
    }
    assert offerings(added, product(2, "delete")) == {}
    assert offerings(added, product(2, deal_id=43, was={"deal_id": 42})) == {}
    assert offerings(product(1, "create", product_id=8, sum=30)) == {}


def test_products_are_ignored_where_no_rule_says_what_they_are():
    assert samples.said(CONNECTOR, product(1, "create", sum=30), "7", MAPPING).ignored == 1
    assert len(samples.said(CONNECTOR, product(1, deal_id=None), "7", SOLD).rejects) == 1
