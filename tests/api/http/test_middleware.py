"""The outermost layer: ids, headers, the log, and no exception that leaves."""

import logging

import pytest

from app.api.app import build
from app.api.http.route import Contract, declare, desk
from tests.api.conftest import Client


async def test_a_sane_request_id_comes_back_and_any_other_is_replaced(admin):
    kept = await admin.get("/livez", headers={"X-Request-Id": "Trace-123_abc"})
    assert kept.headers["x-request-id"] == "Trace-123_abc"
    for wrong in ("short", "x" * 65, "with space 1", "tab\tinside", "é" * 10):
        reply = await admin.get("/livez", headers={"X-Request-Id": wrong.encode("latin-1")})
        assert len(reply.headers["x-request-id"]) == 32


async def test_the_request_id_is_in_the_problem_and_in_the_log(admin, caplog):
    with caplog.at_level(logging.INFO, "sightline.request"):
        reply = await admin.get("/v1/teams/nowhere")
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    (line,) = [record for record in caplog.records if record.name == "sightline.request"]
    assert (line.request_id, line.status, line.method) == (
        reply.headers["x-request-id"],
        404,
        "GET",
    )
    assert line.route == "/v1/teams/{team}"


async def test_no_key_and_no_hook_is_in_the_log(world, caplog):
    with caplog.at_level(logging.DEBUG):
        await world.admin.get("/v1/teams", headers={"X-Request-Id": "x\r\ny"[:1] * 9})
        await Client(world.app, None).post("/hooks/aVeryLongHookIdThatIsASecret", {})
        await Client(world.app, "sightline_wrong").get("/v1/teams")
    said = "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith("sightline")
    )
    assert "401" in said
    for secret in (world.admin.key, "aVeryLongHookIdThatIsASecret", "sightline_wrong"):
        assert secret not in said


async def test_every_reply_has_the_security_headers(admin):
    replies = [
        await admin.get("/livez"),
        await admin.get("/v1/teams"),
        await admin.get("/v1/organization"),
        await admin.get("/nowhere"),
        await admin.post("/livez"),
        await Client(admin.http._transport.app, None).get("/v1/teams"),
    ]
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["cache-control"] == (
            "private, no-cache" if "etag" in reply.headers else "no-store"
        )
        assert "server" not in reply.headers
    assert "strict-transport-security" not in replies[0].headers
    secure = await admin.http.get("https://sightline.test/livez")
    assert "max-age" in secure.headers["strict-transport-security"]


@pytest.fixture
def broken():
    router = desk("health")

    @router.get("/broken", **declare(Contract()))
    async def break_down() -> dict[str, str]:
        raise RuntimeError("the password is swordfish")

    app = build()
    app.router.routes.extend(router.routes)
    return Client(app, None)


async def test_what_nobody_foresaw_is_a_problem_that_tells_nothing_and_a_line_in_the_log(
    broken, caplog
):
    with caplog.at_level(logging.ERROR, "sightline.request"):
        reply = await broken.get("/broken")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal-error")
    assert reply.headers["content-type"] == "application/problem+json"
    assert "swordfish" not in reply.text
    assert caplog.records[0].request_id == reply.headers["x-request-id"]


async def test_who_is_refused_and_why_is_in_the_log(world, caplog):
    with caplog.at_level(logging.INFO, "sightline.request"):
        await Client(world.app, None).get("/v1/teams")
        await (await world.client("read")).put(
            "/v1/teams/sales", {"name": "Sales", "function": "sales"}
        )
    lines = [record for record in caplog.records if record.name == "sightline.request"]
    assert [(line.status, line.problem) for line in (lines[0], lines[-1])] == [
        (401, "unauthorized"),
        (403, "forbidden"),
    ]
    assert (lines[0].actor, lines[-1].actor[:4]) == (None, "test")
