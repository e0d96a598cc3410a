"""Pipedrive's webhooks of version 1: no event id, doubles, and times without a zone."""

import json
from datetime import UTC, datetime
from itertools import permutations

import pytest

from app.connectors.pipedrive import PipedriveV1
from app.domain.primitives.decimals import ONE
from app.domain.primitives.errors import MalformedError
from app.domain.sources.crm import activities
from tests.support import samples

CONNECTOR = PipedriveV1()
SEGMENT = "d4de1c1518b4531717c676029a45911c340390a6"
MAPPING = samples.mapped(CONNECTOR, {"data": {"segment": {"property": SEGMENT}}})
STAMP = 1791813910  # 2026-10-12T14:05:10Z


def event(action="updated", current=None, previous=None, **meta):
    said = {
        "action": action,
        "object": "deal",
        "id": 42,
        "company_id": 7,
        "timestamp": STAMP,
    } | meta
    said = {name: value for name, value in said.items() if value is not ...}
    return json.dumps(
        {"v": 1, "meta": said, "current": current, "previous": previous, "retry": 0}
    ).encode()


def only(raw):
    translation = samples.said(CONNECTOR, raw, "7", MAPPING)
    assert (len(translation.changes), translation.rejects) == (1, ())
    return translation.changes[0]


def test_times_without_a_zone_are_utc():
    change = only(
        event(current={"value": 5, "update_time": "2026-10-12 14:05:10"}, previous={"value": 4})
    )
    assert change.at == datetime(2026, 10, 12, 14, 5, 10, tzinfo=UTC)
    assert change.key.startswith("pd1|7|deal|42|updated|2026-10-12 14:05:10|")


def test_one_edit_that_fires_twice_is_one_change_though_its_counters_have_moved():
    before = {"value": 4, "activities_count": 1, "update_time": "2026-10-12 13:00:00"}
    told = [
        only(event(current={"value": 5, "activities_count": n, "update_time": "2026-10-12 14:05:10"}, previous=before,
                   timestamp=STAMP + n, webhook_id=str(n)))
        for n in (2, 3)
    ]  # fmt: skip
    assert (told[0].key, told[0].at) == (told[1].key, told[1].at)


def test_two_edits_in_one_second_are_two_changes_in_their_order():
    stamp = {"update_time": "2026-10-12 14:05:10"}
    one, other = (
        only(
            event(
                current={"value": n, **stamp},
                previous={"value": 0},
                timestamp_micro=STAMP * 10**6 + n,
            )
        )
        for n in (9, 10)
    )
    assert one.key != other.key
    assert (one.at, one.sequence < other.sequence) == (other.at, True)


def test_null_zero_and_absent_are_told_apart():
    told = only(event(current={"value": 0, "currency": None, SEGMENT: ""}, previous={"value": 1}))
    assert told.fields == {"value": 0, "currency": None, SEGMENT: None}


def test_users_that_come_as_one_element_lists_can_be_mapped():
    mapping = samples.mapped(
        CONNECTOR, {"team": {"property": "/user_id/0/id", "map": {"23012": "marketing"}}}
    )
    told = samples.changes(CONNECTOR, "added.json", mapping=mapping)
    assert samples.events(told, mapping)["deal.created"].team == "marketing"


def test_the_sample_life_is_the_same_in_every_order():
    for names in permutations(["added.json", "moved.json", "won.json", "corrected.json"]):
        found = samples.events(
            samples.changes(CONNECTOR, *names, *names, account="7551234"), MAPPING
        )
        assert sorted(found) == ["deal.created", "deal.moved", "deal.won"]
        won = found["deal.won"]
        assert (won.value, won.unit, won.time) == (
            19_800 * ONE,
            "EUR",
            datetime(2026, 10, 20, 9, 15, 30, tzinfo=UTC),
        )


def test_the_sample_deal_is_reopened_and_deleted_and_a_merge_tells_its_new_amount():
    won = ("added.json", "moved.json", "won.json")
    assert "deal.won" not in samples.events(
        samples.changes(CONNECTOR, *won, "reopened.json"), MAPPING
    )
    assert samples.events(samples.changes(CONNECTOR, *won, "deleted.json"), MAPPING) == {}
    (merged,) = samples.changes(
        CONNECTOR, "merged.json"
    )  # it does not say which deal was absorbed: that one is deleted
    assert (merged.entity, merged.verb, merged.fields["value"]) == ("deal:1042", "snapshot", 25_000)


def test_a_deal_is_deleted_by_its_flag_and_restored():
    assert only(event(current={"deleted": True}, previous={"deleted": False})).verb == "deleted"
    assert only(event(current={"deleted": False}, previous={"deleted": True})).verb == "restored"


def test_an_activity_is_held_when_it_is_done_and_belongs_to_its_deal():
    was = {
        "type": "call",
        "done": False,
        "deal_id": 1,
        "due_date": "2026-10-12",
        "due_time": "09:30",
    }
    raw = event(current={**was, "done": True, "deal_id": 2}, previous=was, object="activity", id=5)
    told = samples.said(CONNECTOR, raw, "7", MAPPING).changes
    assert activities.deal_of(told) == "deal:2"
    (held,) = activities.fold(told, "deal:2", (), MAPPING, "sales").events
    assert (held.type, held.time) == ("call.held", datetime(2026, 10, 12, 9, 30, tzinfo=UTC))
    gone = samples.said(
        CONNECTOR, event("deleted", None, was, object="activity", id=5), "7", MAPPING
    ).changes
    assert [(one.entity, one.verb) for one in gone] == [("call:5", "deleted")]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (event(current={}, company_id=8), "company_id 8, not of 7"),
        (event(current={}, id=...), "meta.id"),
        (event(current={}, timestamp=...), "no time"),
        (event("added", None), "no object 'current'"),
        (b'{"meta": {"entity": "deal", "action": "change"}}', "version 2"),
    ],
)
def test_an_event_that_cannot_be_understood_is_set_aside_with_its_reason(raw, sentence):
    translation = samples.said(CONNECTOR, raw, "7", MAPPING)
    assert translation.changes == ()
    assert sentence in translation.rejects[0].problem


def test_what_is_no_deal_and_no_activity_is_ignored():
    assert samples.said(CONNECTOR, event(current={}, object="person"), "7", MAPPING).ignored == 1


def test_a_list_is_malformed():
    with pytest.raises(MalformedError):
        samples.said(CONNECTOR, b"[]")
