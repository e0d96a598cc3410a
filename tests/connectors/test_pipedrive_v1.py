"""Pipedrive's webhooks of version 1: no event id, doubles, and times without a zone."""

import json
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.pipedrive import PipedriveV1Connector
from app.domain.primitives.decimals import FIXED_SCALE
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm import activities
from tests.support import sample_deliveries

CONNECTOR = PipedriveV1Connector()
SEGMENT = "d4de1c1518b4531717c676029a45911c340390a6"
MAPPING = sample_deliveries.resolve_mapping(CONNECTOR, {"data": {"segment": {"property": SEGMENT}}})
TIMESTAMP = 1791813910  # 2026-10-12T14:05:10Z


def make_event(action="updated", current=None, previous=None, **meta):
    meta_fields = {
        "action": action,
        "object": "deal",
        "id": 42,
        "company_id": 7,
        "timestamp": TIMESTAMP,
    } | meta
    meta_fields = {
        member_name: value for member_name, value in meta_fields.items() if value is not ...
    }
    return json.dumps(
        {"v": 1, "meta": meta_fields, "current": current, "previous": previous, "retry": 0}
    ).encode()


def translate_single(raw):
    translation = sample_deliveries.translate_body(CONNECTOR, raw, "7", MAPPING)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_times_without_a_zone_are_utc():
    change = translate_single(
        make_event(
            current={"value": 5, "update_time": "2026-10-12 14:05:10"}, previous={"value": 4}
        )
    )
    assert change.at == datetime(2026, 10, 12, 14, 5, 10, tzinfo=UTC)
    assert change.key.startswith("pd1|7|deal|42|updated|2026-10-12 14:05:10|")


def test_one_edit_that_fires_twice_is_one_change_though_its_counters_have_moved():
    before = {"value": 4, "activities_count": 1, "update_time": "2026-10-12 13:00:00"}
    after = {"value": 5, "update_time": "2026-10-12 14:05:10"}
    changes = [
        translate_single(
            make_event(
                current={**after, "activities_count": count},
                previous=before,
                timestamp=TIMESTAMP + count,
                webhook_id=str(count),
            )
        )
        for count in (2, 3)
    ]
    assert (changes[0].key, changes[0].at) == (changes[1].key, changes[1].at)


def test_two_edits_in_one_second_are_two_changes_in_their_order():
    update_time = {"update_time": "2026-10-12 14:05:10"}
    first, second = (
        translate_single(
            make_event(
                current={"value": n, **update_time},
                previous={"value": 0},
                timestamp_micro=TIMESTAMP * 10**6 + n,
            )
        )
        for n in (9, 10)
    )
    assert first.key != second.key
    assert (first.at, first.sequence < second.sequence) == (second.at, True)


def test_null_zero_and_absent_are_distinguished():
    change = translate_single(
        make_event(current={"value": 0, "currency": None, SEGMENT: ""}, previous={"value": 1})
    )
    assert change.fields == {"value": 0, "currency": None, SEGMENT: None}


def test_users_that_come_as_one_element_lists_can_be_mapped():
    mapping = sample_deliveries.resolve_mapping(
        CONNECTOR, {"team": {"property": "/user_id/0/id", "map": {"23012": "marketing"}}}
    )
    changes = sample_deliveries.read_changes(CONNECTOR, "added.json", mapping=mapping)
    assert sample_deliveries.fold_events(changes, mapping)["deal.created"].team == "marketing"


def test_the_samples_give_the_same_deal_in_every_order():
    for names in permutations(["added.json", "moved.json", "won.json", "corrected.json"]):
        events = sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *names, *names, account="7551234"), MAPPING
        )
        assert sorted(events) == ["deal.created", "deal.moved", "deal.won"]
        won = events["deal.won"]
        assert (won.value, won.unit, won.time) == (
            19_800 * FIXED_SCALE,
            "EUR",
            datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
        )


def test_the_sample_deal_is_reopened_and_deleted_and_a_merge_tells_its_new_amount():
    won_files = ("added.json", "moved.json", "won.json")
    assert "deal.won" not in sample_deliveries.fold_events(
        sample_deliveries.read_changes(CONNECTOR, *won_files, "reopened.json"), MAPPING
    )
    assert (
        sample_deliveries.fold_events(
            sample_deliveries.read_changes(CONNECTOR, *won_files, "deleted.json"), MAPPING
        )
        == {}
    )
    (merged,) = sample_deliveries.read_changes(
        CONNECTOR, "merged.json"
    )  # the event does not name the absorbed deal, which is deleted by another one
    assert (merged.entity, merged.verb, merged.fields["value"]) == ("deal:1042", "snapshot", 25_000)


def test_a_deal_is_deleted_by_its_flag_and_restored():
    assert (
        translate_single(make_event(current={"deleted": True}, previous={"deleted": False})).verb
        == "deleted"
    )
    assert (
        translate_single(make_event(current={"deleted": False}, previous={"deleted": True})).verb
        == "restored"
    )


def test_an_activity_is_held_when_it_is_done_and_belongs_to_its_deal():
    previous = {
        "type": "call",
        "done": False,
        "deal_id": 1,
        "due_date": "2026-10-12",
        "due_time": "09:30",
    }
    raw = make_event(
        current={**previous, "done": True, "deal_id": 2}, previous=previous, object="activity", id=5
    )
    changes = sample_deliveries.translate_body(CONNECTOR, raw, "7", MAPPING).changes
    assert activities.find_deal(changes) == "deal:2"
    (held_event,) = activities.project_events(changes, "deal:2", (), MAPPING, "sales").events
    assert (held_event.type, held_event.time) == (
        "call.held",
        datetime(2026, 10, 12, 9, 30, tzinfo=UTC),
    )
    deletions = sample_deliveries.translate_body(
        CONNECTOR, make_event("deleted", None, previous, object="activity", id=5), "7", MAPPING
    ).changes
    assert [(change.entity, change.verb) for change in deletions] == [("call:5", "deleted")]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (make_event(current={}, company_id=8), "company_id 8, not of 7"),
        (make_event(current={}, id=...), "meta.id"),
        (make_event(current={}, timestamp=...), "no time"),
        (make_event("added", None), "no object 'current'"),
        (b'{"meta": {"entity": "deal", "action": "change"}}', "version 2"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside_with_its_reason(raw, message):
    translation = sample_deliveries.translate_body(CONNECTOR, raw, "7", MAPPING)
    assert translation.changes == ()
    assert message in translation.rejects[0].problem


def test_what_is_no_deal_and_no_activity_is_ignored():
    assert (
        sample_deliveries.translate_body(
            CONNECTOR, make_event(current={}, object="person"), "7", MAPPING
        ).ignored
        == 1
    )


def test_a_list_is_malformed():
    with pytest.raises(MalformedError):
        sample_deliveries.translate_body(CONNECTOR, b"[]")
