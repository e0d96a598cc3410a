"""The contract of every operation, taken from the document: scopes, credentials, organizations, bodies, parameters."""

import re
from datetime import date
from typing import Any

import pytest

from app.api.app import build
from app.api.http.route import Contract, declare, deprecation, desk
from app.api.openapi.document import document
from app.api.operations.health import Health
from tests.api.conftest import EMBEDDED, SERVER, Client, event
from tests.support.contract import contract

SCOPES = ("read", "events:write", "playbook:write", "admin")
NAMES = {
    "team": "sales",
    "metric": "revenue",
    "offering": "onboarding",
    "playbook": "fy26-q4",
    "objective": "win",
    "key_result": "revenue-2m",
    "source": "billing",
}


def operations(*, secured: bool = True) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation in the document."""
    return [
        (method.upper(), path, operation)
        for path, methods in contract()["paths"].items()
        for method, operation in methods.items()
        if bool(operation["security"]) is secured
    ]


def filled(path: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    """What httpx sends: the operation's own example, in its own media type."""
    content = operation.get("requestBody", {}).get("content")
    if content is None:
        return {}
    ((media_type, media),) = content.items()
    return {"json": media["examples"]["example"]["value"], "headers": {"Content-Type": media_type}}


@EMBEDDED
async def test_every_operation_needs_a_key_and_says_so_in_one_way(world):
    stranger = Client(world.app, None)
    first: dict[str, Any] | None = None
    wrong = [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Basic {world.admin.key}"},
    ]
    wrong += [
        {"Authorization": f"Bearer {world.admin.key[:-1]}0"},
        {"Authorization": f"Bearer sightline_{'a' * 60}"},
    ]
    for method, path, _ in operations():
        for headers in wrong:
            reply = await stranger.http.request(
                method, filled(path, {**NAMES, "uid": "x", "id": "x"}), headers=headers
            )
            assert reply.status_code == 401, (method, path, headers)
            assert reply.headers["www-authenticate"].startswith("Bearer")
            said = {
                name: value
                for name, value in reply.json().items()
                if name not in ("instance", "request_id")
            }
            first = first or said
            assert said == first


async def test_a_key_in_the_query_is_no_key(world):
    reply = await Client(world.app, None).get("/v1/teams", params={"api_key": world.admin.key})
    assert reply.status_code == 401


async def test_a_revoked_and_an_expired_key_are_refused(world):
    reply = await world.admin.post(
        "/v1/api-keys", {"name": "short", "scopes": ["read"], "expires_at": "2026-11-23T13:00:00Z"}
    )
    caller = Client(world.app, reply.json()["api_key"])
    assert (await caller.get("/v1/teams")).status_code == 200
    world.clock.pass_time(hours=1)
    assert (await caller.get("/v1/teams")).status_code == 401
    lasting = await world.client("read")
    listed = (await world.admin.get("/v1/api-keys")).json()["items"]
    assert (await world.admin.delete(f"/v1/api-keys/{listed[-1]['id']}")).status_code == 204
    assert (await lasting.get("/v1/teams")).status_code == 401


@EMBEDDED
async def test_every_operation_refuses_a_key_with_all_scopes_but_its_own(world):
    callers = {
        scope: await world.client(*(s for s in SCOPES if s not in (scope, "admin")))
        for scope in SCOPES
    }
    for method, path, operation in operations():
        (scope,) = operation["x-required-scopes"]
        names = {**NAMES, "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a", "id": "0aZ3bY7cX1d"}
        reply = await callers[scope].http.request(method, filled(path, names), **body_of(operation))
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden"), (
            method,
            path,
            reply.text,
        )


@EMBEDDED
async def test_another_organizations_things_are_not_there(world):
    await world.strategy()
    admin = world.admin
    await admin.made(
        "/v1/offerings/onboarding", {"name": "Onboarding", "available_from": "2026-01-01"}
    )
    recorded = (await admin.post("/v1/events", event())).json()
    await admin.made("/v1/playbooks/fy26-q4/contributions/sales", {"by": "Ada"})
    await admin.made("/v1/playbooks/fy26-q4/signoffs/sales", {"by": "Ada", "revision": 1})
    key = (await admin.get("/v1/api-keys")).json()["items"][0]["id"]
    other = await world.organization("other")
    mine = {**NAMES, "uid": recorded["uid"], "id": key}
    random = {
        **dict.fromkeys(NAMES, "nowhere"),
        "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a",
        "id": "0aZ3bY7cX1d",
    }
    before = (await admin.get("/v1/organization")).json()["version"]
    for method, path, operation in operations():
        top = (
            path.count("/") == 3 and method == "PUT"
        )  # another organization may have a thing of that name
        if "{" not in path or top:
            continue
        found = await other.http.request(method, filled(path, mine), **body_of(operation))
        never = await other.http.request(method, filled(path, random), **body_of(operation))
        assert (found.status_code, never.status_code) == (404, 404), (method, path, found.text)
        assert _neutral(found.json()) == _neutral(never.json()), (method, path)
    assert (await admin.get("/v1/organization")).json()["version"] == before


def _neutral(problem: dict[str, Any]) -> dict[str, Any]:
    said = {
        name: value for name, value in problem.items() if name not in ("instance", "request_id")
    }
    return {**said, "detail": re.sub("'[a-z0-9/-]+'", "?", said["detail"])}


@EMBEDDED
async def test_every_operation_refuses_a_parameter_that_it_does_not_know(world):
    await world.strategy()
    for method, path, operation in operations():
        names = {**NAMES, "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a", "id": "0aZ3bY7cX1d"}
        reply = await world.admin.http.request(
            method, filled(path, names), params={"strange": "1"}, **body_of(operation)
        )
        assert reply.status_code == 422, (method, path, reply.text)
        assert reply.json()["errors"][0]["pointer"] == "strange"


async def test_a_parameter_given_twice_is_refused(admin):
    reply = await admin.get("/v1/teams?limit=1&limit=2")
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == "limit"


@EMBEDDED
async def test_every_body_has_one_media_type_and_a_limit(world):
    names = {**NAMES, "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a", "id": "0aZ3bY7cX1d"}
    said = {"POST": "accept-post", "PATCH": "accept-patch", "PUT": "accept"}
    for method, path, operation in operations():
        if "requestBody" not in operation:
            continue
        (media_type,) = operation["requestBody"]["content"]
        if media_type == "application/octet-stream":
            continue  # of several forms, told apart by the sender's standard: test_cloudevents, test_hooks
        wrong = await world.admin.http.request(
            method, filled(path, names), content=b"{}", headers={"Content-Type": "text/plain"}
        )
        assert (wrong.status_code, wrong.headers[said[method]]) == (415, media_type), (method, path)
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(operation["x-max-body-bytes"] + 1),
        }
        large = await world.admin.http.request(
            method, filled(path, names), content=b"{}", headers=headers
        )
        assert (large.status_code, large.json()["code"]) == (413, "too-large"), (method, path)


@EMBEDDED
@pytest.mark.parametrize("value", ["bearer", "BEARER"])
async def test_the_name_of_the_scheme_may_be_written_in_any_case(world, value):
    reply = await Client(world.app, None).get("/livez")
    assert reply.status_code == 200
    caller = Client(world.app, None)
    caller.http.headers["Authorization"] = f"{value} {world.admin.key}"
    assert (await caller.get("/v1/teams")).status_code == 200


async def test_more_parameters_than_anything_takes_are_refused_without_a_look_at_them(world):
    for name in ("a", "archived"):
        many = "&".join(f"{name}={number}" for number in range(51))
        refused = await Client(world.app, None).get(f"/livez?{many}")
        assert (refused.status_code, refused.json()["detail"]) == (
            422,
            "There are more than 50 parameters.",
        )
    twice = await world.admin.get("/v1/teams?limit=1&archived=true&limit=1")
    assert [fault["pointer"] for fault in twice.json()["errors"]] == ["limit"]


@EMBEDDED
async def test_an_operation_that_is_deprecated_says_so_in_every_reply_and_in_the_document(world):
    found = desk("health")
    leaves = deprecation(date(2026, 11, 1), date(2027, 5, 1), "https://sightline.example/moved")

    @found.get("/old", **declare(Contract("read", deprecated=leaves)))
    async def get_old() -> Health:
        """What was."""
        return Health(status="ok")

    world.app.router.routes.extend(found.routes)
    for caller in (world.admin, Client(world.app, None)):
        reply = await caller.get("/old")
        assert reply.headers["deprecation"] == "@1793491200"
        assert reply.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert reply.headers["link"] == '<https://sightline.example/moved>; rel="deprecation"'
    app = build()
    app.router.routes.extend(found.routes)
    said = document(app)["paths"]["/old"]["get"]
    assert said["deprecated"]
    assert {"Deprecation", "Sunset", "Link"} <= said["responses"]["200"]["headers"].keys()
    assert "deprecation" not in (await world.admin.get("/v1/teams")).headers


@EMBEDDED
async def test_no_request_may_set_what_the_service_sets(world):
    await world.strategy()
    shapes = contract()["components"]["schemas"]
    seen = 0
    for method, path, operation in operations():
        replies = (
            operation["responses"]
            .get("200", {})
            .get("content", {})
            .get("application/json", {})
            .get("schema", {})
        )
        sent = body_of(operation)
        if method not in ("PUT", "PATCH") or "$ref" not in replies:
            continue
        shown = shapes[replies["$ref"].rpartition("/")[2]]["properties"]
        known = operation["requestBody"]["content"]
        (media,) = known.values()
        taken = shapes[media["schema"]["$ref"].rpartition("/")[2]]["properties"]
        for name in shown.keys() - taken.keys():
            more = {**sent, "json": {**sent["json"], name: "x"}}
            reply = await world.admin.http.request(method, filled(path, NAMES), **more)
            assert reply.status_code == 422, (method, path, name, reply.text)
            assert f"/{name}" in [error["pointer"] for error in reply.json()["errors"]], (
                method,
                path,
                name,
            )
            seen += 1
    assert seen > 30


# What openapi.md, section 6, asks in parameters; what it asks in bodies is in test_body.py.
CHOKING = (
    "/v1/events?id=a%00b",
    "/v1/events?type=a%00b",
    "/v1/events?unit=%00",
    "/v1/events?unit=%ED%A0%80%00",
    "/v1/teams?cursor=%00",
    "/v1/teams?limit=99999999999999999999999",
    f"/v1/teams?limit={'9' * 5_000}",
    "/v1/teams?limit=0",
    "/v1/teams?limit=-1",
    "/v1/teams?limit=1e400",
    "/v1/teams?limit=NaN",
    "/v1/teams?limit=true",
    "/v1/teams?archived=2",
    "/v1/events?from=0",
    "/v1/events?from=0.5",
    "/v1/events?from=1796000000",
    "/v1/events?to=9999-12-31",
    "/v1/events?to=0001-01-01",
    "/v1/events?days=2026-02-30..2026-03-01",
    "/v1/alignment?as_of=%D9%A2%D9%A0%D9%A2%D9%A6-11-23",
)


@SERVER
async def test_a_parameter_that_would_choke_a_database_is_refused(admin):
    for query in CHOKING:
        refused = await admin.get(query)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-input"), (
            query,
            refused.text,
        )


@SERVER
async def test_an_instant_that_is_none_or_beyond_the_calendar_is_refused(world):
    await world.strategy()
    beyond = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
    for time in (0, 1796000000, "1796000000", *beyond, "2026-11-20T12:00:00"):
        refused = await world.admin.post("/v1/events", event(time=time))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/time"), time


async def test_what_a_caller_says_never_breaks_a_header(world):
    await world.strategy()
    for number in (1, 2):
        assert (
            await world.admin.post("/v1/events", event(number, unit="\u20ac\r\n"))
        ).status_code == 201
    page = await world.admin.get("/v1/events", params={"unit": "\u20ac\r\n", "limit": 1})
    assert page.headers["link"].isascii()
    assert "%E2%82%AC%0D%0A" in page.headers["link"]
    for header in ("If-Match", "If-None-Match", "X-Request-Id", "Idempotency-Key"):
        reply = await world.admin.get("/v1/teams/sales", headers={header: "\u20ac".encode()})
        assert reply.status_code in (200, 422), header


async def test_an_empty_list_where_something_is_counted_is_refused(admin):
    refused = await admin.put("/v1/metrics/m", {"name": "M", "events": [], "aggregation": "sum"})
    assert refused.json()["errors"][0]["pointer"] == "/events"
    assert (await admin.post("/v1/event-batches", {"events": []})).status_code == 422
