"""The endpoint of hooks, and the deliveries that it stores."""

import base64
import hmac
import json
from hashlib import sha256

import pytest

from tests.api.conftest import NOW, Client
from tests.support import sample_deliveries

PUBLIC_URL = "http://127.0.0.1:8000"


class WebhookSender:
    """A sender that signs as in Standard Webhooks."""

    def __init__(self, app, url, secret):
        self.client = Client(app, None)
        self.path = url.removeprefix(PUBLIC_URL)
        self.secret = secret
        self.last_number = 0

    async def send(self, body, **header_overrides):
        self.last_number += 1
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        message_id = f"msg_{self.last_number}"
        timestamp = str(int(NOW.timestamp()))
        secret_key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signature = base64.b64encode(
            hmac.new(secret_key, f"{message_id}.{timestamp}.".encode() + content, sha256).digest()
        ).decode()
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{signature}",
            "content-type": "application/json",
        }
        return await self.client.http.post(
            self.path, content=content, headers={**headers, **header_overrides}
        )


@pytest.fixture
async def sender(api):
    await api.seed_strategy()
    source = await api.admin.put_object(
        "/v1/sources/relay", {"name": "Relay", "connector": "standard_webhooks"}
    )
    return WebhookSender(api.app, source["hook_url"], source["secret"])


def make_event_body(number=1):
    return {
        "id": f"inv-{number}", "type": "invoice.paid", "time": "2026-11-20T12:00:00Z",
        "team": "sales", "value": 5.5
    }  # fmt: skip


async def test_a_delivery_is_stored_and_becomes_events(api, sender):
    reply = await sender.send(make_event_body())
    assert reply.status_code == 200, reply.text
    (delivery,) = (await api.admin.get("/v1/sources/relay/deliveries")).json()["items"]
    assert (delivery["uid"], delivery["state"]) == (reply.json()["delivery"], reply.json()["state"])
    delivery_view = (await api.admin.get(f"/v1/sources/relay/deliveries/{delivery['uid']}")).json()
    assert json.loads(delivery_view["body"]) == make_event_body()
    assert delivery_view["body_encoding"] == "utf_8"
    assert {"name": "content-type", "value": "application/json"} in delivery_view["headers"]
    assert "signature" not in str(delivery_view["headers"])
    health = (await api.admin.get("/v1/sources/relay")).json()["health"]
    events = (await api.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [(event["id"], event["value"], event["metrics"]) for event in events] == [
        ("inv-1", 5.5, ["revenue"])
    ]
    assert (health["deliveries_last_day"], health["last_delivery_at"]) == (
        1,
        "2026-11-23T12:00:00Z",
    )


async def test_an_invalid_signature_and_an_unknown_hook_get_the_same_answer(api, sender):
    forged_reply = await sender.send(make_event_body(), **{"webhook-signature": "v1,AAAA"})
    stale_reply = await sender.send(
        make_event_body(), **{"webhook-timestamp": str(int(NOW.timestamp()) - 301)}
    )
    sender.path = "/hooks/nowhere"
    unknown_reply = await sender.send(make_event_body())
    problems = [
        {
            member_name: member
            for member_name, member in problem_reply.json().items()
            if member_name not in ("instance", "request_id")
        }
        for problem_reply in (forged_reply, stale_reply, unknown_reply)
    ]
    assert [reply.status_code for reply in (forged_reply, stale_reply, unknown_reply)] == [
        401,
        401,
        401,
    ]
    assert problems[0] == problems[1] == problems[2]
    assert (await api.admin.get("/v1/sources/relay/deliveries")).json()["items"] == []


async def test_an_authentic_unreadable_delivery_is_stored_and_rejected(api, sender):
    rejection = await sender.send(b"{")
    assert (rejection.status_code, rejection.json()["code"]) == (400, "malformed-input")
    failed_deliveries = (
        await api.admin.get("/v1/sources/relay/deliveries", params={"state": "failed"})
    ).json()["items"]
    assert [delivery["state"] for delivery in failed_deliveries] == ["failed"]
    assert failed_deliveries[0]["problem"]


async def test_bytes_that_are_no_text_are_shown_in_base64(api, sender):
    await sender.send(b"\xff\x00")
    (delivery,) = (await api.admin.get("/v1/sources/relay/deliveries")).json()["items"]
    delivery_view = (await api.admin.get(f"/v1/sources/relay/deliveries/{delivery['uid']}")).json()
    assert (delivery_view["body_encoding"], base64.b64decode(delivery_view["body"])) == (
        "base64",
        b"\xff\x00",
    )


async def test_a_delivery_is_bounded_and_never_decompressed(sender):
    large_reply = await sender.send(b"x" * (2 * 1024 * 1024 + 1))
    assert (large_reply.status_code, large_reply.json()["code"]) == (413, "too-large")
    compressed_reply = await sender.send(make_event_body(), **{"content-encoding": "gzip"})
    assert compressed_reply.status_code == 415


async def test_a_connected_sources_events_come_from_its_hook_only(api, sender):
    event = {
        "id": "x",
        "source": "relay",
        "type": "a",
        "time": "2026-11-20T12:00:00Z",
        "team": "sales",
    }
    rejection = await api.admin.post("/v1/events", event)
    assert (rejection.status_code, rejection.json()["code"]) == (409, "source-is-connected")


async def test_a_recorded_event_is_accepted_again_after_its_team_was_archived(api, sender):
    await api.admin.put_object("/v1/teams/ops", {"name": "Ops", "function": "operations"})
    assert (await sender.send({**make_event_body(), "team": "ops"})).status_code == 200
    assert (await api.admin.delete("/v1/teams/ops")).status_code == 204
    repeated_reply = await sender.send({**make_event_body(), "team": "ops"})
    assert (repeated_reply.status_code, repeated_reply.json()["state"]) == (200, "processed")
    events = (await api.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [(event["id"], event["team"]) for event in events] == [("inv-1", "ops")]


SALESFORCE_SOURCE = {
    "name": "Salesforce",
    "connector": "salesforce_outbound",
    "account": "00D5g000004XyZA",
    "team": "sales",
}


async def test_salesforce_is_acknowledged_unless_foreign_or_with_a_document_type(
    api,
):
    await api.seed_strategy()
    source = await api.admin.put_object("/v1/sources/crm", SALESFORCE_SOURCE)
    assert source["secret"] is None
    http = Client(api.app, None).http
    path = source["hook_url"].removeprefix(PUBLIC_URL)
    body = sample_deliveries.read_sample("salesforce_outbound", "won.xml")
    headers = {"content-type": "text/xml; charset=utf-8"}
    for valid_body in (body, body, b"not XML at all"):
        reply = await http.post(path, content=valid_body, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (
            200,
            "text/xml; charset=utf-8",
        )
        assert reply.content == sample_deliveries.read_sample(
            "salesforce_outbound", "acknowledgement.xml"
        )
    foreign_reply = await http.post(
        path, content=body.replace(b"00D5g000004XyZA", b"00D000000000062"), headers=headers
    )
    doctype_reply = await http.post(path, content=b"<!DOCTYPE a><a/>", headers=headers)
    unknown_reply = await http.post("/hooks/nowhere", content=body, headers=headers)
    assert [reply.status_code for reply in (foreign_reply, doctype_reply, unknown_reply)] == [
        403,
        400,
        401,
    ]
    assert all(
        b"Ack" not in reply.content for reply in (foreign_reply, doctype_reply, unknown_reply)
    )
    deliveries = (await api.admin.get("/v1/sources/crm/deliveries")).json()["items"]
    assert sorted(delivery["state"] for delivery in deliveries) == [
        "failed",
        "failed",
        "processed",
        "processed",
    ]


async def test_the_session_of_salesforce_is_never_stored(api):
    await api.seed_strategy()
    source = await api.admin.put_object("/v1/sources/crm", SALESFORCE_SOURCE)
    body = sample_deliveries.read_sample("salesforce_outbound", "won.xml")
    body_with_session = body.replace(
        b'<SessionId xsi:nil="true"/>', b"<SessionId>00D!live</SessionId>"
    )
    await Client(api.app, None).http.post(
        source["hook_url"].removeprefix(PUBLIC_URL), content=body_with_session
    )
    (delivery,) = (await api.admin.get("/v1/sources/crm/deliveries")).json()["items"]
    delivery_view = (await api.admin.get(f"/v1/sources/crm/deliveries/{delivery['uid']}")).json()
    assert (
        delivery["state"],
        "00D!live" in delivery_view["body"],
        "SessionId" in delivery_view["body"],
    ) == (
        "processed",
        False,
        True,
    )


async def test_a_gap_is_a_failed_delivery_that_names_the_records_to_import(api):
    await api.seed_strategy()
    source_document = {
        "name": "Salesforce",
        "connector": "salesforce_cdc",
        "account": "00D5g000004XyZA",
        "team": "sales",
    }
    source = await api.admin.put_object("/v1/sources/crm", source_document)
    sender = WebhookSender(api.app, source["hook_url"], source["secret"])
    assert (await sender.send(sample_deliveries.read_sample("salesforce_cdc", "gap.json"))).json()[
        "state"
    ] == "failed"
    (delivery,) = (await api.admin.get("/v1/sources/crm/deliveries")).json()["items"]
    assert "import 0065g00000AbCdEAAV" in delivery["problem"]


async def test_an_invalid_cloudevent_on_a_hook_gets_the_fitting_status(api):
    await api.seed_strategy()
    source = await api.admin.put_object(
        "/v1/sources/shop", {"name": "Shop", "connector": "cloudevents", "team": "sales"}
    )
    http = Client(api.app, None).http
    path = source["hook_url"].removeprefix(PUBLIC_URL)

    async def post_and_get_status(body, media_type, **extra_headers):
        headers = {
            "content-type": media_type,
            "authorization": f"Bearer {source['secret']}",
            **extra_headers,
        }
        return (await http.post(path, content=body, headers=headers)).status_code

    structured = sample_deliveries.read_sample("cloudevents", "structured.json")
    assert await post_and_get_status(structured, "application/cloudevents+json") == 200
    assert (
        await post_and_get_status(
            sample_deliveries.read_sample("cloudevents", "batch.json"),
            "application/cloudevents-batch+json",
        )
        == 200
    )
    assert (
        await post_and_get_status(
            structured.replace(b'"id"', b'"no"'), "application/cloudevents+json"
        )
        == 400
    )
    assert await post_and_get_status(structured, "application/cloudevents+avro") == 415
    assert (
        await post_and_get_status(
            structured, "application/cloudevents+json", authorization="Bearer x"
        )
        == 401
    )
    binary_headers = {
        "ce-specversion": "1.0",
        "ce-id": "9",
        "ce-source": "/b",
        "ce-type": "a.b",
        "ce-time": "2026-10-20T12:00:00Z",
    }
    assert await post_and_get_status(b'{"value": 5}', "application/json", **binary_headers) == 200
    deliveries = (await api.admin.get("/v1/sources/shop/deliveries")).json()["items"]
    delivery_views = [
        (await api.admin.get(f"/v1/sources/shop/deliveries/{delivery['uid']}")).json()
        for delivery in deliveries
    ]
    assert (
        sum(
            {"name": "ce-id", "value": "9"} in delivery_view["headers"]
            for delivery_view in delivery_views
        )
        == 1
    )


async def test_only_a_cloudevents_hook_accepts_a_webhook_subscription(api, sender):
    source = await api.admin.put_object(
        "/v1/sources/shop", {"name": "Shop", "connector": "cloudevents", "team": "sales"}
    )
    path = source["hook_url"].removeprefix(PUBLIC_URL)

    async def request_consent(hook_path, **headers):
        callback_headers = {
            "webhook-request-callback": "http://127.0.0.1:1/",
            "webhook-request-rate": "120",
        }
        reply = await Client(api.app, None).http.options(
            hook_path, headers={**callback_headers, **headers}
        )
        assert (reply.status_code, reply.headers["allow"], reply.content) == (
            204,
            "OPTIONS, POST",
            b"",
        )
        webhook_headers = {
            header_name: value
            for header_name, value in reply.headers.items()
            if header_name.startswith("webhook-")
        }
        assert "access-control-allow-origin" not in reply.headers
        return webhook_headers

    consent_headers = {
        "webhook-allowed-origin": "eventemitter.example.com",
        "webhook-allowed-rate": "*",
    }
    origin = {"webhook-request-origin": "eventemitter.example.com"}
    assert await request_consent(path, **origin) == consent_headers
    assert await request_consent(path) == {}
    assert await request_consent(path, **{"webhook-request-origin": "a b,c"}) == {}
    assert await request_consent("/hooks/nowhere", **origin) == {}
    assert await request_consent(sender.path, **origin) == {}
    assert (await api.admin.delete("/v1/sources/shop")).status_code == 204
    assert await request_consent(path, **origin) == {}


async def test_the_same_event_id_with_other_content_is_a_conflict_and_the_recorded_event_stays(
    api, sender
):
    assert (await sender.send(make_event_body())).status_code == 200
    assert (await sender.send(make_event_body())).json()["state"] == "processed"
    conflict_reply = await sender.send({**make_event_body(), "value": 6})
    assert (conflict_reply.status_code, conflict_reply.json()["code"]) == (409, "event-conflict")
    assert "other content" in conflict_reply.json()["detail"]
    events = (await api.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [event["value"] for event in events] == [5.5]


async def test_a_webhook_id_that_comes_again_with_another_body_is_a_conflict(api, sender):
    """The same id with another body is a conflict, not an update."""
    assert (await sender.send(make_event_body(1))).status_code == 200
    sender.last_number = 0
    assert (await sender.send(make_event_body(1))).json()["state"] == "processed"
    for other_body in (make_event_body(2), {"events": [make_event_body(1), make_event_body(2)]}):
        sender.last_number = 0
        rejection = await sender.send(other_body)
        assert (rejection.status_code, rejection.json()["code"]) == (409, "event-conflict")
        assert "'msg_1' came before with another body" in rejection.json()["detail"]
    await api.admin.post("/v1/sources/relay/replay", {})
    failed_deliveries = (
        await api.admin.get("/v1/sources/relay/deliveries", params={"state": "failed"})
    ).json()["items"]
    assert len(failed_deliveries) == 2
    events = (await api.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [event["id"] for event in events] == ["inv-1"]
    assert (await sender.send(make_event_body(2))).status_code == 200


async def test_a_rejected_body_may_be_corrected_under_the_same_webhook_id(api, sender):
    assert (await sender.send({**make_event_body(), "team": "ops"})).status_code == 400
    sender.last_number = 0
    assert (await sender.send(make_event_body())).json()["state"] == "processed"
    sender.last_number = 0
    assert (await sender.send({**make_event_body(), "team": "ops"})).status_code == 409
