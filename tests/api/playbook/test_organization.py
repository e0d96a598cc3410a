"""The organization over HTTP."""

from tests.api.conftest import event


async def test_the_caller_sees_its_organization_scopes_and_binding(world):
    await world.strategy()
    caller = await world.client("read", "events:write", team="sales", source="billing")
    found = (await caller.get("/v1/organization")).json()
    assert (found["key"], found["name"], found["time_zone"]) == ("acme", "Acme", "UTC")
    assert (found["scopes"], found["team"], found["source"]) == (
        ["events:write", "read"],
        "sales",
        "billing",
    )


async def test_the_version_rises_with_every_write_and_so_does_the_tag(world):
    await world.strategy()
    before = await world.admin.get("/v1/organization")
    await world.admin.post("/v1/events", event())
    after = await world.admin.get(
        "/v1/organization", headers={"If-None-Match": before.headers["etag"]}
    )
    assert after.status_code == 200
    assert after.json()["version"] > before.json()["version"]
    renamed = await world.admin.patch(
        "/v1/organization", {"name": "A"}, headers={"If-Match": before.headers["etag"]}
    )
    assert (renamed.status_code, renamed.json()["name"]) == (200, "A")


async def test_the_time_zone_is_an_iana_name_and_fixed_once_events_exist(world):
    assert (
        await world.admin.patch("/v1/organization", {"time_zone": "Europe/Berlin"})
    ).status_code == 200
    assert (await world.admin.patch("/v1/organization", {"time_zone": "Berlin"})).status_code == 422
    await world.strategy()
    await world.admin.post("/v1/events", event())
    refused = await world.admin.patch("/v1/organization", {"time_zone": "UTC"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/time_zone")
