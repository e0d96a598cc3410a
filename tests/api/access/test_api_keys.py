"""API keys over HTTP."""

import pytest

from tests.api.conftest import EMBEDDED, SERVER, Client

WANTED = {
    "name": "billing",
    "scopes": ["events:write"],
    "team": None,
    "source": None,
    "expires_at": None,
}


async def test_a_key_is_shown_once_and_listed_without_itself(admin):
    issued = await admin.post("/v1/api-keys", WANTED)
    assert issued.status_code == 201, issued.text
    key = issued.json()["api_key"]
    assert key.startswith("sightline_")
    listed = {one["id"]: one for one in (await admin.get("/v1/api-keys")).json()["items"]}
    assert {**listed[issued.json()["id"]], "api_key": key} == issued.json()
    assert listed[issued.json()["id"]]["last_four"] == key[-4:]
    everything = (await admin.get("/v1/api-keys")).text + (await admin.get("/v1/journal")).text
    assert key not in everything
    assert key[21:64] not in everything


async def test_keys_are_listed_in_pages_oldest_first(world):
    for number in range(3):
        world.clock.pass_time(seconds=1)
        await world.admin.post("/v1/api-keys", {**WANTED, "name": f"key {number}"})
    first = (await world.admin.get("/v1/api-keys", params={"limit": 2})).json()
    rest = (
        await world.admin.get("/v1/api-keys", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    assert [key["name"] for key in (*first["items"], *rest["items"])][1:] == [
        "key 0",
        "key 1",
        "key 2",
    ]


async def test_nobody_issues_a_key_beyond_their_own(world):
    await world.strategy()
    bound = await world.client("admin", team="sales")
    assert (await bound.post("/v1/api-keys", WANTED)).status_code == 403
    assert (await bound.post("/v1/api-keys", {**WANTED, "team": "sales"})).status_code == 201


@EMBEDDED
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("scopes", []),
        ("scopes", ["all"]),
        ("scopes", ["read", "read"]),
        ("name", ""),
        ("team", "nobody"),
        ("source", "nothing"),
        ("expires_at", "2026-11-23T12:00:00Z"),
        ("expires_at", "2026-12-01"),
        ("id", "x"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(admin, member, value):
    refused = await admin.post("/v1/api-keys", {**WANTED, member: value})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].startswith(f"/{member}")


async def test_a_revoked_key_is_not_there_any_more(admin):
    issued = (await admin.post("/v1/api-keys", WANTED)).json()
    assert (await admin.delete(f"/v1/api-keys/{issued['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/api-keys/{issued['id']}")).status_code == 404
    assert issued["id"] not in (await admin.get("/v1/api-keys")).text


async def test_a_key_of_the_longest_name_issues_keys_that_can_be_read(world):
    issued = await world.admin.post(
        "/v1/api-keys", {**WANTED, "name": "n" * 200, "scopes": ["admin"]}
    )
    caller = Client(world.app, issued.json()["api_key"])
    made = await caller.post("/v1/api-keys", WANTED)
    assert made.status_code == 201, made.text
    assert made.json()["created_by"] == f"{'n' * 200} ({issued.json()['id']})"
    assert (await world.admin.get("/v1/api-keys")).status_code == 200


@SERVER
@pytest.mark.parametrize(
    "position",
    ["x", "2026-11-23T12:00:00+00:00", "2026-11-23 x", "2026-11-23T12:00:00 x", "a\x00 b"],
)
async def test_a_forged_position_is_refused(forged, position):
    refused = await forged("/v1/api-keys", position)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "cursor")
