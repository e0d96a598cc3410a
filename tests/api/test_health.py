"""Liveness and readiness."""

from tests.api.conftest import Client


async def test_the_service_lives_and_is_ready_for_anyone(world):
    stranger = Client(world.app, None)
    for path in ("/livez", "/readyz"):
        reply = await stranger.get(path)
        assert (reply.status_code, reply.json()["status"]) == (200, "ok")
        assert reply.headers["cache-control"] == "no-store"
