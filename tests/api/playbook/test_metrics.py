"""Metrics over HTTP."""

from typing import get_args

import pytest

from app.api.playbook import metrics
from app.domain.events.metrics import AGGREGATIONS, OPERATORS
from tests.api.conftest import EMBEDDED

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


METRIC_OF_INVOICES: dict[str, object] = {
    "unit": "EUR",
    "events": ["invoice.paid"],
    "activities": ["call.held"],
    "aggregation": "sum",
}
FIGURES = ("events_matched", "events_counted", "events_in_other_unit", "events_without_value")
UNSEEN = {**dict.fromkeys(FIGURES, 0), "restatement": None}


async def test_a_metric_says_how_many_events_match_count_and_were_left_out(admin):
    await admin.made("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    await admin.made("/v1/sources/billing", {"name": "Billing", "connector": "api"})
    await admin.made("/v1/metrics/arr", {"name": "ARR", **METRIC_OF_INVOICES})
    before = await admin.get("/v1/metrics/arr")
    common = {"source": "billing", "team": "sales", "time": "2026-11-20T10:00:00Z"}
    kinds: dict[str, dict[str, object]] = {
        "counts": {"type": "invoice.paid", "value": 5, "unit": "EUR"},
        "other": {"type": "invoice.paid", "value": 5, "unit": "USD"},
        "bare": {"type": "invoice.paid"},
        "work": {"type": "call.held", "kind": "activity"},
    }
    for name, more in kinds.items():
        assert (await admin.post("/v1/events", {"id": name, **common, **more})).status_code == 201
    found = await admin.get("/v1/metrics/arr")
    assert [found.json()[name] for name in FIGURES] == [4, 1, 1, 1]
    assert found.headers["etag"] != before.headers["etag"]
    assert (await admin.get("/v1/metrics")).json()["items"] == [found.json()]


async def test_a_metric_comes_back_as_it_was_sent(admin):
    made = await admin.made("/v1/metrics/arr", METRIC)
    assert made == {"key": "arr", **METRIC, **UNSEEN, "archived": False}
    assert (await admin.get("/v1/metrics/arr")).json() == made
    assert (await admin.get("/v1/metrics")).json()["items"] == [made]


async def test_a_list_in_a_patch_is_replaced_as_a_whole(admin):
    await admin.made("/v1/metrics/arr", METRIC)
    changed = await admin.patch(
        "/v1/metrics/arr", {"where": [], "unit": None, "canonical_source": "later"}
    )
    assert changed.json() == {
        "key": "arr",
        **METRIC,
        "where": [],
        "unit": None,
        "canonical_source": "later",
        **UNSEEN,
        "archived": False,
    }
    assert (await admin.delete("/v1/metrics/arr")).status_code == 204


@EMBEDDED
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


def test_the_wire_knows_the_same_operators_and_aggregations_as_the_domain():
    assert get_args(metrics.Operator) == OPERATORS
    assert get_args(metrics.Aggregation) == AGGREGATIONS
