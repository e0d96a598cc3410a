"""CloudEvents over HTTP with an API key."""

import json

import pytest

from tests.api.conftest import World
from tests.support import samples

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCHED = {"content-type": "application/cloudevents-batch+json"}
EVENT = json.loads(samples.body("cloudevents", "structured.json"))


async def post(caller, body, headers=STRUCTURED, source="billing"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    params = {} if source is None else {"source": source}
    return await caller.http.post("/v1/cloudevents", content=raw, headers=headers, params=params)


async def stored(world):
    found = (await world.admin.get("/v1/events")).json()["items"]
    return [
        (one["id"], one["source"], one["value"], one["team"], one["data"], one["metrics"])
        for one in found
    ]


@pytest.fixture
async def furnished(world: World) -> World:
    await world.strategy()
    return world


async def test_an_event_is_recorded_once_whichever_mode_it_comes_in(furnished):
    answer = await post(furnished.admin, EVENT)
    assert (answer.status_code, answer.json()["recorded"]) == (200, 1), answer.text
    named = {
        f"ce-{name}": value
        for name, value in EVENT.items()
        if name not in ("data", "datacontenttype")
    }
    again = await post(
        furnished.admin, EVENT["data"], {"content-type": "application/json", **named}
    )
    assert again.json()["duplicates"] == 1
    batch = await post(furnished.admin, samples.body("cloudevents", "batch.json"), BATCHED)
    assert (batch.json()["recorded"], batch.json()["duplicates"]) == (1, 1)
    found = await stored(furnished)
    row = (
        "/billing/eu A-1042",
        "billing",
        21500.5,
        "sales",
        {"segment": "enterprise"},
        ["revenue"],
    )
    assert row in found
    assert len(found) == 2


async def test_an_event_that_is_alone_and_wrong_is_refused_with_the_status_that_fits(furnished):
    async def refused(body, headers=STRUCTURED, source="billing"):
        answer = await post(furnished.admin, body, headers, source)
        return answer.status_code, answer.json()["code"]

    without = {name: value for name, value in EVENT.items() if name != "id"}
    assert await refused(without) == (400, "malformed-input")
    assert await refused({name: value for name, value in EVENT.items() if name != "time"}) == (
        422,
        "invalid-input",
    )
    assert await refused(b"{") == (400, "malformed-input")
    assert await refused(b"{}", {}) == (400, "malformed-input")
    assert await refused(EVENT, {"content-type": "application/cloudevents+avro"}) == (
        415,
        "unsupported-media-type",
    )
    assert await refused({**EVENT, "data": {"team": "nobody"}}) == (422, "invalid-input")
    assert await refused(EVENT, source=None) == (422, "invalid-input")
    assert await refused(EVENT, source="biling") == (422, "invalid-input")
    await post(furnished.admin, EVENT)
    assert await refused({**EVENT, "type": "invoice.sent"}) == (409, "event-conflict")
    assert len(await stored(furnished)) == 1


async def test_a_batch_takes_what_is_valid_and_says_what_is_not(furnished):
    body = [EVENT, 7, {**EVENT, "id": "b", "data": {"team": "nobody"}}, {**EVENT, "id": "c"}]
    answer = (await post(furnished.admin, body, BATCHED)).json()
    assert (answer["recorded"], answer["rejected"]) == (2, 2)
    assert [(one["index"], one["id"]) for one in answer["problems"]] == [
        (1, None),
        (2, "/billing/eu b"),
    ]


async def test_a_key_that_is_bound_to_a_source_needs_no_name_and_takes_no_other(furnished):
    bound = await furnished.client("events:write", source="billing")
    assert (await post(bound, EVENT, source=None)).json()["recorded"] == 1
    await furnished.admin.made("/v1/sources/other", {"name": "Other"})
    assert (await post(bound, EVENT, source="other")).status_code == 403
    reader = await furnished.client("read")
    assert (await post(reader, EVENT)).status_code == 403


async def test_a_source_of_cloud_events_has_its_own_mapping_and_a_crms_takes_none(furnished):
    mapping = {"team": {"const": "marketing"}, "value": {"property": "/data/amount", "scale": -2}}
    await furnished.admin.made(
        "/v1/sources/shop",
        {"name": "Shop", "connector": "cloudevents", "team": "sales", "mapping": mapping},
    )
    sent = {**EVENT, "data": {"amount": 990}}
    assert (await post(furnished.admin, sent, source="shop")).status_code == 200
    assert [one[2:4] for one in await stored(furnished)] == [(9.9, "marketing")]
    await furnished.admin.made(
        "/v1/sources/crm", {"name": "P", "connector": "pipedrive", "team": "sales"}
    )
    refused = await post(furnished.admin, EVENT, source="crm")
    assert (refused.status_code, refused.json()["code"]) == (409, "source-is-connected")
