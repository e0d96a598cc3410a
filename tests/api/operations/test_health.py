"""Liveness and readiness."""

from tests.api.conftest import Client


async def test_liveness_and_readiness_need_no_key(api):
    anonymous = Client(api.app, None)
    for path in ("/livez", "/readyz"):
        reply = await anonymous.get(path)
        assert (reply.status_code, reply.json()["status"]) == (200, "ok")
        assert reply.headers["cache-control"] == "no-store"


async def test_readiness_warns_when_the_service_owns_its_tables(api, database_url):
    (warning,) = (await Client(api.app, None).get("/readyz")).json()["warnings"] or [""]
    assert ("--service-role" in warning) == database_url.startswith("postgresql")
