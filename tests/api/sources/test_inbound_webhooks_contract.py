"""The receiver contract (crm-webhooks.md, section 9): what each connector answers, and what is kept of it.

One table: by connector and situation the status of the answer and the state of what is kept, None where nothing is.
On SQLite alone; tests/api/sources/test_inbound_webhooks.py and test_hooks_lives.py take deliveries on both databases.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.connectors.registry import CONNECTORS
from tests.api.conftest import NOW, Client, World
from tests.api.test_hooks_lives import ADDRESS, connect
from tests.support.lives import (
    ORGANIZATION,
    STATUS,
    TELLERS,
    Step,
    Teller,
    dump,
    iso,
    script,
    standard,
)

MIB = 1024 * 1024
FIRST, SECOND = script(merges=False)[:2]
OWN = {"type": "deal.won", "time": iso(FIRST.at), "team": "sales", "value": 5}


def own(step: Step) -> bytes:
    return dump({"id": f"{step.deal}", **OWN})


def cloud(step: Step) -> bytes:
    said = {
        "specversion": "1.0",
        "id": f"{step.deal}",
        "source": "/shop",
        "type": "deal.won",
        "time": iso(step.at),
    }
    return dump({**said, "data": {"value": 5, "status": STATUS[step.stage]}})


def cloud_sign(body: bytes, secret: str, at: datetime, url: str) -> Mapping[str, str]:
    kind = "-batch" if body.startswith(b"[") else ""
    return {
        **standard(body, secret, at, url),
        "content-type": f"application/cloudevents{kind}+json",
    }


EVERY = {
    **{one.connector: one for one in TELLERS},
    "standard_webhooks": Teller("standard_webhooks", own, standard),
    "cloudevents": Teller("cloudevents", cloud, cloud_sign),
}
SIGNED = (
    "hubspot",
    "salesforce_cdc",
    "twenty",
    "close",
    "generic",
    "standard_webhooks",
    "cloudevents",
)
OPEN = ("standard_webhooks", "cloudevents")
# What is authentic and not our business.
IGNORED = {
    "hubspot": dump(
        [
            {
                "subscriptionType": "contact.creation",
                "portalId": 4242001,
                "objectId": 1,
                "occurredAt": 1,
            }
        ]
    ),
    "pipedrive": dump(
        {"meta": {"action": "create", "entity": "person", "entity_id": "1", "company_id": "7"}}
    ),
    "pipedrive_v1": dump(
        {"meta": {"action": "added", "object": "person", "id": 1, "company_id": 7}}
    ),
    "salesforce_outbound": EVERY["salesforce_outbound"]
    .tell(FIRST)
    .replace(b"sf:Opportunity", b"sf:Contact"),
    "salesforce_cdc": dump({"payload": {"ChangeEventHeader": {"entityName": "Contact"}}}),
    "twenty": EVERY["twenty"].tell(FIRST).replace(b"opportunity.", b"person."),
    "close": EVERY["close"].tell(FIRST).replace(b'"opportunity"', b'"lead"'),
    "generic": b"[]",
    "standard_webhooks": b'{"events": []}',
    "cloudevents": b"[]",
}
FOREIGN = {
    "hubspot": (b"4242001", b"4242002"),
    "pipedrive": (b'"company_id": "7"', b'"company_id": "8"'),
    "pipedrive_v1": (b'"company_id": 7', b'"company_id": 8'),
    "salesforce_outbound": (ORGANIZATION.encode(), b"00D000000000062EAA"),
    "twenty": (b"w-1", b"w-2"),
    "close": (b"orga_1", b"orga_2"),
}


def half(name: str) -> bytes | None:
    """Something good beside something bad. None for those that send one thing at a time."""
    one = EVERY[name].tell(SECOND)
    if name == "salesforce_outbound":
        start, middle, end = one.partition(b"<Notification>")
        good, _, tail = end.partition(b"</Notification>")
        bad = good.replace(b"SystemModstamp", b"Other")
        return start + b"".join(middle + each + b"</Notification>" for each in (bad, good)) + tail
    if name in ("standard_webhooks", "salesforce_cdc"):
        return dump({"events": [7, json.loads(one)]})
    if name in ("hubspot", "generic", "cloudevents"):
        found = json.loads(one)
        return dump([7, *(found if isinstance(found, list) else [found])])
    return None


def expected(name: str) -> dict[str, tuple[int, str | None]]:
    """The table."""
    forged: tuple[int, str | None] = (
        (200, "processed") if name == "salesforce_outbound" else (401, None)
    )  # nothing is signed: the path tells
    table: dict[str, tuple[int, str | None]] = {
        "stored": (200, "processed"),
        "repeated": (200, "processed"),
        "ignored": (200, "ignored"),
        "forged": forged,
        "another address": (401, None),
        "unreadable": (400 if name in OPEN else 200, "failed"),
        "too large": (413, None),
        "compressed": (415, None),
        "another content type": (200, "processed"),
        "cannot be stored": (503, None),
    }
    if name in SIGNED:
        table |= {
            "stale": (401, None),
            "from the future": (401, None),
            "300 seconds": (200, "processed"),
        }
    if name in FOREIGN:
        table["foreign"] = (403 if name == "salesforce_outbound" else 200, "failed")
    if half(name) is not None:
        table["half bad"] = (200, "processed")
    if name in OPEN:
        table["one that is bad"] = (400, "failed")
    if name == "cloudevents":
        table["another content type"] = (415, "failed")
    return table


def situations(name: str) -> dict[str, tuple[bytes, Mapping[str, Any]]]:
    """The bodies, and what is odd about how they are sent."""
    body = EVERY[name].tell(FIRST)
    odd = {
        "content-type": "application/cloudevents+avro"
        if name == "cloudevents"
        else "application/x-anything"
    }
    table: dict[str, tuple[bytes, Mapping[str, Any]]] = {
        "stored": (body, {}),
        "repeated": (body, {}),
        "ignored": (IGNORED[name], {}),
        "forged": (body, {"forged": True}),
        "another address": (body, {"path": "/hooks/nowhere"}),
        "unreadable": (b"{", {}),
        "too large": (b" " * (2 * MIB + 1), {}),
        "compressed": (body, {"headers": {"content-encoding": "gzip"}}),
        "another content type": (body, {"headers": odd}),
        "stale": (body, {"at": NOW - timedelta(seconds=301)}),
        "from the future": (body, {"at": NOW + timedelta(seconds=301)}),
        "300 seconds": (body, {"at": NOW - timedelta(seconds=300)}),
        "half bad": (half(name) or b"", {}),
        "one that is bad": (b'{"id": 1}', {}),
        "cannot be stored": (EVERY[name].tell(replace(FIRST, deal=99)), {}),
    }
    if name in FOREIGN:
        table["foreign"] = (body.replace(*FOREIGN[name]), {})
    # What breaks the database comes last.
    return {
        one: table[one] for one in sorted(expected(name), key=lambda one: one == "cannot be stored")
    }


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.mark.parametrize("name", list(EVERY))
async def test_every_situation_is_answered_as_the_table_says(world: World, name: str):
    await world.strategy()
    teller = EVERY[name]
    url, secret = await connect(world, teller)
    caller = Client(world.app, None).http
    wrong = {"hubspot": "another-client-secret", "close": "0e" * 32, "twenty": "00" * 32}.get(
        name, "a:" + "b" * 20
    )
    wrong = "whsec_" + "B" * 43 + "=" if teller.sign in (standard, cloud_sign) else wrong
    found: dict[str, tuple[int, str | None]] = {}
    before: object = None
    for situation, (body, how) in situations(name).items():
        if situation == "cannot be stored":
            before = (await world.admin.get("/v1/events", params={"source": "crm"})).json()
            async with world.app.state.service.database.writing() as connection:
                await connection.execute(text("alter table delivery rename to elsewhere"))
        listed = set() if situation == "cannot be stored" else await kept(world)
        headers = teller.sign(body, wrong if "forged" in how else secret, how.get("at", NOW), url)
        path = how.get("path", url.removeprefix(ADDRESS))
        reply = await caller.post(path, content=body, headers={**headers, **how.get("headers", {})})
        if situation == "cannot be stored":
            assert reply.headers["retry-after"]
            assert (await world.admin.get("/v1/events", params={"source": "crm"})).json() == before
            found[situation] = (reply.status_code, None)
            continue
        new = await kept(world) - listed
        found[situation] = (reply.status_code, next(iter(new))[1] if new else None)
        acknowledged = b"<Ack>true</Ack>" in reply.content
        assert acknowledged is (name == "salesforce_outbound" and reply.status_code == 200), (
            situation
        )
        if reply.status_code == 401:
            assert reply.json()["detail"] == "There is no such hook, or the signature is not valid."
    assert found == expected(name)


async def kept(world: World) -> set[tuple[str, str]]:
    """The deliveries that are kept, by name, each with its state."""
    listed = (await world.admin.get("/v1/sources/crm/deliveries", params={"limit": 200})).json()[
        "items"
    ]
    return {(one["uid"], one["state"]) for one in listed}


async def test_what_is_bad_of_a_batch_is_named_by_its_place_and_the_rest_stands(world: World):
    await world.strategy()
    teller = EVERY["hubspot"]
    url, secret = await connect(world, teller)
    body = half("hubspot") or b""
    headers = teller.sign(body, secret, NOW, url)
    reply = await Client(world.app, None).http.post(
        url.removeprefix(ADDRESS), content=body, headers=headers
    )
    shown = (await world.admin.get(f"/v1/sources/crm/deliveries/{reply.json()['delivery']}")).json()
    assert "not a JSON object" in shown["problem"]
    events = (await world.admin.get("/v1/events", params={"source": "crm"})).json()["items"]
    assert [one["subject"] for one in events] == [f"deal/{SECOND.deal}"]


def test_the_table_has_every_connector():
    assert set(EVERY) == set(CONNECTORS) == set(IGNORED)
