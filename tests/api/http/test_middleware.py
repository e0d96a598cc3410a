"""The outermost layer: ids, headers, the log, and no exception that leaves."""

import logging

import pytest

from app.api.app import create_application
from app.api.http.route import Contract, create_router, route_contract
from tests.api.conftest import Client


async def test_a_valid_request_id_is_returned_and_any_other_is_replaced(admin):
    valid_reply = await admin.get("/livez", headers={"X-Request-Id": "Trace-123_abc"})
    assert valid_reply.headers["x-request-id"] == "Trace-123_abc"
    for request_id in ("short", "x" * 65, "with space 1", "tab\tinside", "é" * 10):
        reply = await admin.get("/livez", headers={"X-Request-Id": request_id.encode("latin-1")})
        assert len(reply.headers["x-request-id"]) == 32


async def test_the_request_id_is_in_the_problem_and_in_the_log(admin, caplog):
    with caplog.at_level(logging.INFO, "sightline.request"):
        reply = await admin.get("/v1/teams/nowhere")
    assert reply.json()["request_id"] == reply.headers["x-request-id"]
    (record,) = [
        log_record for log_record in caplog.records if log_record.name == "sightline.request"
    ]
    assert (record.request_id, record.status, record.method) == (
        reply.headers["x-request-id"],
        404,
        "GET",
    )
    assert record.route == "/v1/teams/{team}"


async def test_no_key_and_no_hook_is_in_the_log(api, caplog):
    with caplog.at_level(logging.DEBUG):
        await api.admin.get("/v1/teams", headers={"X-Request-Id": "x\r\ny"[:1] * 9})
        await Client(api.app, None).post("/hooks/aVeryLongHookIdThatIsASecret", {})
        await Client(api.app, "sightline_wrong").get("/v1/teams")
    log_text = "".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith("sightline")
    )
    assert "401" in log_text
    for secret in (api.admin.key, "aVeryLongHookIdThatIsASecret", "sightline_wrong"):
        assert secret not in log_text


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
    https_reply = await admin.http.get("https://sightline.test/livez")
    assert "max-age" in https_reply.headers["strict-transport-security"]


@pytest.fixture
def broken_client():
    router = create_router("health")

    @router.get("/broken", **route_contract(Contract()))
    async def raise_unexpected_error() -> dict[str, str]:
        raise RuntimeError("the password is swordfish")

    app = create_application()
    app.router.routes.extend(router.routes)
    return Client(app, None)


async def test_an_unexpected_error_is_an_opaque_problem_and_a_log_line(broken_client, caplog):
    with caplog.at_level(logging.ERROR, "sightline.request"):
        reply = await broken_client.get("/broken")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal-error")
    assert reply.headers["content-type"] == "application/problem+json"
    assert "swordfish" not in reply.text
    assert caplog.records[0].request_id == reply.headers["x-request-id"]


async def test_a_rejection_is_logged_with_its_caller_and_reason(api, caplog):
    with caplog.at_level(logging.INFO, "sightline.request"):
        await Client(api.app, None).get("/v1/teams")
        await (await api.create_client("read")).put(
            "/v1/teams/sales", {"name": "Sales", "function": "sales"}
        )
    records = [
        log_record for log_record in caplog.records if log_record.name == "sightline.request"
    ]
    assert [(record.status, record.problem) for record in (records[0], records[-1])] == [
        (401, "unauthorized"),
        (403, "forbidden"),
    ]
    assert (records[0].actor, records[-1].actor[:4]) == (None, "test")
