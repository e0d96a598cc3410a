"""The endpoint of CloudEvents with an API key."""

import json

import pytest

from tests.api.conftest import ApiHarness
from tests.support import sample_deliveries

STRUCTURED_HEADERS = {"content-type": "application/cloudevents+json"}
BATCH_HEADERS = {"content-type": "application/cloudevents-batch+json"}
EVENT = json.loads(sample_deliveries.read_sample("cloudevents", "structured.json"))


async def post_cloudevent(caller, body, headers=STRUCTURED_HEADERS, source="billing"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    params = {} if source is None else {"source": source}
    return await caller.http.post(
        "/v1/cloudevents", content=content, headers=headers, params=params
    )


async def list_stored_events(api):
    events = (await api.admin.get("/v1/events")).json()["items"]
    return [
        (
            event["id"],
            event["source"],
            event["value"],
            event["team"],
            event["data"],
            event["metrics"],
        )
        for event in events
    ]


@pytest.fixture
async def seeded_api(api: ApiHarness) -> ApiHarness:
    await api.seed_strategy()
    return api


async def test_an_event_is_recorded_once_whichever_content_mode_is_used(seeded_api):
    answer = await post_cloudevent(seeded_api.admin, EVENT)
    assert (answer.status_code, answer.json()["recorded"]) == (200, 1), answer.text
    binary_headers = {
        f"ce-{attribute_name}": value
        for attribute_name, value in EVENT.items()
        if attribute_name not in ("data", "datacontenttype")
    }
    binary_reply = await post_cloudevent(
        seeded_api.admin, EVENT["data"], {"content-type": "application/json", **binary_headers}
    )
    assert binary_reply.json()["duplicates"] == 1
    batch_reply = await post_cloudevent(
        seeded_api.admin, sample_deliveries.read_sample("cloudevents", "batch.json"), BATCH_HEADERS
    )
    assert (batch_reply.json()["recorded"], batch_reply.json()["duplicates"]) == (1, 1)
    stored_events = await list_stored_events(seeded_api)
    expected_event = (
        "/billing/eu A-1042",
        "billing",
        21500.5,
        "sales",
        {"segment": "enterprise"},
        ["revenue"],
    )
    assert expected_event in stored_events
    assert len(stored_events) == 2


async def test_a_single_invalid_event_is_rejected_with_the_fitting_status(seeded_api):
    async def post_invalid(body, headers=STRUCTURED_HEADERS, source="billing"):
        answer = await post_cloudevent(seeded_api.admin, body, headers, source)
        return answer.status_code, answer.json()["code"]

    event_without_id = {
        attribute_name: value for attribute_name, value in EVENT.items() if attribute_name != "id"
    }
    assert await post_invalid(event_without_id) == (400, "malformed-input")
    assert await post_invalid(
        {
            attribute_name: value
            for attribute_name, value in EVENT.items()
            if attribute_name != "time"
        }
    ) == (
        422,
        "invalid-input",
    )
    assert await post_invalid(b"{") == (400, "malformed-input")
    assert await post_invalid(b"{}", {}) == (400, "malformed-input")
    assert await post_invalid(EVENT, {"content-type": "application/cloudevents+avro"}) == (
        415,
        "unsupported-media-type",
    )
    assert await post_invalid({**EVENT, "data": {"team": "nobody"}}) == (422, "invalid-input")
    assert await post_invalid(EVENT, source=None) == (422, "invalid-input")
    assert await post_invalid(EVENT, source="biling") == (422, "invalid-input")
    await post_cloudevent(seeded_api.admin, EVENT)
    assert await post_invalid({**EVENT, "type": "invoice.sent"}) == (409, "event-conflict")
    assert len(await list_stored_events(seeded_api)) == 1


async def test_a_batch_records_valid_events_and_reports_invalid_ones(seeded_api):
    body = [EVENT, 7, {**EVENT, "id": "b", "data": {"team": "nobody"}}, {**EVENT, "id": "c"}]
    answer = (await post_cloudevent(seeded_api.admin, body, BATCH_HEADERS)).json()
    assert (answer["recorded"], answer["rejected"]) == (2, 2)
    assert [(problem["index"], problem["id"]) for problem in answer["problems"]] == [
        (1, None),
        (2, "/billing/eu b"),
    ]


async def test_a_key_bound_to_a_source_needs_no_source_parameter_and_accepts_no_other(seeded_api):
    bound_client = await seeded_api.create_client("events:write", source="billing")
    assert (await post_cloudevent(bound_client, EVENT, source=None)).json()["recorded"] == 1
    await seeded_api.admin.put_object("/v1/sources/other", {"name": "Other"})
    assert (await post_cloudevent(bound_client, EVENT, source="other")).status_code == 403
    reader = await seeded_api.create_client("read")
    assert (await post_cloudevent(reader, EVENT)).status_code == 403


async def test_a_cloudevents_source_uses_its_own_mapping_and_a_crm_source_is_rejected(seeded_api):
    mapping = {"team": {"const": "marketing"}, "value": {"property": "/data/amount", "scale": -2}}
    await seeded_api.admin.put_object(
        "/v1/sources/shop",
        {"name": "Shop", "connector": "cloudevents", "team": "sales", "mapping": mapping},
    )
    shop_event = {**EVENT, "data": {"amount": 990}}
    assert (await post_cloudevent(seeded_api.admin, shop_event, source="shop")).status_code == 200
    assert [event[2:4] for event in await list_stored_events(seeded_api)] == [(9.9, "marketing")]
    await seeded_api.admin.put_object(
        "/v1/sources/crm", {"name": "P", "connector": "pipedrive", "team": "sales"}
    )
    rejection = await post_cloudevent(seeded_api.admin, EVENT, source="crm")
    assert (rejection.status_code, rejection.json()["code"]) == (409, "source-is-connected")
