"""The service as an outsider finds it: listening, on PostgreSQL, under its own role, known by its document alone."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.settings import Settings
from tests.api.conftest import KEYS
from tests.support.databases import Postgresql
from tests.support.roles import serving
from tests.support.serving import served

pytestmark = pytest.mark.postgresql
MARK = "larchwood"  # stands in all that the first organization says, and in nothing that others are told
UNKNOWN = str(UUID(int=7))
WHEN = (datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)).isoformat()
NOUNS: dict[str, Any] = {
    f"/v1/teams/{MARK}-sales": {"name": f"Sales of {MARK}", "function": "sales", "size": 10},
    f"/v1/teams/{MARK}-ops": {"name": f"Ops of {MARK}", "function": "operations"},
    f"/v1/sources/{MARK}-billing": {"name": MARK},
    f"/v1/sources/{MARK}-relay": {
        "name": MARK,
        "connector": "standard_webhooks",
        "team": f"{MARK}-sales",
    },
    f"/v1/metrics/{MARK}-arr": {"name": MARK, "events": [f"{MARK}.paid"], "aggregation": "sum"},
    f"/v1/offerings/{MARK}-plus": {"name": MARK, "available_from": "2026-01-01"},
    f"/v1/playbooks/{MARK}-plan": {
        "title": MARK,
        "starts_on": "2026-01-01",
        "ends_on": "2030-12-31",
    },
    f"/v1/objectives/{MARK}-win": {"playbook": f"{MARK}-plan", "title": MARK},
    f"/v1/key-results/{MARK}-2m": {
        "objective": f"{MARK}-win",
        "title": MARK,
        "metric": f"{MARK}-arr",
        "baseline": 0,
        "target": 2,
    },
    f"/v1/objectives/{MARK}-win/responsibilities/{MARK}-sales": {
        "role": "accountable",
        "share": 50,
    },
    f"/v1/playbooks/{MARK}-plan/contributions/{MARK}-sales": {"by": MARK},
}
MINE = {
    "team": f"{MARK}-sales",
    "metric": f"{MARK}-arr",
    "offering": f"{MARK}-plus",
    "playbook": f"{MARK}-plan",
    "objective": f"{MARK}-win",
    "key_result": f"{MARK}-2m",
    "source": f"{MARK}-relay",
}
NOWHERE = {
    **dict.fromkeys(MINE, "nowhere"),
    "uid": UNKNOWN,
    "id": "0aZ3bY7cX1d",
    "hook_id": "a" * 32,
}


@dataclass
class Target:
    """A service that listens, its document, and an organization in it that has everything."""

    address: str
    stack: ExitStack
    stranger: httpx.Client
    admin: httpx.Client
    other: httpx.Client
    paths: dict[str, Any]
    names: dict[str, str]
    hook: str
    secret: str

    def caller(self, **wanted: object) -> httpx.Client:
        """A key of the first organization."""
        made = self.admin.post("/v1/api-keys", json={"name": MARK, **wanted})
        return self.stack.enter_context(client(self.address, made.json()["api_key"]))

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Method, path and description of everything in the document."""
        for path, methods in self.paths.items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def everything(self) -> dict[str, str]:
        """All that the first organization can read of itself, but what moves by being asked."""
        found = {}
        for method, path, _ in self.operations():
            if (
                method == "GET"
                and path.startswith("/v1/")
                and "{" not in path
                and path != "/v1/api-keys"
            ):
                found[path] = self.admin.get(path, params=asked(path)).text
        return found


def asked(path: str) -> dict[str, str]:
    """What a list cannot do without."""
    return (
        {"from": "2026-01-01"} if path in ("/v1/alignment/changes", "/v1/alignment/history") else {}
    )


def client(address: str, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=address, headers=headers, timeout=30)


def filled(path: str, names: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], path)


def sent(operation: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The operation's own example, with these names wherever a body may name a thing."""
    content = operation.get("requestBody", {}).get("content")
    if content is None:
        return {}
    ((media_type, media),) = content.items()
    body = media["examples"]["example"]["value"]
    if isinstance(body, dict):
        body = {
            name: names.get(name, value) if isinstance(value, str) else value
            for name, value in body.items()
        }
    return {
        "content": body if isinstance(body, str) else json.dumps(body),
        "headers": {"Content-Type": media_type},
    }


def event(number: int, **more: object) -> dict[str, object]:
    name = f"{MARK}-{number}"
    found = {
        "id": name,
        "source": f"{MARK}-billing",
        "type": f"{MARK}.paid",
        "time": WHEN,
        "team": f"{MARK}-sales",
    }
    return {**found, "value": 5, "subject": f"{MARK}/1", "data": {"note": MARK}, **more}


@pytest.fixture(scope="module")
def target(_postgresql: Postgresql) -> Iterator[Target]:
    """One for all: whoever attacks it proves that it is as it was."""
    name = _postgresql.fresh()
    with serving(_postgresql.address(name)) as url:
        yield from attacked(url)
    _postgresql.drop(name)


def attacked(service_url: str) -> Iterator[Target]:
    settings = Settings(
        database_url=service_url,
        secret_keys=KEYS,
        key_pepper=KEYS,
        requests_per_minute=0,
        failures_per_minute=0,
    )
    app = create_app(settings)

    async def organized() -> list[str]:
        names = (MARK, "other")
        keys = [
            await organizations.create(app.state.service, Organization(name, name))
            for name in names
        ]
        await app.state.service.database.close()
        return keys

    mine, theirs = asyncio.run(organized())
    with served(app) as address, ExitStack() as stack:
        stranger, admin, other = (
            stack.enter_context(client(address, key)) for key in (None, mine, theirs)
        )
        made = {}
        for path, body in NOUNS.items():
            reply = admin.put(path, json=body)
            assert reply.status_code == 201, reply.text
            made[path] = reply.json()
        relay = made[f"/v1/sources/{MARK}-relay"]
        assert admin.post(f"/v1/playbooks/{MARK}-plan/publish").status_code == 200
        uid = admin.post("/v1/events", json=event(1)).json()["uid"]
        paths = stranger.get("/openapi.json").json()["paths"]
        found = Target(
            address,
            stack,
            stranger,
            admin,
            other,
            paths,
            {},
            urlsplit(relay["hook_url"]).path,
            relay["secret"],
        )
        delivery = deliver(found, event(2, source=f"{MARK}-relay"), name="msg_0").json()["delivery"]
        key = admin.get("/v1/api-keys").json()["items"][0]["id"]
        found.names = {
            **MINE,
            "uid": uid,
            "id": key,
            "delivery": delivery,
            "hook_id": found.hook.rpartition("/")[2],
        }
        yield found


def deliver(
    target: Target,
    body: object,
    *,
    late: timedelta = timedelta(),
    secret: str = "",
    name: str = "msg_1",
) -> httpx.Response:
    """A delivery, signed so much later than now: a signature is good for minutes, and a run takes longer."""
    at, text = datetime.now(UTC) + late, json.dumps(body)
    signature = Webhook(secret or target.secret).sign(name, at, text)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
    }
    return target.stranger.post(target.hook, content=text, headers=headers)


def names_for(target: Target, path: str) -> dict[str, str]:
    """The first organization's names for an address; a delivery's uid is none of an event's."""
    return (
        {**target.names, "uid": target.names["delivery"]}
        if "/deliveries/" in path
        else target.names
    )


def neutral(reply: httpx.Response) -> object:
    """A refusal without what names the request, or what was asked for."""
    said = {
        name: value
        for name, value in reply.json().items()
        if name not in ("instance", "request_id")
    }
    return {**said, "detail": re.sub("'[a-z0-9/-]+'", "?", str(said["detail"]))}


def unrefused(found: Mapping[str, str]) -> dict[str, str]:
    """What is there but for when a forged delivery was last refused, which is noted for its owner."""
    return {
        path: re.sub(r'"last_refused_at":("[^"]*"|null)', "", told) for path, told in found.items()
    }


def test_whoever_has_no_key_learns_and_changes_nothing(target: Target):
    before, stranger = target.everything(), target.stranger
    for method, path, operation in target.operations():
        for names in (names_for(target, path), NOWHERE):
            reply = stranger.request(method, filled(path, names), **sent(operation, names))
            if path in ("/livez", "/readyz"):
                assert reply.json()["status"] == "ok"
            else:
                assert reply.status_code == 401, (method, path)
            assert MARK not in reply.text.replace(filled(path, names), ""), (method, path)
            assert "server" not in reply.headers
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert stranger.request(method, "/v1/teams").status_code in (400, 404, 405)
    assert unrefused(target.everything()) == unrefused(before)


def test_a_key_that_reads_changes_nothing_and_a_teams_key_no_other_teams(target: Target):
    bound = target.caller(scopes=["playbook:write", "events:write", "read"], team=f"{MARK}-ops")
    reader = target.caller(scopes=["read"])
    before = target.everything()
    for method, path, operation in target.operations():
        if method == "GET" or path.startswith("/hooks/"):
            continue
        names = names_for(target, path)
        reply = reader.request(method, filled(path, names), **sent(operation, names))
        allowed = operation["x-required-scopes"] == ["read"]
        assert (reply.status_code == 403) is not allowed, (method, path, reply.text)
        reply = bound.request(method, filled(path, names), **sent(operation, names))
        if not allowed and "event-batches" not in path and "cloudevents" not in path:
            assert reply.status_code == 403, (method, path, reply.text)
    batch = bound.post(
        "/v1/event-batches", json={"events": [event(8), event(9, team=f"{MARK}-ops", id="own")]}
    ).json()
    assert (batch["recorded"], [one["status"] for one in batch["problems"]]) == (1, ["forbidden"])
    after = target.everything()
    changed = {path for path in before if before[path] != after[path]}
    assert changed <= {
        path
        for path in before
        if any(word in path for word in ("event", "alignment", "metrics", "/v1/sources"))
        or path == "/v1/organization"
    }
    listed = target.admin.get("/v1/events", params={"id": "own"}).json()["items"]
    assert [one["team"] for one in listed] == [f"{MARK}-ops"]


def test_another_organization_finds_nothing_by_any_name(target: Target):
    before = target.everything()
    for method, path, operation in target.operations():
        if "{" not in path or path.startswith("/hooks/"):
            continue
        if path.count("/") == 3 and method == "PUT":
            continue  # another organization may have a thing of that name
        names = names_for(target, path)
        found = target.other.request(method, filled(path, names), **sent(operation, names))
        never = target.other.request(method, filled(path, NOWHERE), **sent(operation, NOWHERE))
        assert found.status_code == 404, (method, path, found.text)
        assert neutral(found) == neutral(never), (method, path)
    for method, path, operation in target.operations():
        if method == "GET" and path.startswith("/v1/") and "{" not in path:
            for parameter in operation["parameters"]:
                value = target.names.get(parameter["name"])
                if parameter["in"] == "query" and value is not None:
                    shown = target.other.get(path, params={**asked(path), parameter["name"]: value})
                    said = (
                        shown.text if shown.status_code == 200 else ""
                    )  # a refusal names what was asked for
                    assert target.names["uid"] not in said, (path, parameter["name"])
                    assert MARK not in said, (path, parameter["name"])
    assert target.everything() == before


def test_a_cursor_of_one_organization_opens_nothing_in_another(target: Target):
    pages = [
        path for method, path, _ in target.operations() if method == "GET" and path.count("/") == 2
    ]
    tried = 0
    for path in pages:
        page = target.admin.get(path, params={"limit": 1, **asked(path)})
        cursor = (
            page.json().get("next_cursor")
            if page.headers["content-type"] == "application/json"
            else None
        )
        if cursor:
            tried += 1
            assert target.other.get(path, params={"cursor": cursor}).status_code == 422, path
    assert tried >= 3


def recorded(target: Target) -> list[object]:
    """What is known of the world: events, and what they come to."""
    found = [
        target.admin.get(path).json()
        for path in ("/v1/events", "/v1/metrics", "/v1/alignment", "/v1/journal")
    ]
    return [{name: value for name, value in one.items() if name != "version"} for one in found]


def test_a_delivery_that_is_replayed_forged_old_or_misdirected_does_nothing_more(target: Target):
    said = event(3, source=f"{MARK}-relay")
    assert deliver(target, said).json()["state"] == "processed"
    before = recorded(target)
    assert deliver(target, said).status_code == 200  # kept, and found to say nothing new
    other = Webhook("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    wrong = [
        deliver(target, event(4), secret=f"whsec_{other.sign('m', datetime.now(UTC), 'x')[3:35]}"),
        deliver(target, event(4), late=timedelta(minutes=-6)),
        deliver(target, event(4), late=timedelta(minutes=6)),
        target.stranger.post(target.hook, json=event(4)),
        target.stranger.post("/hooks/" + "a" * 32, json=event(4)),
        target.admin.post(target.hook, json=event(4)),
    ]
    assert {reply.status_code for reply in wrong} == {401}
    assert len({json.dumps(neutral(reply), sort_keys=True) for reply in wrong}) == 1
    assert recorded(target) == before


def test_what_is_huge_or_deep_is_refused_and_the_service_goes_on(target: Target):
    huge: dict[str, dict[str, Any]] = {
        "a long body": {"content": b"x" * 70_000, "headers": {"Content-Type": "application/json"}},
        "one that does not say how long": {
            "content": (b"x" * 10_000 for _ in range(20)),
            "headers": {"Content-Type": "application/json"},
        },
        "a deep one": {"content": b"[" * 60_000, "headers": {"Content-Type": "application/json"}},
        "a long header": {"headers": {"X-Long": "x" * 70_000}},
        "many headers": {"headers": {f"X-{number}": "x" * 500 for number in range(200)}},
    }
    for what, request in huge.items():
        try:
            reply = target.admin.put(f"/v1/teams/{MARK}-sales", **request)
        except httpx.TransportError:
            continue  # closed on him
        assert 400 <= reply.status_code < 500, (what, reply.status_code)
    assert target.admin.get("/v1/teams", params={"limit": "9" * 5_000}).status_code == 422
    assert target.admin.get("/v1/teams").status_code == 200


def test_callers_who_dawdle_stop_nobody(target: Target):
    parts = urlsplit(target.address)
    with ExitStack() as stack:
        for _ in range(60):
            dawdler = stack.enter_context(
                socket.create_connection((parts.hostname or "", parts.port or 0))
            )
            dawdler.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n")
        begun = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: target.admin.get("/v1/teams").status_code, range(40)))
        assert set(replies) == {200}
        assert time.monotonic() - begun < 20
