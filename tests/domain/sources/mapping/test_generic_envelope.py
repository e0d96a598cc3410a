"""Records of a generic source become changes by its mapping, or problems."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.domain.primitives import strict_json
from app.domain.sources.mapping.generic_envelope import parse_records
from app.domain.sources.mapping.mapping_parser import parse_mapping

MAPPING_SPEC = {
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


def read_body(body, **overrides):
    mapping = parse_mapping({**MAPPING_SPEC, **overrides}, {}, "generic")
    assert mapping.envelope is not None
    parsed_body = strict_json.loads(json.dumps(body).encode())
    return parse_records(parsed_body, mapping.envelope, mapping.properties())


def test_a_record_is_a_change_with_the_properties_that_the_mapping_reads():
    batch = read_body(RECORD)
    ((index, change),) = batch.changes
    assert (index, change.entity, change.verb, change.at) == (
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
    ((_, change),) = read_body({**RECORD, "data": {"id": 9007199254740993, "amount": 0.1}}).changes
    assert change.entity == "deal:9007199254740993"
    assert change.fields["/data/amount"] == Decimal("0.1")


def test_null_is_a_field_and_an_absent_property_is_not():
    ((_, change),) = read_body({**RECORD, "data": {"id": "42", "amount": None}}).changes
    assert change.fields == {"/type": "deal.won", "/data/amount": None}


def test_a_deletion_has_no_fields():
    ((_, change),) = read_body({**RECORD, "type": "deal.deleted"}).changes
    assert (change.verb, change.fields) == ("deleted", {})


def test_records_are_the_body_or_a_list_or_found_by_the_each_pointer():
    second_record = {**RECORD, "id": "evt-2"}
    assert len(read_body([RECORD, second_record]).changes) == 2
    assert len(read_body({"events": [RECORD, second_record]}, each="/events").changes) == 2
    assert read_body({"events": {}}, each="/events") is None
    assert read_body("nothing") is None


def test_records_that_fail_the_conditions_and_repetitions_are_ignored():
    batch = read_body([RECORD, {**RECORD, "type": "contact.created"}, RECORD, 5])
    assert (len(batch.changes), batch.ignored_count, batch.problems) == (1, 3, ())


def test_an_unreadable_record_is_rejected_with_its_index():
    record_without_id = {**RECORD, "data": {}}
    record_without_time = {**RECORD, "timestamp": "yesterday"}
    batch = read_body([RECORD, record_without_id, record_without_time, 5], when=[])
    assert [index for index, _ in batch.problems] == [1, 2, 3]
    assert [index for index, _ in batch.changes] == [0]


def test_changes_are_deduplicated_by_id_or_by_content_without_dedupe():
    changed_record = {**RECORD, "data": {"id": 42, "amount": 5}}
    assert len(read_body([RECORD, changed_record]).changes) == 1
    assert len(read_body([RECORD, changed_record, RECORD], dedupe=[]).changes) == 2


def test_the_sequence_orders_changes_of_one_instant():
    ((_, change),) = read_body({**RECORD, "n": 7}, sequence={"property": "/n"}).changes
    assert change.sequence == "7"


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ({"property": "/n", "equals": 5}, True),
        ({"property": "/n", "in": ["4", "6"]}, False),
        ({"property": "/n", "exists": True}, True),
        ({"property": "/m", "exists": False}, True),
        ({"property": "/data", "exists": True}, True),
        ({"property": "/none", "exists": True}, False),
    ],
)
def test_a_condition_is_in_equals_or_exists(condition, is_met):
    assert len(read_body({**RECORD, "n": 5, "none": None}, when=[condition]).changes) == is_met
