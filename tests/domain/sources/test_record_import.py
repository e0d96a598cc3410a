"""Records are snapshots, dated by what they say, equal for equal content."""

from datetime import UTC, datetime

import pytest

from app.connectors.hubspot import STOCK
from app.domain.primitives.errors import MalformedError
from app.domain.sources.mapping.generic_envelope import Records
from app.domain.sources.mapping.mapping import parse
from app.domain.sources.record_import import changes

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MAPPING = parse({"data": {"size": {"property": "/custom/size"}}}, STOCK)


def told(*records: object, **more: object) -> Records:
    return changes({"records": list(records), **more}, MAPPING, NOW)


def test_a_record_is_a_snapshot_of_the_properties_that_the_mapping_reads():
    ((_, one), (_, two)) = told(
        {"id": 7, "amount": "", "custom": {"size": 3}, "name": "x"}, {"id": "8", "amount": 0}
    ).changes
    assert (one.entity, one.verb, one.at, one.fields) == (
        "deal:7",
        "snapshot",
        NOW,
        {"amount": None, "/custom/size": 3},
    )
    assert two.fields == {"amount": 0}


def test_columns_of_a_table_may_be_named_by_their_pointer():
    ((_, one),) = told({"Record ID": "7", "/custom/size": "3"}).changes
    assert one.fields == {"/custom/size": "3"}


def test_a_snapshot_is_of_the_time_that_it_says_else_that_the_import_says():
    dated = {"id": 7, "amount": 1, "hs_lastmodifieddate": "2026-10-01T00:00:00Z"}
    ((_, one), (_, two)) = told(
        dated, {"id": 8, "amount": 1}, taken_at="2026-11-01T00:00:00Z"
    ).changes
    assert (one.at.isoformat(), two.at.isoformat()) == (
        "2026-10-01T00:00:00+00:00",
        "2026-11-01T00:00:00+00:00",
    )
    later = changes(
        {"records": [{"id": 9, "amount": 1}]}, MAPPING, datetime(2026, 12, 1, tzinfo=UTC)
    ).changes
    assert (
        later[0][1].key == told({"id": 9, "amount": 1}).changes[0][1].key
    )  # an import again says nothing new


def test_what_is_no_record_has_its_problem_and_a_repetition_is_ignored():
    found = told({"id": 7, "amount": 1}, {"id": 7, "amount": 1}, {"amount": 1}, 5, {"id": 7})
    assert ([place for place, _ in found.problems], found.ignored, len(found.changes)) == (
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
        changes(body, MAPPING, NOW)


@pytest.mark.parametrize("name", ["createdate", "closedate", "hs_lastmodifieddate"])
def test_a_record_with_a_date_that_cannot_be_read_is_set_aside_with_its_date(name: str):
    found = told(
        {"id": 7, "dealstage": "contractsent", name: "31/12/2025"},
        {"id": 8, "amount": "1", name: ""},
    )
    ((place, problem),) = found.problems
    assert (place, [change.entity for _, change in found.changes]) == (0, ["deal:8"])
    assert problem.startswith(f"Its {name}, '31/12/2025', cannot be read as a time")


CLOSED = "It is won and has no closedate: it would be dated by the import."


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"dealstage": "closedwon"}, CLOSED),
        ({"dealstage": "closedwon", "closedate": ""}, CLOSED),
        ({"dealstage": "closedlost", "closedate": None}, CLOSED.replace("won", "lost", 1)),
        (
            {"dealstage": "closedwon", "closedate": "2026-12-01"},
            CLOSED.replace(" and has no", ", and its").replace(
                ":", " lies after 2026-11-23 00:00 UTC, when that was so:"
            ),
        ),
    ],
)
def test_a_closed_deal_that_only_the_import_would_date_is_set_aside(
    record: dict[str, object], problem: str
):
    assert told({"id": 7, **record}).problems == ((0, problem),)
    assert told({"id": 7, **record, "hs_lastmodifieddate": "2026-10-01"}).problems == (), (
        "the CRM says when, at latest"
    )
    assert told({"id": 7, **record, "dealstage": "contractsent"}).problems == (), (
        "an open deal needs no date"
    )


def test_a_mapping_without_a_closing_date_sets_closed_deals_aside():
    undated = parse({"closed_at": None}, STOCK)
    found = changes(
        {"records": [{"id": 7, "dealstage": "closedwon", "closedate": "2026-10-02"}]}, undated, NOW
    )
    assert "the mapping has no closed_at" in found.problems[0][1]


def test_a_generic_record_is_of_its_own_time():
    own = {
        "entity": {"type": "deal", "id": "/id"},
        "occurred_at": {"property": "/at"},
        "status": {"property": "/state", "map": {"won": "won"}},
    }
    record = {"id": 7, "state": "won", "at": "2026-10-02"}
    ((_, one),) = changes({"records": [record]}, parse(own, {}, "generic"), NOW).changes
    assert one.at == datetime(2026, 10, 2, tzinfo=UTC)


ITEMS = parse(
    {"line_items": {"offering": {"property": "hs_sku"}, "value": {"property": "amount"}}}, STOCK
)


def carrying(*items: object) -> Records:
    return changes(
        {"records": [{"id": 7, "amount": 1, "line_items": list(items)}, {"id": 8, "amount": 1}]},
        ITEMS,
        NOW,
    )


def test_a_record_s_line_items_are_put_to_its_deal():
    found = carrying(
        {"id": 70, "properties": {"hs_sku": "care", "amount": "5"}}, {"hs_sku": "help", "amount": 6}
    )
    said = [(place, one.entity, one.verb, one.other, one.fields) for place, one in found.changes]
    assert said[1:5] == [
        (0, "line_item:70", "snapshot", None, {"hs_sku": "care", "amount": "5"}),
        (0, "line_item:70", "associated", "deal:7", {}),
        (0, "line_item:7.2", "snapshot", None, {"hs_sku": "help", "amount": 6}),
        (0, "line_item:7.2", "associated", "deal:7", {}),
    ]
    assert (len(said), found.ignored) == (6, 0)
    assert len(told({"id": 7, "amount": 1, "line_items": [{"id": 70}]}).changes) == 1, (
        "the mapping reads none"
    )


@pytest.mark.parametrize("items", [[5], [{"id": "a/b"}]])
def test_a_record_with_a_line_item_that_is_none_is_set_aside(items: list[object]):
    found = carrying(*items)
    assert ([place for place, _ in found.problems], len(found.changes)) == ([0], 1)


def test_a_record_with_line_items_that_are_no_list_is_set_aside():
    found = changes({"records": [{"id": 7, "amount": 1, "line_items": {}}]}, ITEMS, NOW)
    assert found.problems == ((0, "Its line_items are no list."),)
