"""The endpoints of metrics."""

from typing import get_args

import pytest

from app.api.playbook import metrics
from app.domain.events.metrics import AGGREGATIONS, OPERATORS
from tests.api.conftest import SQLITE_ONLY

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


INVOICE_METRIC: dict[str, object] = {
    "unit": "EUR",
    "events": ["invoice.paid"],
    "activities": ["call.held"],
    "aggregation": "sum",
}
COUNT_FIELDS = ("events_matched", "events_counted", "events_in_other_unit", "events_without_value")
COMPUTED_FIELDS = {**dict.fromkeys(COUNT_FIELDS, 0), "restatement": None}


async def test_a_metric_reports_how_many_events_it_matches_counts_and_leaves_out(admin):
    await admin.put_object("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    await admin.put_object("/v1/sources/billing", {"name": "Billing", "connector": "api"})
    await admin.put_object("/v1/metrics/arr", {"name": "ARR", **INVOICE_METRIC})
    reply_before = await admin.get("/v1/metrics/arr")
    common_fields = {"source": "billing", "team": "sales", "time": "2026-11-20T10:00:00Z"}
    fields_by_id: dict[str, dict[str, object]] = {
        "counts": {"type": "invoice.paid", "value": 5, "unit": "EUR"},
        "other": {"type": "invoice.paid", "value": 5, "unit": "USD"},
        "bare": {"type": "invoice.paid"},
        "work": {"type": "call.held", "kind": "activity"},
    }
    for count_name, event_fields in fields_by_id.items():
        assert (
            await admin.post("/v1/events", {"id": count_name, **common_fields, **event_fields})
        ).status_code == 201
    reply_after = await admin.get("/v1/metrics/arr")
    assert [reply_after.json()[count_name] for count_name in COUNT_FIELDS] == [4, 1, 1, 1]
    assert reply_after.headers["etag"] != reply_before.headers["etag"]
    assert (await admin.get("/v1/metrics")).json()["items"] == [reply_after.json()]


async def test_a_metric_comes_back_as_it_was_sent(admin):
    created = await admin.put_object("/v1/metrics/arr", METRIC)
    assert created == {"key": "arr", **METRIC, **COMPUTED_FIELDS, "archived": False}
    assert (await admin.get("/v1/metrics/arr")).json() == created
    assert (await admin.get("/v1/metrics")).json()["items"] == [created]


async def test_a_list_in_a_patch_is_replaced_as_a_whole(admin):
    await admin.put_object("/v1/metrics/arr", METRIC)
    patch_reply = await admin.patch(
        "/v1/metrics/arr", {"where": [], "unit": None, "canonical_source": "later"}
    )
    assert patch_reply.json() == {
        "key": "arr",
        **METRIC,
        "where": [],
        "unit": None,
        "canonical_source": "later",
        **COMPUTED_FIELDS,
        "archived": False,
    }
    assert (await admin.delete("/v1/metrics/arr")).status_code == 204


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("member", "value", "pointer"),
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
async def test_an_invalid_metric_is_rejected_with_a_pointer(admin, member, value, pointer):
    rejection = await admin.put("/v1/metrics/arr", {**METRIC, member: value})
    assert rejection.status_code == 422, rejection.text
    assert [error["pointer"] for error in rejection.json()["errors"]] == [pointer]


async def test_a_metric_that_a_key_result_needs_cannot_be_deleted(api):
    await api.seed_strategy()
    rejection = await api.admin.delete("/v1/metrics/revenue")
    assert (rejection.status_code, rejection.json()["code"]) == (409, "in-use")
    assert "revenue-2m" in rejection.json()["detail"]


def test_the_wire_knows_the_same_operators_and_aggregations_as_the_domain():
    assert get_args(metrics.Operator) == OPERATORS
    assert get_args(metrics.Aggregation) == AGGREGATIONS
