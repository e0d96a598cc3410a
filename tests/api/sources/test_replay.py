"""The endpoints of replay, import and preview: scopes, replies and rejections."""

import pytest

HUBSPOT_SOURCE = {
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
async def caller(api):
    await api.seed_strategy()
    await api.admin.put_object("/v1/sources/hubspot", HUBSPOT_SOURCE)
    return api.admin


async def test_records_are_imported_once(caller):
    first_import = (
        await caller.post("/v1/sources/hubspot/records", {"records": [RECORD, {"id": "a/b"}]})
    ).json()
    assert (
        first_import["origin"],
        first_import["state"],
        first_import["changes"],
        first_import["recorded"],
    ) == (
        "records",
        "processed",
        1,
        1,
    )
    assert [reject["index"] for reject in first_import["rejects"]] == [1]
    second_import = (await caller.post("/v1/sources/hubspot/records", {"records": [RECORD]})).json()
    assert (second_import["changes"], second_import["recorded"]) == (0, 0)
    (won_event,) = (await caller.get("/v1/events", params={"source": "hubspot"})).json()["items"]
    assert (won_event["type"], won_event["time"], won_event["value"]) == (
        "deal.won",
        "2026-10-05T00:00:00Z",
        900.5,
    )
    deliveries = (await caller.get("/v1/sources/hubspot/deliveries")).json()["items"]
    assert [delivery["origin"] for delivery in deliveries] == ["records"]


async def test_an_import_reports_unmapped_and_missing_values_of_its_own_records(caller):
    await caller.patch("/v1/sources/hubspot", {"mapping": {"unit": {"default": "EUR"}}})
    await caller.post(
        "/v1/sources/hubspot/records", {"records": [{**RECORD, "id": 1, "amount": "much"}]}
    )
    records = [{**RECORD, "amount": "a lot"}, {**RECORD, "id": 8, "deal_currency_code": "USD"}]
    import_report = (await caller.post("/v1/sources/hubspot/records", {"records": records})).json()
    assert import_report["unmapped"] == [
        {"property": "amount", "value": "a lot", "count": 1, "records": ["7"]},
        {"property": "deal_currency_code", "value": "USD", "count": 1, "records": ["8"]},
    ]
    assert (import_report["wins_without_amount"], import_report["without_amount"]) == (1, ["7"])
    assert {"dealstage", "closedate"} <= set(import_report["reads"])
    health = (await caller.get("/v1/sources/hubspot")).json()["health"]
    assert {unmapped_value["value"] for unmapped_value in health["unmapped"]} == {
        "much",
        "a lot",
        "USD",
    }


async def test_an_import_can_be_replayed_like_a_delivery(caller):
    uid = (await caller.post("/v1/sources/hubspot/records", {"records": [RECORD]})).json()["uid"]
    await caller.patch("/v1/sources/hubspot", {"mapping": {"value": {"property": "other"}}})
    single_reply = await caller.post(f"/v1/sources/hubspot/deliveries/{uid}/replay")
    assert (single_reply.status_code, single_reply.json()["state"]) == (200, "processed")
    (won_event,) = (await caller.get("/v1/events", params={"source": "hubspot"})).json()["items"]
    assert (won_event["id"], won_event["value"]) == ("deal/7/won/2", None)
    for since in ("2026-01-01T00:00:00Z", "2026-01-01"):
        replay_report = (
            await caller.post("/v1/sources/hubspot/replay?dry_run=true", {"since": since})
        ).json()
        assert (
            replay_report["dry_run"],
            replay_report["processed"],
            replay_report["recorded"],
            replay_report["continue_from"],
        ) == (
            True,
            1,
            0,
            None,
        )
    assert (
        await caller.post("/v1/sources/hubspot/replay", {"since": "yesterday"})
    ).status_code == 422
    assert (await caller.post("/v1/sources/hubspot/replay")).json()["processed"] == 0  # none failed


async def test_a_read_key_may_preview_a_sample(api, caller):
    reader = await api.create_client("read")
    preview = (await reader.post("/v1/sources/hubspot/preview", {"body": SAMPLE})).json()
    assert [event["type"] for event in preview["events"]] == ["deal.created"]
    broken_preview = (await reader.post("/v1/sources/hubspot/preview", {"body": "[{"})).json()
    assert (broken_preview["events"], "not JSON" in broken_preview["problem"]) == ([], True)
    rejection = await reader.post(
        "/v1/sources/hubspot/preview", {"body": SAMPLE, "mapping": {"value": 5}}
    )
    assert rejection.json()["errors"][0]["pointer"] == "/mapping/value"
    assert (await caller.get("/v1/events", params={"source": "hubspot"})).json()["items"] == []


@pytest.mark.parametrize("path", ["records", "replay"])
async def test_only_an_admin_imports_and_replays_and_only_a_connected_source(api, caller, path):
    body = {"records": [RECORD]} if path == "records" else None
    assert (
        await (await api.create_client("read")).post(f"/v1/sources/hubspot/{path}", body)
    ).status_code == 403
    assert (await caller.post(f"/v1/sources/nowhere/{path}", body)).status_code == 404
    assert (await caller.post(f"/v1/sources/billing/{path}", body)).status_code == 409


async def test_a_preview_shows_amounts_with_decimals(caller):
    common_fields = {
        "portalId": 1,
        "objectId": 42,
        "occurredAt": 1790812980000,
        "subscriptionType": "deal.propertyChange",
    }
    properties = {"amount": "21500.5", "dealstage": "closedwon"}
    sample = [
        {**common_fields, "propertyName": property_name, "propertyValue": value}
        for property_name, value in properties.items()
    ]
    reply = await caller.post("/v1/sources/hubspot/preview", {"body": sample})
    assert reply.status_code == 200, reply.text
    assert [event["value"] for event in reply.json()["events"]] == [21500.5]
