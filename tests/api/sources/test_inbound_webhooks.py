"""Hooks over HTTP, and the deliveries that they keep."""

import base64
import hmac
import json
from hashlib import sha256

import pytest

from tests.api.conftest import NOW, Client
from tests.support import samples

ADDRESS = "http://127.0.0.1:8000"


class Sender:
    """Another system, which signs as Standard Webhooks says."""

    def __init__(self, app, url, secret):
        self.caller, self.path, self.secret = Client(app, None), url.removeprefix(ADDRESS), secret
        self.number = 0

    async def send(self, body, **wrong):
        self.number += 1
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        name, at = f"msg_{self.number}", str(int(NOW.timestamp()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        sign = base64.b64encode(
            hmac.new(key, f"{name}.{at}.".encode() + raw, sha256).digest()
        ).decode()
        headers = {
            "webhook-id": name,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{sign}",
            "content-type": "application/json",
        }
        return await self.caller.http.post(self.path, content=raw, headers={**headers, **wrong})


@pytest.fixture
async def sender(world):
    await world.strategy()
    made = await world.admin.made(
        "/v1/sources/relay", {"name": "Relay", "connector": "standard_webhooks"}
    )
    return Sender(world.app, made["hook_url"], made["secret"])


def said(number=1):
    return {
        "id": f"inv-{number}", "type": "invoice.paid", "time": "2026-11-20T12:00:00Z", "team": "sales", "value": 5.5
    }  # fmt: skip


async def test_a_delivery_is_kept_and_becomes_events(world, sender):
    taken = await sender.send(said())
    assert taken.status_code == 200, taken.text
    (listed,) = (await world.admin.get("/v1/sources/relay/deliveries")).json()["items"]
    assert (listed["uid"], listed["state"]) == (taken.json()["delivery"], taken.json()["state"])
    raw = (await world.admin.get(f"/v1/sources/relay/deliveries/{listed['uid']}")).json()
    assert json.loads(raw["body"]) == said()
    assert raw["body_encoding"] == "utf_8"
    assert {"name": "content-type", "value": "application/json"} in raw["headers"]
    assert "signature" not in str(raw["headers"])
    health = (await world.admin.get("/v1/sources/relay")).json()["health"]
    events = (await world.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [(one["id"], one["value"], one["metrics"]) for one in events] == [
        ("inv-1", 5.5, ["revenue"])
    ]
    assert (health["deliveries_last_day"], health["last_delivery_at"]) == (
        1,
        "2026-11-23T12:00:00Z",
    )


async def test_a_signature_that_does_not_verify_and_a_hook_that_is_not_there_look_the_same(
    world, sender
):
    wrong = await sender.send(said(), **{"webhook-signature": "v1,AAAA"})
    old = await sender.send(said(), **{"webhook-timestamp": str(int(NOW.timestamp()) - 301)})
    sender.path = "/hooks/nowhere"
    nowhere = await sender.send(said())
    bodies = [
        {k: v for k, v in r.json().items() if k not in ("instance", "request_id")}
        for r in (wrong, old, nowhere)
    ]
    assert [reply.status_code for reply in (wrong, old, nowhere)] == [401, 401, 401]
    assert bodies[0] == bodies[1] == bodies[2]
    assert (await world.admin.get("/v1/sources/relay/deliveries")).json()["items"] == []


async def test_what_is_authentic_and_cannot_be_read_is_kept_and_refused(world, sender):
    refused = await sender.send(b"{")
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed-input")
    failed = (
        await world.admin.get("/v1/sources/relay/deliveries", params={"state": "failed"})
    ).json()["items"]
    assert [one["state"] for one in failed] == ["failed"]
    assert failed[0]["problem"]


async def test_bytes_that_are_no_text_are_shown_in_base64(world, sender):
    await sender.send(b"\xff\x00")
    (listed,) = (await world.admin.get("/v1/sources/relay/deliveries")).json()["items"]
    raw = (await world.admin.get(f"/v1/sources/relay/deliveries/{listed['uid']}")).json()
    assert (raw["body_encoding"], base64.b64decode(raw["body"])) == ("base64", b"\xff\x00")


async def test_a_delivery_is_bounded_and_never_decompressed(sender):
    large = await sender.send(b"x" * (2 * 1024 * 1024 + 1))
    assert (large.status_code, large.json()["code"]) == (413, "too-large")
    packed = await sender.send(said(), **{"content-encoding": "gzip"})
    assert packed.status_code == 415


async def test_a_connected_sources_events_come_from_its_hook_only(world, sender):
    event = {
        "id": "x",
        "source": "relay",
        "type": "a",
        "time": "2026-11-20T12:00:00Z",
        "team": "sales",
    }
    refused = await world.admin.post("/v1/events", event)
    assert (refused.status_code, refused.json()["code"]) == (409, "source-is-connected")


async def test_an_event_that_stands_is_taken_again_after_its_team_was_archived(world, sender):
    await world.admin.made("/v1/teams/ops", {"name": "Ops", "function": "operations"})
    assert (await sender.send({**said(), "team": "ops"})).status_code == 200
    assert (await world.admin.delete("/v1/teams/ops")).status_code == 204
    again = await sender.send({**said(), "team": "ops"})
    assert (again.status_code, again.json()["state"]) == (200, "processed")
    events = (await world.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [(one["id"], one["team"]) for one in events] == [("inv-1", "ops")]


SALESFORCE = {
    "name": "Salesforce",
    "connector": "salesforce_outbound",
    "account": "00D5g000004XyZA",
    "team": "sales",
}


async def test_salesforce_is_acknowledged_unless_it_is_another_organization_or_sends_a_document_type(
    world,
):
    await world.strategy()
    made = await world.admin.made("/v1/sources/crm", SALESFORCE)
    assert made["secret"] is None
    http, path = Client(world.app, None).http, made["hook_url"].removeprefix(ADDRESS)
    body = samples.body("salesforce_outbound", "won.xml")
    headers = {"content-type": "text/xml; charset=utf-8"}
    for good in (body, body, b"not XML at all"):
        reply = await http.post(path, content=good, headers=headers)
        assert (reply.status_code, reply.headers["content-type"]) == (
            200,
            "text/xml; charset=utf-8",
        )
        assert reply.content == samples.body("salesforce_outbound", "acknowledgement.xml")
    foreign = await http.post(
        path, content=body.replace(b"00D5g000004XyZA", b"00D000000000062"), headers=headers
    )
    doctype = await http.post(path, content=b"<!DOCTYPE a><a/>", headers=headers)
    nowhere = await http.post("/hooks/nowhere", content=body, headers=headers)
    assert [reply.status_code for reply in (foreign, doctype, nowhere)] == [403, 400, 401]
    assert all(b"Ack" not in reply.content for reply in (foreign, doctype, nowhere))
    listed = (await world.admin.get("/v1/sources/crm/deliveries")).json()["items"]
    assert sorted(one["state"] for one in listed) == ["failed", "failed", "processed", "processed"]


async def test_the_session_of_salesforce_is_never_stored(world):
    await world.strategy()
    made = await world.admin.made("/v1/sources/crm", SALESFORCE)
    body = samples.body("salesforce_outbound", "won.xml")
    live = body.replace(b'<SessionId xsi:nil="true"/>', b"<SessionId>00D!live</SessionId>")
    await Client(world.app, None).http.post(made["hook_url"].removeprefix(ADDRESS), content=live)
    (listed,) = (await world.admin.get("/v1/sources/crm/deliveries")).json()["items"]
    raw = (await world.admin.get(f"/v1/sources/crm/deliveries/{listed['uid']}")).json()
    assert (listed["state"], "00D!live" in raw["body"], "SessionId" in raw["body"]) == (
        "processed",
        False,
        True,
    )


async def test_a_gap_is_a_failed_delivery_that_says_what_to_import(world):
    await world.strategy()
    body = {
        "name": "Salesforce",
        "connector": "salesforce_cdc",
        "account": "00D5g000004XyZA",
        "team": "sales",
    }
    made = await world.admin.made("/v1/sources/crm", body)
    sender = Sender(world.app, made["hook_url"], made["secret"])
    assert (await sender.send(samples.body("salesforce_cdc", "gap.json"))).json()[
        "state"
    ] == "failed"
    (listed,) = (await world.admin.get("/v1/sources/crm/deliveries")).json()["items"]
    assert "import 0065g00000AbCdEAAV" in listed["problem"]


async def test_a_cloud_event_on_a_hook_is_told_what_is_wrong_with_it(world):
    await world.strategy()
    made = await world.admin.made(
        "/v1/sources/shop", {"name": "Shop", "connector": "cloudevents", "team": "sales"}
    )
    http, path = Client(world.app, None).http, made["hook_url"].removeprefix(ADDRESS)

    async def status(body, media, **more):
        headers = {"content-type": media, "authorization": f"Bearer {made['secret']}", **more}
        return (await http.post(path, content=body, headers=headers)).status_code

    structured = samples.body("cloudevents", "structured.json")
    assert await status(structured, "application/cloudevents+json") == 200
    assert (
        await status(
            samples.body("cloudevents", "batch.json"), "application/cloudevents-batch+json"
        )
        == 200
    )
    assert await status(structured.replace(b'"id"', b'"no"'), "application/cloudevents+json") == 400
    assert await status(structured, "application/cloudevents+avro") == 415
    assert await status(structured, "application/cloudevents+json", authorization="Bearer x") == 401
    named = {
        "ce-specversion": "1.0",
        "ce-id": "9",
        "ce-source": "/b",
        "ce-type": "a.b",
        "ce-time": "2026-10-20T12:00:00Z",
    }
    assert await status(b'{"value": 5}', "application/json", **named) == 200
    listed = (await world.admin.get("/v1/sources/shop/deliveries")).json()["items"]
    raws = [
        (await world.admin.get(f"/v1/sources/shop/deliveries/{one['uid']}")).json()
        for one in listed
    ]
    assert sum({"name": "ce-id", "value": "9"} in raw["headers"] for raw in raws) == 1


async def test_only_a_hook_of_cloud_events_consents_to_a_sender_that_asks(world, sender):
    made = await world.admin.made(
        "/v1/sources/shop", {"name": "Shop", "connector": "cloudevents", "team": "sales"}
    )
    path = made["hook_url"].removeprefix(ADDRESS)

    async def asked(where, **headers):
        callback = {
            "webhook-request-callback": "http://127.0.0.1:1/",
            "webhook-request-rate": "120",
        }
        reply = await Client(world.app, None).http.options(where, headers={**callback, **headers})
        assert (reply.status_code, reply.headers["allow"], reply.content) == (
            204,
            "OPTIONS, POST",
            b"",
        )
        said = {name: value for name, value in reply.headers.items() if name.startswith("webhook-")}
        assert "access-control-allow-origin" not in reply.headers
        return said

    yes = {"webhook-allowed-origin": "eventemitter.example.com", "webhook-allowed-rate": "*"}
    origin = {"webhook-request-origin": "eventemitter.example.com"}
    assert await asked(path, **origin) == yes
    assert await asked(path) == {}
    assert await asked(path, **{"webhook-request-origin": "a b,c"}) == {}
    assert await asked("/hooks/nowhere", **origin) == {}
    assert await asked(sender.path, **origin) == {}
    assert (await world.admin.delete("/v1/sources/shop")).status_code == 204
    assert await asked(path, **origin) == {}


async def test_the_same_event_id_with_other_content_is_a_conflict_and_what_was_recorded_stands(
    world, sender
):
    assert (await sender.send(said())).status_code == 200
    assert (await sender.send(said())).json()["state"] == "processed"
    other = await sender.send({**said(), "value": 6})
    assert (other.status_code, other.json()["code"]) == (409, "event-conflict")
    assert "other content" in other.json()["detail"]
    events = (await world.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [one["value"] for one in events] == [5.5]


async def test_a_webhook_id_that_comes_again_with_another_body_is_a_conflict(world, sender):
    """The trap of 7.3: same id with another body is a conflict, not an update."""
    assert (await sender.send(said(1))).status_code == 200
    sender.number = 0
    assert (await sender.send(said(1))).json()["state"] == "processed"
    for other in (said(2), {"events": [said(1), said(2)]}):
        sender.number = 0
        refused = await sender.send(other)
        assert (refused.status_code, refused.json()["code"]) == (409, "event-conflict")
        assert "'msg_1' came before with another body" in refused.json()["detail"]
    await world.admin.post("/v1/sources/relay/replay", {})
    listed = (
        await world.admin.get("/v1/sources/relay/deliveries", params={"state": "failed"})
    ).json()["items"]
    assert len(listed) == 2
    events = (await world.admin.get("/v1/events", params={"source": "relay"})).json()["items"]
    assert [one["id"] for one in events] == ["inv-1"]
    assert (await sender.send(said(2))).status_code == 200


async def test_a_body_that_came_to_nothing_may_be_mended_under_its_webhook_id(world, sender):
    assert (await sender.send({**said(), "team": "ops"})).status_code == 400
    sender.number = 0
    assert (await sender.send(said())).json()["state"] == "processed"
    sender.number = 0
    assert (await sender.send({**said(), "team": "ops"})).status_code == 409
