"""How a request shows its key."""

import pytest

from tests.api.conftest import Client


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        ["Token {key}"],
        ["{key}"],
        ["Bearer {key} x"],
        ["Bearer {key}", "Bearer {key}"],
        ["Bearer " + "a" * 10_000],
        ["Bearer é"],
    ],
)
async def test_anything_but_one_bearer_key_is_refused(world, shown):
    caller = Client(world.app, None)
    headers = [("Authorization", text.format(key=world.admin.key).encode("latin-1")) for text in shown]
    reply = await caller.http.get("/v1/teams", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")


async def test_a_key_is_asked_for_before_the_body_is_read(world):
    async def never():
        raise AssertionError("the body was read")
        yield b""

    reply = await Client(world.app, None).http.put("/v1/teams/sales", content=never())
    assert reply.status_code == 401
