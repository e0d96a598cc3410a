"""The endpoints of API keys."""

import pytest

from tests.api.conftest import POSTGRESQL_ONLY, SQLITE_ONLY, Client

KEY_REQUEST = {
    "name": "billing",
    "scopes": ["events:write"],
    "team": None,
    "source": None,
    "expires_at": None,
}


async def test_a_key_is_shown_once_and_listed_without_its_secret(admin):
    issue_reply = await admin.post("/v1/api-keys", KEY_REQUEST)
    assert issue_reply.status_code == 201, issue_reply.text
    issued_key = issue_reply.json()["api_key"]
    assert issued_key.startswith("sightline_")
    keys_by_id = {
        listed_key["id"]: listed_key
        for listed_key in (await admin.get("/v1/api-keys")).json()["items"]
    }
    assert {**keys_by_id[issue_reply.json()["id"]], "api_key": issued_key} == issue_reply.json()
    assert keys_by_id[issue_reply.json()["id"]]["last_four"] == issued_key[-4:]
    readable_text = (await admin.get("/v1/api-keys")).text + (await admin.get("/v1/journal")).text
    assert issued_key not in readable_text
    assert issued_key[21:64] not in readable_text


async def test_keys_are_listed_in_pages_oldest_first(api):
    for number in range(3):
        api.clock.advance(seconds=1)
        await api.admin.post("/v1/api-keys", {**KEY_REQUEST, "name": f"key {number}"})
    first_page = (await api.admin.get("/v1/api-keys", params={"limit": 2})).json()
    second_page = (
        await api.admin.get(
            "/v1/api-keys", params={"limit": 2, "cursor": first_page["next_cursor"]}
        )
    ).json()
    assert [key["name"] for key in (*first_page["items"], *second_page["items"])][1:] == [
        "key 0",
        "key 1",
        "key 2",
    ]


async def test_nobody_issues_a_key_beyond_their_own(api):
    await api.seed_strategy()
    bound_admin = await api.create_client("admin", team="sales")
    assert (await bound_admin.post("/v1/api-keys", KEY_REQUEST)).status_code == 403
    assert (
        await bound_admin.post("/v1/api-keys", {**KEY_REQUEST, "team": "sales"})
    ).status_code == 201


@SQLITE_ONLY
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
async def test_an_invalid_key_request_is_rejected(admin, member, value):
    rejection = await admin.post("/v1/api-keys", {**KEY_REQUEST, member: value})
    assert rejection.status_code == 422
    assert rejection.json()["errors"][0]["pointer"].startswith(f"/{member}")


async def test_a_revoked_key_is_no_longer_listed(admin):
    issued_key = (await admin.post("/v1/api-keys", KEY_REQUEST)).json()
    assert (await admin.delete(f"/v1/api-keys/{issued_key['id']}")).status_code == 204
    assert (await admin.delete(f"/v1/api-keys/{issued_key['id']}")).status_code == 404
    assert issued_key["id"] not in (await admin.get("/v1/api-keys")).text


async def test_a_key_of_the_longest_name_issues_keys_that_can_be_read(api):
    issue_reply = await api.admin.post(
        "/v1/api-keys", {**KEY_REQUEST, "name": "n" * 200, "scopes": ["admin"]}
    )
    caller = Client(api.app, issue_reply.json()["api_key"])
    second_reply = await caller.post("/v1/api-keys", KEY_REQUEST)
    assert second_reply.status_code == 201, second_reply.text
    assert second_reply.json()["created_by"] == f"{'n' * 200} ({issue_reply.json()['id']})"
    assert (await api.admin.get("/v1/api-keys")).status_code == 200


@POSTGRESQL_ONLY
@pytest.mark.parametrize(
    "position",
    ["x", "2026-11-23T12:00:00+00:00", "2026-11-23 x", "2026-11-23T12:00:00 x", "a\x00 b"],
)
async def test_a_forged_position_is_refused(get_forged_page, position):
    rejection = await get_forged_page("/v1/api-keys", position)
    assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (422, "cursor")
