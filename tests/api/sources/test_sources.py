"""Sources over HTTP."""

from typing import get_args

import pytest

from app.api.sources import source_schemas as source_shapes
from app.domain.sources.sources import CONNECTORS
from tests.api.conftest import EMBEDDED

HUBSPOT = {
    "name": "HubSpot",
    "connector": "hubspot",
    "team": "sales",
    "secret": "yyyyyyyy-yyyy-yyyy",
}


@pytest.fixture
async def caller(world):
    await world.admin.made("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    return world.admin


async def test_a_source_of_events_by_http_has_no_hook_and_no_secret(caller):
    made = await caller.made("/v1/sources/billing", {"name": "Billing"})
    assert (made["connector"], made["hook_url"], made["secret"], made["mapping"]) == (
        "api",
        None,
        None,
        {},
    )
    assert made["health"] == {
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
    refused = await caller.put("/v1/sources/billing", {"name": "Billing", "secret": "x" * 20})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/secret")
    assert (await caller.post("/v1/sources/billing/rotate")).status_code == 409


async def test_a_given_secret_is_never_shown(world, caller):
    made = await caller.put("/v1/sources/hubspot", HUBSPOT)
    assert made.status_code == 201, made.text
    assert made.json()["secret"] is None
    assert made.json()["hook_url"].startswith("http://127.0.0.1:8000/hooks/")
    reader = await world.client("read")
    shown = [
        (await caller.get("/v1/sources/hubspot")).text,
        (await caller.get("/v1/sources")).text,
        (await caller.get("/v1/journal")).text,
        (await reader.get("/v1/sources/hubspot")).text,
    ]
    assert all(HUBSPOT["secret"] not in text for text in shown)
    assert (await reader.get("/v1/sources/hubspot")).json()["hook_url"] is None
    assert "secret" not in (await caller.get("/v1/sources/hubspot")).json()


async def test_a_made_secret_is_shown_once_and_kept_by_the_next_put(caller):
    wanted = {"name": "Relay", "connector": "standard_webhooks"}
    made = await caller.made("/v1/sources/relay", wanted)
    assert made["secret"].startswith("whsec_")
    again = await caller.made("/v1/sources/relay", {**wanted, "name": "The relay"})
    assert (again["secret"], again["hook_url"]) == (None, made["hook_url"])
    rotated = await caller.post("/v1/sources/relay/rotate")
    assert rotated.status_code == 200, rotated.text
    assert rotated.json()["secret"] not in (None, made["secret"])


async def test_a_vendors_secret_is_required_and_rotated_by_naming_the_new_one(caller):
    refused = await caller.put("/v1/sources/hubspot", {**HUBSPOT, "secret": None})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/secret")
    await caller.made("/v1/sources/hubspot", HUBSPOT)
    assert (await caller.post("/v1/sources/hubspot/rotate")).status_code == 422
    rotated = await caller.post("/v1/sources/hubspot/rotate", {"secret": "zzzzzzzz-zzzz-zzzz"})
    assert (rotated.status_code, rotated.json()["secret"]) == (200, None)


async def test_a_mapping_is_patched_member_by_member(caller):
    mapping = {
        "stages": {"closedwon": "won"},
        "rates": [{"from": "USD", "to": "EUR", "rate": 0.92, "valid_from": "2026-07-01"}],
    }
    await caller.made("/v1/sources/hubspot", {**HUBSPOT, "mapping": mapping})
    changed = await caller.patch(
        "/v1/sources/hubspot", {"mapping": {"stages": {"closedlost": "lost"}, "rates": None}}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json()["mapping"] == {"stages": {"closedwon": "won", "closedlost": "lost"}}
    named = await caller.patch("/v1/sources/hubspot", {"name": "CRM", "account": "4412"})
    assert (named.json()["name"], named.json()["account"]) == ("CRM", "4412")


@EMBEDDED
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
    refused = await caller.put("/v1/sources/hubspot", {**HUBSPOT, member: value})
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"].startswith(f"/{member}")


async def test_a_source_keeps_its_connector(caller):
    await caller.made("/v1/sources/hubspot", HUBSPOT)
    refused = await caller.put("/v1/sources/hubspot", {"name": "Billing"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/connector")
    assert (await caller.delete("/v1/sources/hubspot")).status_code == 204
    assert (await caller.get("/v1/sources/hubspot")).status_code == 404


async def test_every_connector_that_is_named_can_be_connected_or_says_why_not(caller):
    names = (await caller.get("/openapi.json")).json()["components"]["schemas"]["SourcePut"][
        "properties"
    ]["connector"]
    for name in names["enum"]:
        body = {**HUBSPOT, "connector": name}
        reply = await caller.put(f"/v1/sources/{name.replace('_', '-')}", body)
        assert reply.status_code in (201, 422), (name, reply.text)


def test_the_wire_knows_the_same_connectors_as_the_domain():
    assert get_args(source_shapes.ConnectorName) == CONNECTORS
