"""Metrics over HTTP."""

import pytest

METRIC = {
    "name": "New enterprise ARR",
    "unit": "EUR",
    "events": ["deal.won"],
    "activities": ["call.held"],
    "where": [
        {"property": "data.segment", "op": "in", "value": ["enterprise", 1.5, True]},
        {"property": "value", "op": "gt", "value": 10},
        {"property": "team", "op": "exists", "value": None},
    ],
    "value": "data.amount.net",
    "aggregation": "sum",
    "canonical_source": None,
}


async def test_a_metric_comes_back_as_it_was_sent(admin):
    made = await admin.made("/v1/metrics/arr", METRIC)
    assert made == {"key": "arr", **METRIC, "archived": False}
    assert (await admin.get("/v1/metrics/arr")).json() == made
    assert (await admin.get("/v1/metrics")).json()["items"] == [made]


async def test_a_list_in_a_patch_is_replaced_as_a_whole(admin):
    await admin.made("/v1/metrics/arr", METRIC)
    changed = await admin.patch("/v1/metrics/arr", {"where": [], "unit": None, "canonical_source": "later"})
    assert changed.json() == {
        "key": "arr",
        **METRIC,
        "where": [],
        "unit": None,
        "canonical_source": "later",
        "archived": False,
    }
    assert (await admin.delete("/v1/metrics/arr")).status_code == 204


@pytest.mark.parametrize(
    ("member", "value", "place"),
    [
        ("events", [], "/events"),
        ("events", ["a b"], "/events/0"),
        ("events", "deal.won", "/events"),
        ("aggregation", "median", "/aggregation"),
        ("value", "amount", "/value"),
        ("where", [{"property": "value", "op": "gt", "value": "10"}], "/where/0/value"),
        ("where", [{"property": "value", "op": "gt", "value": True}], "/where/0/value"),
        ("where", [{"property": "value", "op": "in", "value": []}], "/where/0/value"),
        ("where", [{"property": "value", "op": "in", "value": [[1]]}], "/where/0/value"),
        ("where", [{"property": "value", "op": "eq", "value": {"a": 1}}], "/where/0/value"),
        ("where", [{"property": "value", "op": "eq", "value": "x" * 301}], "/where/0/value"),
        ("where", [{"property": "value", "op": "eq", "value": 10**16}], "/where/0/value"),
        ("where", [{"property": "data.a", "op": "exists", "value": 1}], "/where/0/value"),
        ("where", [{"property": "person", "op": "eq", "value": 1}], "/where/0/property"),
        ("where", [{"property": "value", "op": "like", "value": 1}], "/where/0/op"),
        ("where", [{"property": "value", "op": "eq", "value": 1, "or": 2}], "/where/0/or"),
    ],
)
async def test_a_metric_that_says_nothing_sensible_is_refused_by_place(admin, member, value, place):
    refused = await admin.put("/v1/metrics/arr", {**METRIC, member: value})
    assert refused.status_code == 422, refused.text
    assert [error["pointer"] for error in refused.json()["errors"]] == [place]


async def test_a_metric_that_a_key_result_needs_stays(world):
    await world.strategy()
    refused = await world.admin.delete("/v1/metrics/revenue")
    assert (refused.status_code, refused.json()["code"]) == (409, "in-use")
    assert "revenue-2m" in refused.json()["detail"]
