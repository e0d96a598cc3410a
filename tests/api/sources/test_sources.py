"""Sources over HTTP."""

import pytest

from app.domain.sources.sources import CONNECTORS
from tests.api.conftest import SQLITE_ONLY

HUBSPOT_SOURCE = {
    "name": "HubSpot",
    "connector": "hubspot",
    "team": "sales",
    "secret": "yyyyyyyy-yyyy-yyyy",
}


@pytest.fixture
async def caller(api):
    await api.admin.put_object("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    return api.admin


async def test_a_source_of_events_by_http_has_no_hook_and_no_secret(caller):
    created = await caller.put_object("/v1/sources/billing", {"name": "Billing"})
    assert (created["connector"], created["hook_url"], created["secret"], created["mapping"]) == (
        "api",
        None,
        None,
        {},
    )
    assert created["health"] == {
        "last_delivery_at": None,
        "last_refused_at": None,
        "deliveries_last_day": 0,
        "failures_last_day": 0,
        "wins_without_amount": 0,
        "silent": False,
        "lag_median_seconds": None,
        "lag_worst_seconds": None,
        "unmapped": [],
    }
    rejection = await caller.put("/v1/sources/billing", {"name": "Billing", "secret": "x" * 20})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "/secret")
    assert (await caller.post("/v1/sources/billing/rotate")).status_code == 409


async def test_a_given_secret_is_never_shown(api, caller):
    created_reply = await caller.put("/v1/sources/hubspot", HUBSPOT_SOURCE)
    assert created_reply.status_code == 201, created_reply.text
    assert created_reply.json()["secret"] is None
    assert created_reply.json()["hook_url"].startswith("http://127.0.0.1:8000/hooks/")
    reader = await api.create_client("read")
    texts = [
        (await caller.get("/v1/sources/hubspot")).text,
        (await caller.get("/v1/sources")).text,
        (await caller.get("/v1/journal")).text,
        (await reader.get("/v1/sources/hubspot")).text,
    ]
    assert all(HUBSPOT_SOURCE["secret"] not in text for text in texts)
    assert (await reader.get("/v1/sources/hubspot")).json()["hook_url"] is None
    assert "secret" not in (await caller.get("/v1/sources/hubspot")).json()


async def test_a_generated_secret_is_shown_once_and_not_changed_by_the_next_put(caller):
    relay_source = {"name": "Relay", "connector": "standard_webhooks"}
    created = await caller.put_object("/v1/sources/relay", relay_source)
    assert created["secret"].startswith("whsec_")
    replaced = await caller.put_object("/v1/sources/relay", {**relay_source, "name": "The relay"})
    assert (replaced["secret"], replaced["hook_url"]) == (None, created["hook_url"])
    rotated_reply = await caller.post("/v1/sources/relay/rotate")
    assert rotated_reply.status_code == 200, rotated_reply.text
    assert rotated_reply.json()["secret"] not in (None, created["secret"])


async def test_a_vendors_secret_is_required_and_rotated_by_naming_the_new_one(caller):
    rejection = await caller.put("/v1/sources/hubspot", {**HUBSPOT_SOURCE, "secret": None})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "/secret")
    await caller.put_object("/v1/sources/hubspot", HUBSPOT_SOURCE)
    assert (await caller.post("/v1/sources/hubspot/rotate")).status_code == 422
    rotated_reply = await caller.post(
        "/v1/sources/hubspot/rotate", {"secret": "zzzzzzzz-zzzz-zzzz"}
    )
    assert (rotated_reply.status_code, rotated_reply.json()["secret"]) == (200, None)


async def test_a_mapping_is_patched_member_by_member(caller):
    mapping = {
        "stages": {"closedwon": "won"},
        "rates": [{"from": "USD", "to": "EUR", "rate": 0.92, "valid_from": "2026-07-01"}],
    }
    await caller.put_object("/v1/sources/hubspot", {**HUBSPOT_SOURCE, "mapping": mapping})
    mapping_reply = await caller.patch(
        "/v1/sources/hubspot", {"mapping": {"stages": {"closedlost": "lost"}, "rates": None}}
    )
    assert mapping_reply.status_code == 200, mapping_reply.text
    assert mapping_reply.json()["mapping"] == {"stages": {"closedwon": "won", "closedlost": "lost"}}
    name_reply = await caller.patch("/v1/sources/hubspot", {"name": "CRM", "account": "4412"})
    assert (name_reply.json()["name"], name_reply.json()["account"]) == ("CRM", "4412")


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("connector", "excel"),
        ("team", None),
        ("team", "nobody"),
        ("mapping", []),
        ("mapping", {"stages": 7}),
        ("hook_url", "http://127.0.0.1/"),
        ("health", {}),
    ],
)
async def test_a_source_that_cannot_work_is_refused_by_name(caller, member, value):
    rejection = await caller.put("/v1/sources/hubspot", {**HUBSPOT_SOURCE, member: value})
    assert rejection.status_code == 422, rejection.text
    assert rejection.json()["errors"][0]["pointer"].startswith(f"/{member}")


async def test_a_source_keeps_its_connector(caller):
    await caller.put_object("/v1/sources/hubspot", HUBSPOT_SOURCE)
    rejection = await caller.put("/v1/sources/hubspot", {"name": "Billing"})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "/connector")
    assert (await caller.delete("/v1/sources/hubspot")).status_code == 204
    assert (await caller.get("/v1/sources/hubspot")).status_code == 404


async def test_every_connector_of_the_schema_can_be_connected_or_is_rejected(caller):
    connector_schema = (await caller.get("/openapi.json")).json()["components"]["schemas"][
        "SourcePut"
    ]["properties"]["connector"]
    assert tuple(connector_schema["enum"]) == CONNECTORS
    for connector_name in connector_schema["enum"]:
        body = {**HUBSPOT_SOURCE, "connector": connector_name}
        reply = await caller.put(f"/v1/sources/{connector_name.replace('_', '-')}", body)
        assert reply.status_code in (201, 422), (connector_name, reply.text)
