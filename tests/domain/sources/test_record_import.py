"""Imported records are dated snapshots. Equal records make equal changes."""

from datetime import UTC, datetime

import pytest

from app.connectors.hubspot import DEFAULT_MAPPING
from app.connectors.registry import RECORD_ID_PROPERTIES
from app.domain.primitives.errors import MalformedError
from app.domain.sources.mapping.generic_envelope import ParsedRecords
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.mapping.mapping_parser import parse_mapping
from app.domain.sources.record_import import parse_record_import

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MAPPING = parse_mapping({"data": {"size": {"property": "/custom/size"}}}, DEFAULT_MAPPING)


def parse_body(
    body: object, mapping: DealMapping = MAPPING, received_at: datetime = NOW
) -> ParsedRecords:
    return parse_record_import(body, mapping, received_at, RECORD_ID_PROPERTIES)


def read_import(*records: object, **options: object) -> ParsedRecords:
    return parse_body({"records": list(records), **options})


def test_a_record_is_a_snapshot_of_the_properties_that_the_mapping_reads():
    ((_, first), (_, second)) = read_import(
        {"id": 7, "amount": "", "custom": {"size": 3}, "name": "x"}, {"id": "8", "amount": 0}
    ).changes
    assert (first.entity, first.verb, first.at, first.fields) == (
        "deal:7",
        "snapshot",
        NOW,
        {"amount": None, "/custom/size": 3},
    )
    assert second.fields == {"amount": 0}


def test_columns_of_a_table_may_be_named_by_their_pointer():
    ((_, change),) = read_import({"Record ID": "7", "/custom/size": "3"}).changes
    assert change.fields == {"/custom/size": "3"}


def test_a_snapshot_has_its_own_time_or_else_the_time_of_the_import():
    dated_record = {"id": 7, "amount": 1, "hs_lastmodifieddate": "2026-10-01T00:00:00Z"}
    ((_, first), (_, second)) = read_import(
        dated_record, {"id": 8, "amount": 1}, taken_at="2026-11-01T00:00:00Z"
    ).changes
    assert (first.at.isoformat(), second.at.isoformat()) == (
        "2026-10-01T00:00:00+00:00",
        "2026-11-01T00:00:00+00:00",
    )
    later_changes = parse_body(
        {"records": [{"id": 9, "amount": 1}]}, MAPPING, datetime(2026, 12, 1, tzinfo=UTC)
    ).changes
    assert (
        later_changes[0][1].key == read_import({"id": 9, "amount": 1}).changes[0][1].key
    )  # a repeated import has equal keys


def test_an_unreadable_record_has_a_problem_and_a_repetition_is_ignored():
    batch = read_import({"id": 7, "amount": 1}, {"id": 7, "amount": 1}, {"amount": 1}, 5, {"id": 7})
    assert ([index for index, _ in batch.problems], batch.ignored_count, len(batch.changes)) == (
        [2, 3, 4],
        1,
        1,
    )


@pytest.mark.parametrize(
    "body",
    [[], {"records": {}}, {"records": [], "taken_at": "soon"}, {"records": [], "taken_at": 5}],
)
def test_a_body_without_records_is_malformed(body: object):
    with pytest.raises(MalformedError):
        parse_body(body, MAPPING, NOW)


@pytest.mark.parametrize("name", ["createdate", "closedate", "hs_lastmodifieddate"])
def test_a_record_with_a_date_that_cannot_be_read_is_set_aside_with_its_date(name: str):
    batch = read_import(
        {"id": 7, "dealstage": "contractsent", name: "31/12/2025"},
        {"id": 8, "amount": "1", name: ""},
    )
    ((index, problem),) = batch.problems
    assert (index, [change.entity for _, change in batch.changes]) == (0, ["deal:8"])
    assert problem.startswith(f"Its {name}, '31/12/2025', cannot be read as a time")


UNDATED_PROBLEM = "It is won and has no closedate: it would be dated by the import."


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"dealstage": "closedwon"}, UNDATED_PROBLEM),
        ({"dealstage": "closedwon", "closedate": ""}, UNDATED_PROBLEM),
        ({"dealstage": "closedlost", "closedate": None}, UNDATED_PROBLEM.replace("won", "lost", 1)),
        (
            {"dealstage": "closedwon", "closedate": "2026-12-01"},
            UNDATED_PROBLEM.replace(" and has no", ", and its").replace(
                ":", " lies after 2026-11-23 00:00 UTC, when that was so:"
            ),
        ),
    ],
)
def test_a_closed_deal_that_only_the_import_would_date_is_set_aside(
    record: dict[str, object], problem: str
):
    assert read_import({"id": 7, **record}).problems == ((0, problem),)
    assert read_import({"id": 7, **record, "hs_lastmodifieddate": "2026-10-01"}).problems == (), (
        "the CRM says when, at latest"
    )
    assert read_import({"id": 7, **record, "dealstage": "contractsent"}).problems == (), (
        "an open deal needs no date"
    )


def test_a_mapping_without_a_closing_date_sets_closed_deals_aside():
    undated_mapping = parse_mapping({"closed_at": None}, DEFAULT_MAPPING)
    batch = parse_body(
        {"records": [{"id": 7, "dealstage": "closedwon", "closedate": "2026-10-02"}]},
        undated_mapping,
        NOW,
    )
    assert "the mapping has no closed_at" in batch.problems[0][1]


def test_a_generic_record_has_its_own_time():
    spec = {
        "entity": {"type": "deal", "id": "/id"},
        "occurred_at": {"property": "/at"},
        "status": {"property": "/state", "map": {"won": "won"}},
    }
    record = {"id": 7, "state": "won", "at": "2026-10-02"}
    ((_, change),) = parse_body(
        {"records": [record]}, parse_mapping(spec, {}, "generic"), NOW
    ).changes
    assert change.at == datetime(2026, 10, 2, tzinfo=UTC)


LINE_ITEM_MAPPING = parse_mapping(
    {"line_items": {"offering": {"property": "hs_sku"}, "value": {"property": "amount"}}},
    DEFAULT_MAPPING,
)


def import_with_line_items(*line_items: object) -> ParsedRecords:
    return parse_body(
        {
            "records": [
                {"id": 7, "amount": 1, "line_items": list(line_items)},
                {"id": 8, "amount": 1},
            ]
        },
        LINE_ITEM_MAPPING,
        NOW,
    )


def test_a_record_s_line_items_are_associated_with_its_deal():
    batch = import_with_line_items(
        {"id": 70, "properties": {"hs_sku": "care", "amount": "5"}}, {"hs_sku": "help", "amount": 6}
    )
    change_rows = [
        (index, change.entity, change.verb, change.other, change.fields)
        for index, change in batch.changes
    ]
    assert change_rows[1:5] == [
        (0, "line_item:70", "snapshot", None, {"hs_sku": "care", "amount": "5"}),
        (0, "line_item:70", "associated", "deal:7", {}),
        (0, "line_item:7.2", "snapshot", None, {"hs_sku": "help", "amount": 6}),
        (0, "line_item:7.2", "associated", "deal:7", {}),
    ]
    assert (len(change_rows), batch.ignored_count) == (6, 0)
    assert len(read_import({"id": 7, "amount": 1, "line_items": [{"id": 70}]}).changes) == 1, (
        "the mapping reads none"
    )


@pytest.mark.parametrize("line_items", [[5], [{"id": "a/b"}]])
def test_a_record_with_an_invalid_line_item_is_set_aside(line_items: list[object]):
    batch = import_with_line_items(*line_items)
    assert ([index for index, _ in batch.problems], len(batch.changes)) == ([0], 1)


def test_a_record_with_line_items_that_are_no_list_is_set_aside():
    batch = parse_body(
        {"records": [{"id": 7, "amount": 1, "line_items": {}}]}, LINE_ITEM_MAPPING, NOW
    )
    assert batch.problems == ((0, "Its line_items are no list."),)
