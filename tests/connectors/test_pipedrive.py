"""Pipedrive's webhooks of version 2: their secrets and their changes."""

import json
from base64 import b64encode
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.connector import Delivery
from app.connectors.pipedrive import PipedriveConnector
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import InvalidError, MalformedError, NotAuthenticError
from app.domain.sources.crm import activities
from app.services.sources.record_graph import project_events, record_set_from
from tests.support import sample_deliveries

CONNECTOR = PipedriveConnector()
SECRET = "sightline:correct-horse-battery-staple"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SEGMENT = "/custom_fields/d4de1c1518b4531717c676029a45911c340390a6/value"
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR, {"data": {"segment": {"property": SEGMENT}}})


def basic_auth_headers(text, scheme="Basic"):
    return {"authorization": f"{scheme} {b64encode(text.encode()).decode()}"}


def is_authentic(headers, *secrets):
    try:
        CONNECTOR.verify(
            Delivery("POST", sample_deliveries.HOOK_URL, headers, b"{}"), secrets or [SECRET], NOW
        )
    except NotAuthenticError as error:
        return error.detail != "The delivery is not authentic."  # no reason is given
    return True


def test_the_known_answer_of_rfc_7617_verifies():
    assert is_authentic(
        {"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}, "Aladdin:open sesame"
    )
    assert is_authentic(
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
        basic_auth_headers(SECRET, "Bearer"),
        basic_auth_headers(SECRET + " "),
        basic_auth_headers("sightline:wrong"),
        basic_auth_headers("correct-horse-battery-staple"),
        basic_auth_headers(":" + SECRET.split(":")[1]),
        {"authorization": f"Basic {SECRET}"},
    ],
)
def test_forged_or_mangled_credentials_are_refused(headers):
    assert is_authentic(basic_auth_headers(SECRET))
    assert not is_authentic(headers)


def test_any_of_the_secrets_verifies_while_one_is_rotated_and_none_never():
    assert is_authentic(basic_auth_headers(SECRET), "sightline:the-new-one-of-them", SECRET)
    assert not is_authentic(basic_auth_headers(""), "")


def test_a_secret_is_made_as_user_and_password_or_chosen():
    CONNECTOR.check_secret(CONNECTOR.generate_secret(bytes(range(32))))
    for secret in (
        "",
        "no-colon-in-this-one",
        "user:short",
        ":no-user-before-this-one",
        "user:é" + "x" * 20,
        "u:" + "x" * 200,
    ):
        with pytest.raises(InvalidError) as excinfo:
            CONNECTOR.check_secret(secret)
        assert [fault.pointer for fault in excinfo.value.faults] == ["/secret"]


def make_event(action="change", data=None, previous=None, **meta):
    meta_fields = {
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
    meta_fields = {
        member_name: value for member_name, value in meta_fields.items() if value is not ...
    }
    return json.dumps({"meta": meta_fields, "data": data, "previous": previous}).encode()


def translate_single(raw, mapping=MAPPING, account="7"):
    translation = sample_deliveries.translate_body(CONNECTOR, raw, account, mapping)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_a_change_has_the_key_of_the_design_and_the_time_of_the_event():
    change = translate_single(make_event(data={"id": 42, "value": 10, "status": "open"}))
    assert change.key == "pd2|7|an-event"
    assert (change.entity, change.at) == (
        "deal:42",
        datetime(2026, 10, 12, 14, 5, 10, 4000, tzinfo=UTC),
    )
    assert change.fields == {"value": 10, "status": "open"}


def test_a_timestamp_of_ten_characters_is_seconds():
    assert translate_single(make_event(data={}, timestamp="1791813910")).at == datetime(
        2026, 10, 12, 14, 5, 10, tzinfo=UTC
    )


def test_a_retry_is_the_same_change():
    first, retried = (
        translate_single(make_event(data={"status": "won"}, attempt=attempt)) for attempt in (1, 4)
    )
    assert first == retried


def test_null_zero_empty_text_and_absent_are_distinguished_in_typed_custom_fields_too():
    field_hash = "d4de1c1518b4531717c676029a45911c340390a6"
    change = translate_single(
        make_event(
            data={"value": 0, "currency": "", "stage_id": None, "custom_fields": {field_hash: None}}
        )
    )
    assert change.fields == {"value": 0, "currency": None, "stage_id": None, SEGMENT: None}
    typed_field = {"type": "enum", "id": 3, "value": "smb"}
    assert translate_single(
        make_event(data={"custom_fields": {field_hash: typed_field}})
    ).fields == {SEGMENT: "smb"}
    assert translate_single(make_event(data={"custom_fields": {}})).fields == {}


def test_a_monetary_custom_field_may_be_the_amount():
    spec = {
        "value": {"property": "/custom_fields/aa/value"},
        "unit": {"property": "/custom_fields/aa/currency"},
    }
    raw = make_event(
        data={
            "status": "won",
            "custom_fields": {"aa": {"type": "monetary", "value": 99.5, "currency": "SEK"}},
        }
    )
    mapping = sample_deliveries.resolve_mapping(CONNECTOR, spec)
    won = sample_deliveries.fold_events([translate_single(raw, mapping)], mapping)["deal.won"]
    assert (won.value, won.unit) == (99 * FIXED_SCALE + FIXED_SCALE // 2, "SEK")


def test_an_amount_beyond_two_to_the_53_is_exact():
    assert (
        translate_single(
            make_event(data={"value": 9007199254740993}),
            sample_deliveries.resolve_mapping(CONNECTOR),
        ).fields["value"]
        == 9007199254740993
    )


def test_a_reopened_deal_keeps_first_won_time_and_is_not_won():
    change = translate_single(
        make_event(
            data={"status": "open", "first_won_time": "2026-10-01T00:00:00Z"},
            previous={"status": "won"},
        )
    )
    assert "deal.won" not in sample_deliveries.fold_events([change], MAPPING)


def test_a_deal_that_was_won_before_is_dated_by_its_won_time_and_one_that_is_won_now_by_the_event():
    data = {
        "status": "won",
        "won_time": "2026-09-01T10:00:00Z",
        "close_time": "2026-09-01T10:00:00Z",
    }
    won_before = translate_single(make_event(data=data, previous={"title": "old"}))
    assert sample_deliveries.fold_events([won_before], MAPPING)["deal.won"].time == datetime(
        2026, 9, 1, 10, tzinfo=UTC
    )
    won_now = translate_single(make_event(data=data, previous={"status": "open"}))
    assert sample_deliveries.fold_events([won_now], MAPPING)["deal.won"].time == won_now.at


def test_a_deleted_deal_is_not_lost_and_a_restored_one_is_back():
    deleted = translate_single(make_event("delete"))
    restored = translate_single(
        make_event(
            data={"status": "won", "is_deleted": False}, previous={"is_deleted": True}, id="b"
        )
    )
    assert (deleted.verb, deleted.fields) == ("deleted", {})
    assert restored.verb == "restored"
    assert (
        translate_single(make_event(data={"is_deleted": True}, previous={"is_deleted": False})).verb
        == "deleted"
    )


def test_a_merge_is_reported_by_either_side():
    merged = translate_single(make_event("delete", entity_id="43", merged_to_id="42"))
    assert (merged.entity, merged.verb, merged.other) == ("deal:43", "merged", "deal:42")
    survivor, absorbed = sample_deliveries.translate_body(
        CONNECTOR, make_event(data={"value": 5}, merged_from_id="43"), "7", MAPPING
    ).changes
    assert (survivor.entity, survivor.fields) == ("deal:42", {"value": 5})
    assert (absorbed.entity, absorbed.verb, absorbed.other) == ("deal:43", "merged", "deal:42")
    assert absorbed.key != survivor.key


@pytest.mark.parametrize(
    "entity", ["lead", "person", "organization", "product", "deal_product", "stage", "note"]
)
def test_what_is_no_deal_and_no_activity_is_ignored(entity):
    translation = sample_deliveries.translate_body(
        CONNECTOR, make_event(data={}, entity=entity), "7", MAPPING
    )
    assert (translation.changes, translation.rejects, translation.ignored) == ((), (), 1)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"{}", "no object 'meta'"),
        (make_event(data={}, company_id="8"), "company_id 8, not of 7"),
        (make_event(data={}, company_id=...), "company_id"),
        (make_event(data={}, id=...), "meta.id"),
        (make_event(data={}, entity_id="a/b"), "meta.entity_id"),
        (make_event(data={}, timestamp="soon"), "meta.timestamp"),
        (make_event(data=None), "no object 'data'"),
        (b'{"meta": {"object": "deal", "action": "updated"}, "current": {}}', "version 1"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside_with_its_reason(raw, message):
    translation = sample_deliveries.translate_body(CONNECTOR, raw, "7", MAPPING)
    assert translation.changes == ()
    assert message in translation.rejects[0].problem


@pytest.mark.parametrize("raw", [b"[]", b"7", b"", b"{", b"\xff", b'{"a": NaN}', b'{"a":1,"a":2}'])
def test_an_authentic_body_that_cannot_be_read_is_malformed(raw):
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, raw)


def test_the_samples_are_one_deal_in_whatever_order_and_however_often_they_come():
    for names in permutations(["created.json", "moved.json", "won.json", "corrected.json"]):
        events = sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *names, *names, account="7551234"),
            MAPPING,
            "deal:1042",
        )
        assert sorted(events) == ["deal.created", "deal.moved", "deal.won"]
        won = events["deal.won"]
        assert (won.value, won.unit) == (19_800 * FIXED_SCALE, "EUR")
        assert won.time == datetime(2026, 10, 20, 9, 15, 30, 518_000, tzinfo=UTC)
        assert events["deal.created"].data == {"pipeline": "1", "stage": "1"}


def test_the_samples_carry_the_custom_field_that_is_mapped():
    changes = sample_deliveries.read_changes(CONNECTOR, "created.json", "won.json", mapping=MAPPING)
    assert (
        sample_deliveries.fold_events(changes, MAPPING)["deal.won"].data["segment"] == "enterprise"
    )


def test_the_sample_deal_is_reopened_merged_and_deleted():
    won_files = ("created.json", "moved.json", "won.json")
    assert "deal.won" not in sample_deliveries.fold_events(
        sample_deliveries.read_changes(CONNECTOR, *won_files, "reopened.json"), MAPPING
    )
    merged = sample_deliveries.read_changes(CONNECTOR, "merged_from.json", "merged_to.json")
    assert {(change.entity, change.other) for change in merged if change.verb == "merged"} == {
        ("deal:1043", "deal:1042")
    }
    assert (
        sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *won_files, "deleted.json"), MAPPING
        )
        == {}
    )


def test_the_sample_meeting_is_held_at_its_time_for_its_deal():
    changes = sample_deliveries.read_changes(CONNECTOR, "meeting_done.json")
    assert activities.find_deal(changes) == "deal:1042"
    (held_event,) = activities.project_events(
        changes,
        "deal:1042",
        sample_deliveries.read_changes(CONNECTOR, "created.json"),
        MAPPING,
        "sales",
    ).events
    assert (held_event.type, held_event.time) == (
        "meeting.held",
        datetime(2026, 10, 8, 13, tzinfo=UTC),
    )
    assert (held_event.subject, held_event.data["stage"]) == ("deal/1042", "1")


def translate_activity(data, previous=None, action="change"):
    raw = make_event(action, data, previous, entity="activity", entity_id="5")
    return [
        (change.entity, change.verb, change.other)
        for change in sample_deliveries.translate_body(CONNECTOR, raw, "7", MAPPING).changes
    ]


def test_an_activity_moves_between_deals_and_kinds_and_is_deleted():
    assert translate_activity({"type": "call", "deal_id": 2}, {"deal_id": 1}) == [
        ("call:5", "changed", None),
        ("call:5", "dissociated", "deal:1"),
        ("call:5", "associated", "deal:2"),
    ]
    assert translate_activity({"type": "meeting"}, {"type": "call"}) == [
        ("call:5", "deleted", None),
        ("meeting:5", "changed", None),
    ]
    assert translate_activity(None, {"type": "call", "deal_id": 1}, "delete") == [
        ("call:5", "deleted", None)
    ]
    assert translate_activity({"type": "lunch"}) == []


def test_an_activity_that_is_not_done_is_not_held():
    raw = make_event(
        data={"type": "call", "due_date": "2026-10-01", "done": False}, entity="activity"
    )
    changes = sample_deliveries.translate_body(CONNECTOR, raw, "7", MAPPING).changes
    assert activities.project_events(changes, None, (), MAPPING, "sales").events == ()


PRODUCT_MAPPING = sample_deliveries.resolve_mapping(
    CONNECTOR, {"line_items": {"offering": {"property": "product_id", "map": {"9": "onboarding"}}}}
)


def make_product_event(number, action="change", previous=None, **data):
    record = (
        {"id": 77, "deal_id": 42, "product_id": 9, "is_enabled": True, **data}
        if action != "delete"
        else None
    )
    meta = {"entity": "deal_product", "entity_id": "77", "id": f"p-{number}"}
    return make_event(
        action=action,
        data=record,
        previous=previous,
        timestamp=f"2026-10-12T14:05:{number:02d}Z",
        **meta,
    )


def sold_offerings(*product_events):
    won = make_event(data={"id": 42, "value": 10, "status": "won"})
    changes = [
        change
        for raw_event in (won, *product_events)
        for change in sample_deliveries.translate_body(
            CONNECTOR, raw_event, "7", PRODUCT_MAPPING
        ).changes
    ]
    (won_event,) = project_events(
        "deal:42", record_set_from(changes), PRODUCT_MAPPING, "sales"
    ).events
    return dict(won_event.offerings)


def test_the_products_of_a_deal_are_what_was_sold():
    added = make_product_event(1, "create", sum=30, item_price=10, quantity=3)
    assert sold_offerings(added) == sold_offerings(added, added) == {"onboarding": 30 * FIXED_SCALE}
    assert sold_offerings(make_product_event(2, sum=20), added) == {"onboarding": 20 * FIXED_SCALE}
    assert sold_offerings(make_product_event(1, "create", item_price=10, quantity=2.5)) == {
        "onboarding": 25 * FIXED_SCALE
    }
    assert sold_offerings(added, make_product_event(2, is_enabled=False, sum=30)) == {}
    assert sold_offerings(
        added, make_product_event(2, is_enabled=False), make_product_event(3, is_enabled=True)
    ) == {"onboarding": 30 * FIXED_SCALE}
    assert sold_offerings(added, make_product_event(2, "delete")) == {}
    assert sold_offerings(added, make_product_event(2, deal_id=43, previous={"deal_id": 42})) == {}
    assert sold_offerings(make_product_event(1, "create", product_id=8, sum=30)) == {}


def test_products_are_ignored_where_no_rule_says_what_they_are():
    assert (
        sample_deliveries.translate_body(
            CONNECTOR, make_product_event(1, "create", sum=30), "7", MAPPING
        ).ignored
        == 1
    )
    assert (
        len(
            sample_deliveries.translate_body(
                CONNECTOR, make_product_event(1, deal_id=None), "7", PRODUCT_MAPPING
            ).rejects
        )
        == 1
    )
