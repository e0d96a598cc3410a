"""Exports of events: the same events as the list, at any size, in safe cells."""

import asyncio
import csv
import gc
import io
import json

import pytest

from app.api.events import exports
from app.store.events.event_queries import StoredEvent
from tests.api.conftest import make_event


@pytest.fixture
async def api_with_events(api, monkeypatch):
    monkeypatch.setattr(exports, "PAGE_SIZE", 3)
    await api.seed_strategy()
    formula_event = make_event(
        1, subject="=1+1", value=-5, data={"note": "+2", "line": "a\nb"}, unit="@EUR"
    )
    events = [
        formula_event,
        *(make_event(n, time=f"2026-11-{n:02}T12:00:00Z") for n in range(2, 9)),
    ]
    reply = await api.admin.post("/v1/event-batches", {"events": events})
    assert reply.json()["recorded"] == 8
    return api


@pytest.mark.parametrize(
    "query", ["", "?from=2026-11-04", "?metric=revenue&to=2026-11-05", "?team=marketing"]
)
async def test_lines_and_rows_are_the_events_of_the_list(api_with_events, query):
    listed_events = (await api_with_events.admin.get(f"/v1/events{query}")).json()["items"]
    ndjson_reply = await api_with_events.admin.get(f"/v1/events.ndjson{query}")
    assert ndjson_reply.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in ndjson_reply.text.splitlines()] == listed_events
    csv_reply = await api_with_events.admin.get(f"/v1/events.csv{query}")
    assert csv_reply.headers["content-type"].startswith("text/csv")
    assert csv_reply.headers["content-disposition"] == 'attachment; filename="events.csv"'
    rows = list(csv.DictReader(io.StringIO(csv_reply.text, newline="")))
    assert [row["uid"] for row in rows] == [event["uid"] for event in listed_events]


async def test_no_cell_of_text_begins_as_a_formula_does(api_with_events):
    csv_reply = await api_with_events.admin.get("/v1/events.csv?id=inv-1")
    (row,) = csv.DictReader(io.StringIO(csv_reply.text, newline=""))
    assert (row["subject"], row["unit"]) == ("'=1+1", "'@EUR")
    assert row["value"] == "-5", "a number is no text"
    assert json.loads(row["data"]) == {"note": "+2", "line": "a\nb"}
    assert row["metrics"] == "revenue"


async def test_a_wrong_filter_and_a_missing_scope_are_problems_before_a_line_is_sent(
    api_with_events,
):
    rejection = await api_with_events.admin.get("/v1/events.csv?metric=revenu")
    assert (rejection.status_code, rejection.headers["content-type"]) == (
        422,
        "application/problem+json",
    )
    assert "'revenue'" in rejection.json()["detail"]
    writer = await api_with_events.create_client("events:write")
    assert (await writer.get("/v1/events.ndjson")).status_code == 403
    other_admin = await api_with_events.create_organization("other")
    assert (await other_admin.get("/v1/events.ndjson")).text == ""


@pytest.mark.parametrize("ending", ["ndjson", "csv"])
async def test_no_more_than_a_page_of_events_is_ever_held(api_with_events, ending):
    held_counts = []
    sent_counts = []

    async def send(message):
        sent_counts.append(message.get("body", b"").count(b"inv-"))
        held_counts.append(
            sum(isinstance(candidate, StoredEvent) for candidate in gc.get_objects())
        )

    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    request = api_with_events.admin.http.build_request("GET", f"/v1/events.{ending}")
    headers = [(header_name.lower(), content) for header_name, content in request.headers.raw]
    scope = {
        "type": "http",
        "method": "GET",
        "path": request.url.path,
        "query_string": b"",
        "headers": headers,
    }
    gc.collect()
    await api_with_events.app(
        {**scope, "http_version": "1.1", "client": ("127.0.0.1", 1), "scheme": "http"},
        receive,
        send,
    )
    assert [count for count in sent_counts if count] == [3, 3, 2]
    assert max(held_counts) <= exports.PAGE_SIZE


async def test_no_connection_is_held_while_a_page_is_sent(api_with_events):
    database = api_with_events.app.state.service.database
    async with api_with_events.admin.http.stream("GET", "/v1/events.ndjson") as reply:
        assert reply.status_code == 200
        checked_out_connections = database.reader.pool.checkedout()
        assert checked_out_connections == 0
        assert len((await reply.aread()).splitlines()) == 8
