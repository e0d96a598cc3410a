"""Liveness and readiness."""

from tests.api.conftest import Client


async def test_the_service_lives_and_is_ready_for_anyone(world):
    stranger = Client(world.app, None)
    for path in ("/livez", "/readyz"):
        reply = await stranger.get(path)
        assert (reply.status_code, reply.json()["status"]) == (200, "ok")
        assert reply.headers["cache-control"] == "no-store"


async def test_a_service_that_owns_its_tables_says_so(world, database_url):
    (warning,) = (await Client(world.app, None).get("/readyz")).json()["warnings"] or [""]
    assert ("--service-role" in warning) == database_url.startswith("postgresql")
