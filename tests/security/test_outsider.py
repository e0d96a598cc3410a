"""The running service as an attacker sees it, on PostgreSQL, known by its document alone."""

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
from tests.api.conftest import ENCRYPTION_KEYS
from tests.support.database_roles import create_service_role
from tests.support.databases import PostgresqlServer
from tests.support.http_server import serve_application

pytestmark = pytest.mark.postgresql
MARKER = "larchwood"  # in all data of the first organization, and in no reply to others
UNKNOWN_UID = str(UUID(int=7))
EVENT_TIME = (datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)).isoformat()
OBJECTS_BY_PATH: dict[str, Any] = {
    f"/v1/teams/{MARKER}-sales": {"name": f"Sales of {MARKER}", "function": "sales", "size": 10},
    f"/v1/teams/{MARKER}-ops": {"name": f"Ops of {MARKER}", "function": "operations"},
    f"/v1/sources/{MARKER}-billing": {"name": MARKER},
    f"/v1/sources/{MARKER}-relay": {
        "name": MARKER,
        "connector": "standard_webhooks",
        "team": f"{MARKER}-sales",
    },
    f"/v1/metrics/{MARKER}-arr": {
        "name": MARKER,
        "events": [f"{MARKER}.paid"],
        "aggregation": "sum",
    },
    f"/v1/offerings/{MARKER}-plus": {"name": MARKER, "available_from": "2026-01-01"},
    f"/v1/playbooks/{MARKER}-plan": {
        "title": MARKER,
        "starts_on": "2026-01-01",
        "ends_on": "2030-12-31",
    },
    f"/v1/objectives/{MARKER}-win": {"playbook": f"{MARKER}-plan", "title": MARKER},
    f"/v1/key-results/{MARKER}-2m": {
        "objective": f"{MARKER}-win",
        "title": MARKER,
        "metric": f"{MARKER}-arr",
        "baseline": 0,
        "target": 2,
    },
    f"/v1/objectives/{MARKER}-win/responsibilities/{MARKER}-sales": {
        "role": "accountable",
        "share": 50,
    },
    f"/v1/playbooks/{MARKER}-plan/contributions/{MARKER}-sales": {"by": MARKER},
}
EXISTING_NAMES = {
    "team": f"{MARKER}-sales",
    "metric": f"{MARKER}-arr",
    "offering": f"{MARKER}-plus",
    "playbook": f"{MARKER}-plan",
    "objective": f"{MARKER}-win",
    "key_result": f"{MARKER}-2m",
    "source": f"{MARKER}-relay",
}
UNKNOWN_NAMES = {
    **dict.fromkeys(EXISTING_NAMES, "nowhere"),
    "uid": UNKNOWN_UID,
    "id": "0aZ3bY7cX1d",
    "hook_id": "a" * 32,
}


@dataclass
class AttackedService:
    """A running service, its OpenAPI document, and an organization with resources of every kind."""

    base_url: str
    stack: ExitStack
    anonymous: httpx.Client
    admin: httpx.Client
    other_admin: httpx.Client
    paths: dict[str, Any]
    names: dict[str, str]
    hook_path: str
    hook_secret: str

    def create_client(self, **key_fields: object) -> httpx.Client:
        """Create a key of the first organization."""
        reply = self.admin.post("/v1/api-keys", json={"name": MARKER, **key_fields})
        return self.stack.enter_context(open_client(self.base_url, reply.json()["api_key"]))

    def list_operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield method, path and description of every operation."""
        for path, methods in self.paths.items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def read_all_lists(self) -> dict[str, str]:
        """Read all lists of the first organization, except those that reading changes."""
        texts_by_path = {}
        for method, path, _ in self.list_operations():
            if (
                method == "GET"
                and path.startswith("/v1/")
                and "{" not in path
                and path != "/v1/api-keys"
            ):
                texts_by_path[path] = self.admin.get(
                    path, params=get_required_parameters(path)
                ).text
        return texts_by_path


def get_required_parameters(path: str) -> dict[str, str]:
    """Return the parameters that a list requires."""
    return (
        {"from": "2026-01-01"} if path in ("/v1/alignment/changes", "/v1/alignment/history") else {}
    )


def open_client(base_url: str, key: str | None) -> httpx.Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=30)


def fill_path(path: str, names: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: names[match[1]], path)


def build_example_request(operation: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Build the operation's own example, with these names where the body may name a resource."""
    content = operation.get("requestBody", {}).get("content")
    if content is None:
        return {}
    ((media_type, media),) = content.items()
    body = media["examples"]["example"]["value"]
    if isinstance(body, dict):
        body = {
            member_name: names.get(member_name, value) if isinstance(value, str) else value
            for member_name, value in body.items()
        }
    return {
        "content": body if isinstance(body, str) else json.dumps(body),
        "headers": {"Content-Type": media_type},
    }


def make_event(number: int, **overrides: object) -> dict[str, object]:
    event_id = f"{MARKER}-{number}"
    common_fields = {
        "id": event_id,
        "source": f"{MARKER}-billing",
        "type": f"{MARKER}.paid",
        "time": EVENT_TIME,
        "team": f"{MARKER}-sales",
    }
    return {
        **common_fields,
        "value": 5,
        "subject": f"{MARKER}/1",
        "data": {"note": MARKER},
        **overrides,
    }


@pytest.fixture(scope="module")
def target(_postgresql: PostgresqlServer) -> Iterator[AttackedService]:
    """One service for all tests: each one checks that it left the data unchanged."""
    database_name = _postgresql.acquire_database()
    with create_service_role(_postgresql.get_database_url(database_name)) as url:
        yield from run_attacked_service(url)
    _postgresql.drop_database(database_name)


def run_attacked_service(service_url: str) -> Iterator[AttackedService]:
    settings = Settings(
        database_url=service_url,
        secret_keys=ENCRYPTION_KEYS,
        key_pepper=ENCRYPTION_KEYS,
        requests_per_minute=0,
        failures_per_minute=0,
    )
    app = create_app(settings)

    async def create_organizations() -> list[str]:
        names = (MARKER, "other")
        admin_keys = [
            await organizations.create_organization(
                app.state.service, Organization(organization_key, organization_key)
            )
            for organization_key in names
        ]
        await app.state.service.database.close()
        return admin_keys

    admin_key, other_key = asyncio.run(create_organizations())
    with serve_application(app) as base_url, ExitStack() as stack:
        anonymous, admin, other_admin = (
            stack.enter_context(open_client(base_url, key)) for key in (None, admin_key, other_key)
        )
        created = {}
        for path, body in OBJECTS_BY_PATH.items():
            reply = admin.put(path, json=body)
            assert reply.status_code == 201, reply.text
            created[path] = reply.json()
        relay = created[f"/v1/sources/{MARKER}-relay"]
        assert admin.post(f"/v1/playbooks/{MARKER}-plan/publish").status_code == 200
        uid = admin.post("/v1/events", json=make_event(1)).json()["uid"]
        paths = anonymous.get("/openapi.json").json()["paths"]
        attacked_service = AttackedService(
            base_url,
            stack,
            anonymous,
            admin,
            other_admin,
            paths,
            {},
            urlsplit(relay["hook_url"]).path,
            relay["secret"],
        )
        delivery = send_delivery(
            attacked_service, make_event(2, source=f"{MARKER}-relay"), message_id="msg_0"
        ).json()["delivery"]
        key = admin.get("/v1/api-keys").json()["items"][0]["id"]
        attacked_service.names = {
            **EXISTING_NAMES,
            "uid": uid,
            "id": key,
            "delivery": delivery,
            "hook_id": attacked_service.hook_path.rpartition("/")[2],
        }
        yield attacked_service


def send_delivery(
    target: AttackedService,
    body: object,
    *,
    clock_offset: timedelta = timedelta(),
    secret: str = "",
    message_id: str = "msg_1",
) -> httpx.Response:
    """Send a delivery signed with a clock offset.

    Signatures expire after minutes, and a run takes longer.
    """
    signed_at = datetime.now(UTC) + clock_offset
    text = json.dumps(body)
    signature = Webhook(secret or target.hook_secret).sign(message_id, signed_at, text)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": signature,
    }
    return target.anonymous.post(target.hook_path, content=text, headers=headers)


def get_path_names(target: AttackedService, path: str) -> dict[str, str]:
    """Return the first organization's names for a path.

    The uid of a delivery is not that of an event.
    """
    return (
        {**target.names, "uid": target.names["delivery"]}
        if "/deliveries/" in path
        else target.names
    )


def strip_request_details(reply: httpx.Response) -> object:
    """Return a problem without the parts that identify the request."""
    problem = {
        member_name: value
        for member_name, value in reply.json().items()
        if member_name not in ("instance", "request_id")
    }
    return {**problem, "detail": re.sub("'[a-z0-9/-]+'", "?", str(problem["detail"]))}


def strip_rejection_times(texts_by_path: Mapping[str, str]) -> dict[str, str]:
    """Remove the time of the last refused delivery, which the service records for the owner."""
    return {
        path: re.sub(r'"last_refused_at":("[^"]*"|null)', "", text)
        for path, text in texts_by_path.items()
    }


def test_a_caller_without_a_key_learns_and_changes_nothing(target: AttackedService):
    texts_before = target.read_all_lists()
    anonymous = target.anonymous
    for method, path, operation in target.list_operations():
        for names in (get_path_names(target, path), UNKNOWN_NAMES):
            reply = anonymous.request(
                method, fill_path(path, names), **build_example_request(operation, names)
            )
            if path in ("/livez", "/readyz"):
                assert reply.json()["status"] == "ok"
            else:
                assert reply.status_code == 401, (method, path)
            assert MARKER not in reply.text.replace(fill_path(path, names), ""), (method, path)
            assert "server" not in reply.headers
    for method in ("TRACE", "CONNECT", "PROPFIND"):
        assert anonymous.request(method, "/v1/teams").status_code in (400, 404, 405)
    assert strip_rejection_times(target.read_all_lists()) == strip_rejection_times(texts_before)


def test_a_read_key_changes_nothing_and_a_team_key_only_its_own_team(target: AttackedService):
    bound_client = target.create_client(
        scopes=["playbook:write", "events:write", "read"], team=f"{MARKER}-ops"
    )
    reader = target.create_client(scopes=["read"])
    texts_before = target.read_all_lists()
    for method, path, operation in target.list_operations():
        if method == "GET" or path.startswith("/hooks/"):
            continue
        names = get_path_names(target, path)
        reply = reader.request(
            method, fill_path(path, names), **build_example_request(operation, names)
        )
        needs_read_only = operation["x-required-scopes"] == ["read"]
        assert (reply.status_code == 403) is not needs_read_only, (method, path, reply.text)
        reply = bound_client.request(
            method, fill_path(path, names), **build_example_request(operation, names)
        )
        if not needs_read_only and "event-batches" not in path and "cloudevents" not in path:
            assert reply.status_code == 403, (method, path, reply.text)
    batch_outcome = bound_client.post(
        "/v1/event-batches",
        json={"events": [make_event(8), make_event(9, team=f"{MARKER}-ops", id="own")]},
    ).json()
    assert (
        batch_outcome["recorded"],
        [problem["status"] for problem in batch_outcome["problems"]],
    ) == (1, ["forbidden"])
    texts_after = target.read_all_lists()
    changed_paths = {path for path in texts_before if texts_before[path] != texts_after[path]}
    assert changed_paths <= {
        path
        for path in texts_before
        if any(word in path for word in ("event", "alignment", "metrics", "/v1/sources"))
        or path == "/v1/organization"
    }
    events = target.admin.get("/v1/events", params={"id": "own"}).json()["items"]
    assert [event["team"] for event in events] == [f"{MARKER}-ops"]


def test_another_organization_can_read_nothing_by_name(target: AttackedService):
    texts_before = target.read_all_lists()
    for method, path, operation in target.list_operations():
        if "{" not in path or path.startswith("/hooks/"):
            continue
        if path.count("/") == 3 and method == "PUT":
            continue  # another organization may have a resource of that name
        names = get_path_names(target, path)
        existing_reply = target.other_admin.request(
            method, fill_path(path, names), **build_example_request(operation, names)
        )
        unknown_reply = target.other_admin.request(
            method,
            fill_path(path, UNKNOWN_NAMES),
            **build_example_request(operation, UNKNOWN_NAMES),
        )
        assert existing_reply.status_code == 404, (method, path, existing_reply.text)
        assert strip_request_details(existing_reply) == strip_request_details(unknown_reply), (
            method,
            path,
        )
    for method, path, operation in target.list_operations():
        if method == "GET" and path.startswith("/v1/") and "{" not in path:
            for parameter in operation["parameters"]:
                filter_value = target.names.get(parameter["name"])
                if parameter["in"] == "query" and filter_value is not None:
                    filtered_reply = target.other_admin.get(
                        path,
                        params={**get_required_parameters(path), parameter["name"]: filter_value},
                    )
                    # A problem repeats the parameter.
                    is_ok = filtered_reply.status_code == 200
                    answer_text = filtered_reply.text if is_ok else ""
                    assert target.names["uid"] not in answer_text, (path, parameter["name"])
                    assert MARKER not in answer_text, (path, parameter["name"])
    assert target.read_all_lists() == texts_before


def test_a_cursor_is_rejected_in_another_organization(target: AttackedService):
    list_paths = [
        path
        for method, path, _ in target.list_operations()
        if method == "GET" and path.count("/") == 2
    ]
    checked_count = 0
    for path in list_paths:
        page = target.admin.get(path, params={"limit": 1, **get_required_parameters(path)})
        cursor = (
            page.json().get("next_cursor")
            if page.headers["content-type"] == "application/json"
            else None
        )
        if cursor:
            checked_count += 1
            assert target.other_admin.get(path, params={"cursor": cursor}).status_code == 422, path
    assert checked_count >= 3


def read_recorded_state(target: AttackedService) -> list[object]:
    """Read the events, and everything that depends on them."""
    replies = [
        target.admin.get(path).json()
        for path in ("/v1/events", "/v1/metrics", "/v1/alignment", "/v1/journal")
    ]
    return [
        {member_name: value for member_name, value in reply.items() if member_name != "version"}
        for reply in replies
    ]


def test_a_replayed_forged_stale_or_misdirected_delivery_changes_nothing(target: AttackedService):
    relay_event = make_event(3, source=f"{MARKER}-relay")
    assert send_delivery(target, relay_event).json()["state"] == "processed"
    state_before = read_recorded_state(target)
    assert send_delivery(target, relay_event).status_code == 200  # stored, without a new event
    other_webhook = Webhook("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    rejections = [
        send_delivery(
            target,
            make_event(4),
            secret=f"whsec_{other_webhook.sign('m', datetime.now(UTC), 'x')[3:35]}",
        ),
        send_delivery(target, make_event(4), clock_offset=timedelta(minutes=-6)),
        send_delivery(target, make_event(4), clock_offset=timedelta(minutes=6)),
        target.anonymous.post(target.hook_path, json=make_event(4)),
        target.anonymous.post("/hooks/" + "a" * 32, json=make_event(4)),
        target.admin.post(target.hook_path, json=make_event(4)),
    ]
    assert {rejection.status_code for rejection in rejections} == {401}
    assert (
        len(
            {
                json.dumps(strip_request_details(rejection), sort_keys=True)
                for rejection in rejections
            }
        )
        == 1
    )
    assert read_recorded_state(target) == state_before


def test_oversized_or_deeply_nested_requests_are_rejected_without_an_outage(
    target: AttackedService,
):
    oversized_requests: dict[str, dict[str, Any]] = {
        "a long body": {"content": b"x" * 70_000, "headers": {"Content-Type": "application/json"}},
        "a body without a length": {
            "content": (b"x" * 10_000 for _ in range(20)),
            "headers": {"Content-Type": "application/json"},
        },
        "a deep body": {"content": b"[" * 60_000, "headers": {"Content-Type": "application/json"}},
        "a long header": {"headers": {"X-Long": "x" * 70_000}},
        "many headers": {"headers": {f"X-{number}": "x" * 500 for number in range(200)}},
    }
    for case, request_options in oversized_requests.items():
        try:
            reply = target.admin.put(f"/v1/teams/{MARKER}-sales", **request_options)
        except httpx.TransportError:
            continue  # the server closed the connection
        assert 400 <= reply.status_code < 500, (case, reply.status_code)
    assert target.admin.get("/v1/teams", params={"limit": "9" * 5_000}).status_code == 422
    assert target.admin.get("/v1/teams").status_code == 200


def test_slow_callers_do_not_block_others(target: AttackedService):
    address = urlsplit(target.base_url)
    with ExitStack() as stack:
        for _ in range(60):
            slow_socket = stack.enter_context(
                socket.create_connection((address.hostname or "", address.port or 0))
            )
            slow_socket.sendall(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n")
        started_at = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            statuses = list(
                pool.map(lambda _: target.admin.get("/v1/teams").status_code, range(40))
            )
        assert set(statuses) == {200}
        assert time.monotonic() - started_at < 20
