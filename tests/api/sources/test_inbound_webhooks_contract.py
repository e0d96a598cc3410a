"""The receiver contract: the status of each connector's answer, and the state of the delivery.

One table lists both by connector and situation; None means that no delivery is stored. It runs on
SQLite only; test_inbound_webhooks.py and test_inbound_webhooks_lives.py run on both databases.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.connectors.registry import CONNECTORS
from tests.api.conftest import NOW, ApiHarness, Client
from tests.api.sources.test_inbound_webhooks_lives import PUBLIC_URL, connect_crm
from tests.support.deal_scenarios import (
    CRM_SIMULATORS,
    SALESFORCE_ORGANIZATION_ID,
    STATUS_BY_STAGE,
    CrmSimulator,
    DealStep,
    build_deal_steps,
    sign_standard_webhook,
    to_iso_format,
    to_json_bytes,
)

MIB = 1024 * 1024
FIRST_STEP, SECOND_STEP = build_deal_steps(supports_merges=False)[:2]
EVENT_FIELDS = {
    "type": "deal.won",
    "time": to_iso_format(FIRST_STEP.occurred_at),
    "team": "sales",
    "value": 5,
}


def encode_event(step: DealStep) -> bytes:
    return to_json_bytes({"id": f"{step.deal}", **EVENT_FIELDS})


def encode_cloudevent(step: DealStep) -> bytes:
    attributes = {
        "specversion": "1.0",
        "id": f"{step.deal}",
        "source": "/shop",
        "type": "deal.won",
        "time": to_iso_format(step.occurred_at),
    }
    return to_json_bytes(
        {**attributes, "data": {"value": 5, "status": STATUS_BY_STAGE[step.stage]}}
    )


def sign_cloudevent(body: bytes, secret: str, signed_at: datetime, url: str) -> Mapping[str, str]:
    media_suffix = "-batch" if body.startswith(b"[") else ""
    return {
        **sign_standard_webhook(body, secret, signed_at, url),
        "content-type": f"application/cloudevents{media_suffix}+json",
    }


SIMULATORS = {
    **{simulator.connector: simulator for simulator in CRM_SIMULATORS},
    "standard_webhooks": CrmSimulator("standard_webhooks", encode_event, sign_standard_webhook),
    "cloudevents": CrmSimulator("cloudevents", encode_cloudevent, sign_cloudevent),
}
SIGNED_CONNECTORS = (
    "hubspot",
    "salesforce_cdc",
    "twenty",
    "close",
    "generic",
    "standard_webhooks",
    "cloudevents",
)
EVENT_CONNECTORS = ("standard_webhooks", "cloudevents")
# Authentic bodies that concern nothing that we read.
IGNORED_BODIES = {
    "hubspot": to_json_bytes(
        [
            {
                "subscriptionType": "contact.creation",
                "portalId": 4242001,
                "objectId": 1,
                "occurredAt": 1,
            }
        ]
    ),
    "pipedrive": to_json_bytes(
        {"meta": {"action": "create", "entity": "person", "entity_id": "1", "company_id": "7"}}
    ),
    "pipedrive_v1": to_json_bytes(
        {"meta": {"action": "added", "object": "person", "id": 1, "company_id": 7}}
    ),
    "salesforce_outbound": SIMULATORS["salesforce_outbound"]
    .encode_step(FIRST_STEP)
    .replace(b"sf:Opportunity", b"sf:Contact"),
    "salesforce_cdc": to_json_bytes({"payload": {"ChangeEventHeader": {"entityName": "Contact"}}}),
    "twenty": SIMULATORS["twenty"].encode_step(FIRST_STEP).replace(b"opportunity.", b"person."),
    "close": SIMULATORS["close"].encode_step(FIRST_STEP).replace(b'"opportunity"', b'"lead"'),
    "generic": b"[]",
    "standard_webhooks": b'{"events": []}',
    "cloudevents": b"[]",
}
FOREIGN_ACCOUNTS = {
    "hubspot": (b"4242001", b"4242002"),
    "pipedrive": (b'"company_id": "7"', b'"company_id": "8"'),
    "pipedrive_v1": (b'"company_id": 7', b'"company_id": 8'),
    "salesforce_outbound": (SALESFORCE_ORGANIZATION_ID.encode(), b"00D000000000062EAA"),
    "twenty": (b"w-1", b"w-2"),
    "close": (b"orga_1", b"orga_2"),
}


def make_partly_bad_body(name: str) -> bytes | None:
    """Return a body with a good and a bad element, or None if a body has only one."""
    body = SIMULATORS[name].encode_step(SECOND_STEP)
    if name == "salesforce_outbound":
        start, middle, end = body.partition(b"<Notification>")
        good_element, _, tail = end.partition(b"</Notification>")
        bad_element = good_element.replace(b"SystemModstamp", b"Other")
        return (
            start
            + b"".join(
                middle + element + b"</Notification>" for element in (bad_element, good_element)
            )
            + tail
        )
    if name in ("standard_webhooks", "salesforce_cdc"):
        return to_json_bytes({"events": [7, json.loads(body)]})
    if name in ("hubspot", "generic", "cloudevents"):
        document = json.loads(body)
        return to_json_bytes([7, *(document if isinstance(document, list) else [document])])
    return None


def get_expected_answers(name: str) -> dict[str, tuple[int, str | None]]:
    """Return the expected status and state by situation."""
    forged: tuple[int, str | None] = (
        (200, "processed") if name == "salesforce_outbound" else (401, None)
    )  # unsigned: the path is the secret
    table: dict[str, tuple[int, str | None]] = {
        "stored": (200, "processed"),
        "repeated": (200, "processed"),
        "ignored": (200, "ignored"),
        "forged": forged,
        "another address": (401, None),
        "unreadable": (400 if name in EVENT_CONNECTORS else 200, "failed"),
        "too large": (413, None),
        "compressed": (415, None),
        "another content type": (200, "processed"),
        "cannot be stored": (503, None),
    }
    if name in SIGNED_CONNECTORS:
        table |= {
            "stale": (401, None),
            "from the future": (401, None),
            "300 seconds": (200, "processed"),
        }
    if name in FOREIGN_ACCOUNTS:
        table["foreign"] = (403 if name == "salesforce_outbound" else 200, "failed")
    if make_partly_bad_body(name) is not None:
        table["half bad"] = (200, "processed")
    if name in EVENT_CONNECTORS:
        table["one that is bad"] = (400, "failed")
    if name == "cloudevents":
        table["another content type"] = (415, "failed")
    return table


def build_situations(name: str) -> dict[str, tuple[bytes, Mapping[str, Any]]]:
    """Build the bodies, and the headers that are wrong about them."""
    body = SIMULATORS[name].encode_step(FIRST_STEP)
    odd_headers = {
        "content-type": "application/cloudevents+avro"
        if name == "cloudevents"
        else "application/x-anything"
    }
    table: dict[str, tuple[bytes, Mapping[str, Any]]] = {
        "stored": (body, {}),
        "repeated": (body, {}),
        "ignored": (IGNORED_BODIES[name], {}),
        "forged": (body, {"forged": True}),
        "another address": (body, {"path": "/hooks/nowhere"}),
        "unreadable": (b"{", {}),
        "too large": (b" " * (2 * MIB + 1), {}),
        "compressed": (body, {"headers": {"content-encoding": "gzip"}}),
        "another content type": (body, {"headers": odd_headers}),
        "stale": (body, {"at": NOW - timedelta(seconds=301)}),
        "from the future": (body, {"at": NOW + timedelta(seconds=301)}),
        "300 seconds": (body, {"at": NOW - timedelta(seconds=300)}),
        "half bad": (make_partly_bad_body(name) or b"", {}),
        "one that is bad": (b'{"id": 1}', {}),
        "cannot be stored": (SIMULATORS[name].encode_step(replace(FIRST_STEP, deal=99)), {}),
    }
    if name in FOREIGN_ACCOUNTS:
        table["foreign"] = (body.replace(*FOREIGN_ACCOUNTS[name]), {})
    # The situations that break the database come last.
    return {
        situation: table[situation]
        for situation in sorted(
            get_expected_answers(name), key=lambda situation: situation == "cannot be stored"
        )
    }


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.mark.parametrize("name", list(SIMULATORS))
async def test_every_situation_is_answered_as_the_table_says(api: ApiHarness, name: str):
    await api.seed_strategy()
    simulator = SIMULATORS[name]
    url, secret = await connect_crm(api, simulator)
    caller = Client(api.app, None).http
    wrong_secret = {
        "hubspot": "another-client-secret",
        "close": "0e" * 32,
        "twenty": "00" * 32,
    }.get(name, "a:" + "b" * 20)
    wrong_secret = (
        "whsec_" + "B" * 43 + "="
        if simulator.sign in (sign_standard_webhook, sign_cloudevent)
        else wrong_secret
    )
    answers: dict[str, tuple[int, str | None]] = {}
    events_before: object = None
    for situation, (body, variation) in build_situations(name).items():
        if situation == "cannot be stored":
            events_before = (await api.admin.get("/v1/events", params={"source": "crm"})).json()
            async with api.app.state.service.database.write_transaction() as writer:
                await writer.execute(text("alter table delivery rename to elsewhere"))
        deliveries_before = (
            set() if situation == "cannot be stored" else await list_delivery_states(api)
        )
        headers = simulator.sign(
            body, wrong_secret if "forged" in variation else secret, variation.get("at", NOW), url
        )
        path = variation.get("path", url.removeprefix(PUBLIC_URL))
        reply = await caller.post(
            path, content=body, headers={**headers, **variation.get("headers", {})}
        )
        if situation == "cannot be stored":
            assert reply.headers["retry-after"]
            assert (
                await api.admin.get("/v1/events", params={"source": "crm"})
            ).json() == events_before
            answers[situation] = (reply.status_code, None)
            continue
        new_deliveries = await list_delivery_states(api) - deliveries_before
        answers[situation] = (
            reply.status_code,
            next(iter(new_deliveries))[1] if new_deliveries else None,
        )
        is_acknowledged = b"<Ack>true</Ack>" in reply.content
        assert is_acknowledged is (name == "salesforce_outbound" and reply.status_code == 200), (
            situation
        )
        if reply.status_code == 401:
            assert reply.json()["detail"] == "There is no such hook, or the signature is not valid."
    assert answers == get_expected_answers(name)


async def list_delivery_states(api: ApiHarness) -> set[tuple[str, str]]:
    """List the states of the stored deliveries, by name."""
    deliveries = (await api.admin.get("/v1/sources/crm/deliveries", params={"limit": 200})).json()[
        "items"
    ]
    return {(delivery["uid"], delivery["state"]) for delivery in deliveries}


async def test_a_bad_element_of_a_batch_is_reported_and_the_good_ones_are_recorded(api: ApiHarness):
    await api.seed_strategy()
    simulator = SIMULATORS["hubspot"]
    url, secret = await connect_crm(api, simulator)
    body = make_partly_bad_body("hubspot") or b""
    headers = simulator.sign(body, secret, NOW, url)
    reply = await Client(api.app, None).http.post(
        url.removeprefix(PUBLIC_URL), content=body, headers=headers
    )
    delivery = (
        await api.admin.get(f"/v1/sources/crm/deliveries/{reply.json()['delivery']}")
    ).json()
    assert "not a JSON object" in delivery["problem"]
    events = (await api.admin.get("/v1/events", params={"source": "crm"})).json()["items"]
    assert [event["subject"] for event in events] == [f"deal/{SECOND_STEP.deal}"]


def test_the_table_has_every_connector():
    assert set(SIMULATORS) == set(CONNECTORS) == set(IGNORED_BODIES)
