"""Events as files: the same events as the list, of any size, in cells that are safe."""

import asyncio
import csv
import gc
import io
import json

import pytest

from app.api.events import exports
from app.store.events.event_queries import StoredEvent
from tests.api.conftest import event


@pytest.fixture
async def recorded(world, monkeypatch):
    monkeypatch.setattr(exports, "PAGE", 3)
    await world.strategy()
    odd = event(1, subject="=1+1", value=-5, data={"note": "+2", "line": "a\nb"}, unit="@EUR")
    events = [odd, *(event(n, time=f"2026-11-{n:02}T12:00:00Z") for n in range(2, 9))]
    reply = await world.admin.post("/v1/event-batches", {"events": events})
    assert reply.json()["recorded"] == 8
    return world


@pytest.mark.parametrize(
    "query", ["", "?from=2026-11-04", "?metric=revenue&to=2026-11-05", "?team=marketing"]
)
async def test_lines_and_rows_are_the_events_of_the_list(recorded, query):
    listed = (await recorded.admin.get(f"/v1/events{query}")).json()["items"]
    lines = await recorded.admin.get(f"/v1/events.ndjson{query}")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == listed
    table = await recorded.admin.get(f"/v1/events.csv{query}")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.headers["content-disposition"] == 'attachment; filename="events.csv"'
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert [row["uid"] for row in rows] == [found["uid"] for found in listed]


async def test_no_cell_of_text_begins_as_a_formula_does(recorded):
    table = await recorded.admin.get("/v1/events.csv?id=inv-1")
    (row,) = csv.DictReader(io.StringIO(table.text, newline=""))
    assert (row["subject"], row["unit"]) == ("'=1+1", "'@EUR")
    assert row["value"] == "-5", "a number is no text"
    assert json.loads(row["data"]) == {"note": "+2", "line": "a\nb"}
    assert row["metrics"] == "revenue"


async def test_a_wrong_filter_and_a_missing_scope_are_problems_before_a_line_is_sent(recorded):
    refused = await recorded.admin.get("/v1/events.csv?metric=revenu")
    assert (refused.status_code, refused.headers["content-type"]) == (
        422,
        "application/problem+json",
    )
    assert "'revenue'" in refused.json()["detail"]
    writer = await recorded.client("events:write")
    assert (await writer.get("/v1/events.ndjson")).status_code == 403
    stranger = await recorded.organization("other")
    assert (await stranger.get("/v1/events.ndjson")).text == ""


@pytest.mark.parametrize("ending", ["ndjson", "csv"])
async def test_no_more_than_a_page_of_events_is_ever_held(recorded, ending):
    held, sent = [], []

    async def send(message):
        sent.append(message.get("body", b"").count(b"inv-"))
        held.append(sum(isinstance(thing, StoredEvent) for thing in gc.get_objects()))

    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    request = recorded.admin.http.build_request("GET", f"/v1/events.{ending}")
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    scope = {
        "type": "http",
        "method": "GET",
        "path": request.url.path,
        "query_string": b"",
        "headers": headers,
    }
    gc.collect()
    await recorded.app(
        {**scope, "http_version": "1.1", "client": ("127.0.0.1", 1), "scheme": "http"},
        receive,
        send,
    )
    assert [count for count in sent if count] == [3, 3, 2]
    assert max(held) <= exports.PAGE


async def test_no_connection_is_held_while_a_page_is_sent(recorded):
    database = recorded.app.state.service.database
    async with recorded.admin.http.stream("GET", "/v1/events.ndjson") as reply:
        assert reply.status_code == 200
        held = database.reader.pool.checkedout()
        assert held == 0
        assert len((await reply.aread()).splitlines()) == 8
