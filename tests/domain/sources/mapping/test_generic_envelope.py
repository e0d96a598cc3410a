"""A generic source's records become changes as its mapping says, or are set aside with a sentence."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.domain.primitives import strict_json
from app.domain.primitives.errors import InvalidError
from app.domain.sources.mapping.generic_envelope import read
from app.domain.sources.mapping.mapping import parse

OWN = {  # crm-webhooks.md, 8.3
    "version": 1,
    "when": [{"property": "/type", "in": ["deal.won", "deal.lost", "deal.deleted"]}],
    "kind": {"property": "/type", "map": {"deal.deleted": "deleted"}, "default": "snapshot"},
    "entity": {"type": "deal", "id": "/data/id"},
    "occurred_at": {"property": "/timestamp", "format": "rfc3339"},
    "status": {"property": "/type", "map": {"deal.won": "won", "deal.lost": "lost"}},
    "value": {"property": "/data/amount", "scale": -2},
    "unit": {"property": "/data/currency", "upper": True, "default": "EUR"},
    "team": {
        "first_of": ["/data/owner/id", "/data/owner"],
        "map": {"7": "sales"},
        "default": "sales",
    },
    "data": {"region": {"property": "/data/place", "split": {"by": "/", "index": 1}}},
    "dedupe": ["/id"],
}
RECORD = {
    "id": "evt-1",
    "type": "deal.won",
    "timestamp": "2026-10-02T12:00:00Z",
    "data": {
        "id": 42,
        "amount": 120050,
        "currency": "eur",
        "owner": {"id": 7},
        "place": "eu/north",
    },
}


def records(body, **changed):
    mapping = parse({**OWN, **changed}, {}, "generic")
    assert mapping.envelope is not None
    exact = strict_json.loads(json.dumps(body).encode())
    return read(exact, mapping.envelope, mapping.properties())


def test_a_record_is_a_change_with_the_properties_that_the_mapping_reads():
    found = records(RECORD)
    ((place, change),) = found.changes
    assert (place, change.entity, change.verb, change.at) == (
        0,
        "deal:42",
        "snapshot",
        datetime(2026, 10, 2, 12, tzinfo=UTC),
    )
    assert change.fields == {
        "/type": "deal.won",
        "/data/amount": 120050,
        "/data/currency": "eur",
        "/data/owner/id": 7,
        "/data/place": "eu/north",
    }


def test_numbers_stay_exact_and_ids_beyond_a_double_keep_their_digits():
    ((_, change),) = records({**RECORD, "data": {"id": 9007199254740993, "amount": 0.1}}).changes
    assert change.entity == "deal:9007199254740993"
    assert change.fields["/data/amount"] == Decimal("0.1")


def test_null_is_known_and_what_is_not_there_is_not_mentioned():
    ((_, change),) = records({**RECORD, "data": {"id": "42", "amount": None}}).changes
    assert change.fields == {"/type": "deal.won", "/data/amount": None}


def test_a_deletion_says_nothing_of_the_fields():
    ((_, change),) = records({**RECORD, "type": "deal.deleted"}).changes
    assert (change.verb, change.fields) == ("deleted", {})


def test_records_stand_in_the_body_or_in_a_list_or_where_each_says():
    other = {**RECORD, "id": "evt-2"}
    assert len(records([RECORD, other]).changes) == 2
    assert len(records({"events": [RECORD, other]}, each="/events").changes) == 2
    assert records({"events": {}}, each="/events") is None
    assert records("nothing") is None


def test_what_does_not_meet_the_conditions_is_ignored_and_a_repetition_too():
    found = records([RECORD, {**RECORD, "type": "contact.created"}, RECORD, 5])
    assert (len(found.changes), found.ignored, found.problems) == (1, 3, ())


def test_what_cannot_be_read_is_set_aside_in_its_place():
    nameless = {**RECORD, "data": {}}
    timeless = {**RECORD, "timestamp": "yesterday"}
    found = records([RECORD, nameless, timeless, 5], when=[])
    assert [place for place, _ in found.problems] == [1, 2, 3]
    assert [place for place, _ in found.changes] == [0]


def test_the_same_id_is_the_same_change_and_without_dedupe_the_content_tells():
    again = {**RECORD, "data": {"id": 42, "amount": 5}}
    assert len(records([RECORD, again]).changes) == 1
    assert len(records([RECORD, again, RECORD], dedupe=[]).changes) == 2


def test_the_sequence_orders_changes_of_one_instant():
    ((_, change),) = records({**RECORD, "n": 7}, sequence={"property": "/n"}).changes
    assert change.sequence == "7"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"property": "/n", "equals": 5}, True),
        ({"property": "/n", "in": ["4", "6"]}, False),
        ({"property": "/n", "exists": True}, True),
        ({"property": "/m", "exists": False}, True),
        ({"property": "/data", "exists": True}, True),
        ({"property": "/none", "exists": True}, False),
    ],
)
def test_a_condition_is_in_equals_or_exists(condition, holds):
    assert len(records({**RECORD, "n": 5, "none": None}, when=[condition]).changes) == holds


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"version": 2}, "/mapping/version"),
        ({"entity": {"type": "person", "id": "/id"}}, "/mapping/entity/type"),
        ({"entity": {"type": "deal"}}, "/mapping/entity/id"),
        ({"entity": {"type": "deal", "id": "/~2"}}, "/mapping/entity/id/property"),
        ({"entity": {"type": "deal", "id": "/a" * 17}}, "/mapping/entity/id/property"),
        ({"occurred_at": None}, "/mapping/occurred_at"),
        ({"occurred_at": {"property": "/t", "format": "iso"}}, "/mapping/occurred_at/format"),
        ({"occurred_at": {"property": "/t", "zone": "Mars/Olympus"}}, "/mapping/occurred_at/zone"),
        ({"kind": {"property": "/t", "map": {"x": "won"}}}, "/mapping/kind/map/x"),
        ({"when": {}}, "/mapping/when"),
        ({"when": [{"property": "/t"}]}, "/mapping/when/0"),
        ({"when": [{"property": "/t", "in": [], "equals": 1}]}, "/mapping/when/0"),
        ({"when": [{"property": "/t", "in": [{}]}]}, "/mapping/when/0/in"),
        ({"dedupe": "/id"}, "/mapping/dedupe"),
        ({"each": 5}, "/mapping/each"),
    ],
)
def test_a_wrong_envelope_says_where(changed, pointer):
    with pytest.raises(InvalidError) as caught:
        parse({**OWN, **changed}, {}, "generic")
    assert [fault.pointer for fault in caught.value.faults] == [pointer]
