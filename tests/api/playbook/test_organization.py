"""The organization over HTTP."""

from tests.api.conftest import make_event


async def test_the_caller_sees_its_organization_scopes_and_binding(api):
    await api.seed_strategy()
    caller = await api.create_client("read", "events:write", team="sales", source="billing")
    organization = (await caller.get("/v1/organization")).json()
    assert (organization["key"], organization["name"], organization["time_zone"]) == (
        "acme",
        "Acme",
        "UTC",
    )
    assert (organization["scopes"], organization["team"], organization["source"]) == (
        ["events:write", "read"],
        "sales",
        "billing",
    )


async def test_the_version_rises_with_every_write_and_so_does_the_tag(api):
    await api.seed_strategy()
    reply_before = await api.admin.get("/v1/organization")
    await api.admin.post("/v1/events", make_event())
    reply_after = await api.admin.get(
        "/v1/organization", headers={"If-None-Match": reply_before.headers["etag"]}
    )
    assert reply_after.status_code == 200
    assert reply_after.json()["version"] > reply_before.json()["version"]
    renamed_reply = await api.admin.patch(
        "/v1/organization", {"name": "A"}, headers={"If-Match": reply_before.headers["etag"]}
    )
    assert (renamed_reply.status_code, renamed_reply.json()["name"]) == (200, "A")


async def test_the_time_zone_is_an_iana_name_and_fixed_once_events_exist(api):
    assert (
        await api.admin.patch("/v1/organization", {"time_zone": "Europe/Berlin"})
    ).status_code == 200
    assert (await api.admin.patch("/v1/organization", {"time_zone": "Berlin"})).status_code == 422
    await api.seed_strategy()
    await api.admin.post("/v1/events", make_event())
    rejection = await api.admin.patch("/v1/organization", {"time_zone": "UTC"})
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "/time_zone")
