"""Replays, imports and previews over HTTP: who may ask, what is answered, what is refused."""

import pytest

SOURCE = {
    "name": "HubSpot",
    "connector": "hubspot",
    "team": "sales",
    "secret": "a-client-secret-of-the-app",
}
RECORD = {"id": 7, "dealstage": "closedwon", "amount": 900.5, "closedate": "2026-10-05"}
SAMPLE = [
    {
        "subscriptionType": "deal.creation",
        "portalId": 1,
        "objectId": 42,
        "occurredAt": 1790812980000,
    }
]


@pytest.fixture
async def caller(world):
    await world.strategy()
    await world.admin.made("/v1/sources/hubspot", SOURCE)
    return world.admin


async def test_records_are_imported_once(caller):
    first = (
        await caller.post("/v1/sources/hubspot/records", {"records": [RECORD, {"id": "a/b"}]})
    ).json()
    assert (first["origin"], first["state"], first["changes"], first["recorded"]) == (
        "records",
        "processed",
        1,
        1,
    )
    assert [each["index"] for each in first["rejects"]] == [1]
    again = (await caller.post("/v1/sources/hubspot/records", {"records": [RECORD]})).json()
    assert (again["changes"], again["recorded"]) == (0, 0)
    (won,) = (await caller.get("/v1/events", params={"source": "hubspot"})).json()["items"]
    assert (won["type"], won["time"], won["value"]) == ("deal.won", "2026-10-05T00:00:00Z", 900.5)
    listed = (await caller.get("/v1/sources/hubspot/deliveries")).json()["items"]
    assert [each["origin"] for each in listed] == ["records"]


async def test_an_import_says_what_its_own_records_leave_unsaid(caller):
    await caller.patch("/v1/sources/hubspot", {"mapping": {"unit": {"default": "EUR"}}})
    await caller.post(
        "/v1/sources/hubspot/records", {"records": [{**RECORD, "id": 1, "amount": "much"}]}
    )
    said = [{**RECORD, "amount": "a lot"}, {**RECORD, "id": 8, "deal_currency_code": "USD"}]
    found = (await caller.post("/v1/sources/hubspot/records", {"records": said})).json()
    assert found["unmapped"] == [
        {"property": "amount", "value": "a lot", "count": 1, "records": ["7"]},
        {"property": "deal_currency_code", "value": "USD", "count": 1, "records": ["8"]},
    ]
    assert (found["wins_without_amount"], found["without_amount"]) == (1, ["7"])
    assert {"dealstage", "closedate"} <= set(found["reads"])
    health = (await caller.get("/v1/sources/hubspot")).json()["health"]
    assert {each["value"] for each in health["unmapped"]} == {"much", "a lot", "USD"}


async def test_an_import_can_be_replayed_like_a_delivery(caller):
    uid = (await caller.post("/v1/sources/hubspot/records", {"records": [RECORD]})).json()["uid"]
    await caller.patch("/v1/sources/hubspot", {"mapping": {"value": {"property": "other"}}})
    one = await caller.post(f"/v1/sources/hubspot/deliveries/{uid}/replay")
    assert (one.status_code, one.json()["state"]) == (200, "processed")
    (won,) = (await caller.get("/v1/events", params={"source": "hubspot"})).json()["items"]
    assert (won["id"], won["value"]) == ("deal/7/won/2", None)
    for since in ("2026-01-01T00:00:00Z", "2026-01-01"):
        many = (
            await caller.post("/v1/sources/hubspot/replay?dry_run=true", {"since": since})
        ).json()
        assert (many["dry_run"], many["processed"], many["recorded"], many["continue_from"]) == (
            True,
            1,
            0,
            None,
        )
    assert (
        await caller.post("/v1/sources/hubspot/replay", {"since": "yesterday"})
    ).status_code == 422
    assert (await caller.post("/v1/sources/hubspot/replay")).json()["processed"] == 0  # none failed


async def test_a_sample_is_previewed_by_whoever_may_read(world, caller):
    reader = await world.client("read")
    found = (await reader.post("/v1/sources/hubspot/preview", {"body": SAMPLE})).json()
    assert [event["type"] for event in found["events"]] == ["deal.created"]
    broken = (await reader.post("/v1/sources/hubspot/preview", {"body": "[{"})).json()
    assert (broken["events"], "not JSON" in broken["problem"]) == ([], True)
    wrong = await reader.post(
        "/v1/sources/hubspot/preview", {"body": SAMPLE, "mapping": {"value": 5}}
    )
    assert wrong.json()["errors"][0]["pointer"] == "/mapping/value"
    assert (await caller.get("/v1/events", params={"source": "hubspot"})).json()["items"] == []


@pytest.mark.parametrize("path", ["records", "replay"])
async def test_only_an_admin_imports_and_replays_and_only_a_connected_source(world, caller, path):
    body = {"records": [RECORD]} if path == "records" else None
    assert (
        await (await world.client("read")).post(f"/v1/sources/hubspot/{path}", body)
    ).status_code == 403
    assert (await caller.post(f"/v1/sources/nowhere/{path}", body)).status_code == 404
    assert (await caller.post(f"/v1/sources/billing/{path}", body)).status_code == 409


async def test_a_preview_shows_amounts_with_decimals(caller):
    said = {
        "portalId": 1,
        "objectId": 42,
        "occurredAt": 1790812980000,
        "subscriptionType": "deal.propertyChange",
    }
    values = {"amount": "21500.5", "dealstage": "closedwon"}
    sample = [
        {**said, "propertyName": name, "propertyValue": value} for name, value in values.items()
    ]
    found = await caller.post("/v1/sources/hubspot/preview", {"body": sample})
    assert found.status_code == 200, found.text
    assert [one["value"] for one in found.json()["events"]] == [21500.5]
