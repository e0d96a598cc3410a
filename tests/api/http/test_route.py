"""The contract of every operation: scopes, keys, organizations, bodies, parameters."""

import re
from datetime import date
from typing import Any

import pytest

from app.api.app import create_application
from app.api.http.route import Contract, create_router, deprecation_headers, route_contract
from app.api.openapi.document import build_document
from app.api.operations.health import Health
from tests.api.conftest import POSTGRESQL_ONLY, SQLITE_ONLY, Client, make_event
from tests.support.openapi_contract import get_contract

SCOPES = ("read", "events:write", "playbook:write", "admin")
PATH_NAMES = {
    "team": "sales",
    "metric": "revenue",
    "offering": "onboarding",
    "playbook": "fy26-q4",
    "objective": "win",
    "key_result": "revenue-2m",
    "source": "billing",
}


def list_operations(*, is_secured: bool = True) -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of every operation in the document."""
    return [
        (method.upper(), path, operation)
        for path, methods in get_contract()["paths"].items()
        for method, operation in methods.items()
        if bool(operation["security"]) is is_secured
    ]


def fill_path(path: str, names: dict[str, str]) -> str:
    for parameter_name, value in names.items():
        path = path.replace(f"{{{parameter_name}}}", value)
    return path


def build_example_body(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that make httpx send the operation's own example."""
    content = operation.get("requestBody", {}).get("content")
    if content is None:
        return {}
    ((media_type, media),) = content.items()
    return {"json": media["examples"]["example"]["value"], "headers": {"Content-Type": media_type}}


@SQLITE_ONLY
async def test_every_operation_requires_a_key_and_rejects_in_one_way(api):
    anonymous = Client(api.app, None)
    first_problem: dict[str, Any] | None = None
    wrong_headers = [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": f"Basic {api.admin.key}"},
    ]
    wrong_headers += [
        {"Authorization": f"Bearer {api.admin.key[:-1]}0"},
        {"Authorization": f"Bearer sightline_{'a' * 60}"},
    ]
    for method, path, _ in list_operations():
        for headers in wrong_headers:
            reply = await anonymous.http.request(
                method, fill_path(path, {**PATH_NAMES, "uid": "x", "id": "x"}), headers=headers
            )
            assert reply.status_code == 401, (method, path, headers)
            assert reply.headers["www-authenticate"].startswith("Bearer")
            problem = {
                member_name: value
                for member_name, value in reply.json().items()
                if member_name not in ("instance", "request_id")
            }
            first_problem = first_problem or problem
            assert problem == first_problem


async def test_a_key_in_the_query_is_no_key(api):
    reply = await Client(api.app, None).get("/v1/teams", params={"api_key": api.admin.key})
    assert reply.status_code == 401


async def test_a_revoked_and_an_expired_key_are_refused(api):
    reply = await api.admin.post(
        "/v1/api-keys", {"name": "short", "scopes": ["read"], "expires_at": "2026-11-23T13:00:00Z"}
    )
    caller = Client(api.app, reply.json()["api_key"])
    assert (await caller.get("/v1/teams")).status_code == 200
    api.clock.advance(hours=1)
    assert (await caller.get("/v1/teams")).status_code == 401
    revoked_caller = await api.create_client("read")
    keys = (await api.admin.get("/v1/api-keys")).json()["items"]
    assert (await api.admin.delete(f"/v1/api-keys/{keys[-1]['id']}")).status_code == 204
    assert (await revoked_caller.get("/v1/teams")).status_code == 401


@SQLITE_ONLY
async def test_every_operation_refuses_a_key_with_all_scopes_but_its_own(api):
    callers = {
        scope: await api.create_client(
            *(granted for granted in SCOPES if granted not in (scope, "admin"))
        )
        for scope in SCOPES
    }
    for method, path, operation in list_operations():
        (scope,) = operation["x-required-scopes"]
        names = {**PATH_NAMES, "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a", "id": "0aZ3bY7cX1d"}
        reply = await callers[scope].http.request(
            method, fill_path(path, names), **build_example_body(operation)
        )
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden"), (
            method,
            path,
            reply.text,
        )


@SQLITE_ONLY
async def test_objects_of_another_organization_are_not_found(api):
    await api.seed_strategy()
    admin = api.admin
    await admin.put_object(
        "/v1/offerings/onboarding", {"name": "Onboarding", "available_from": "2026-01-01"}
    )
    recorded_event = (await admin.post("/v1/events", make_event())).json()
    await admin.put_object("/v1/playbooks/fy26-q4/contributions/sales", {"by": "Ada"})
    await admin.put_object("/v1/playbooks/fy26-q4/signoffs/sales", {"by": "Ada", "revision": 1})
    key_id = (await admin.get("/v1/api-keys")).json()["items"][0]["id"]
    other_admin = await api.create_organization("other")
    existing_names = {**PATH_NAMES, "uid": recorded_event["uid"], "id": key_id}
    unknown_names = {
        **dict.fromkeys(PATH_NAMES, "nowhere"),
        "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a",
        "id": "0aZ3bY7cX1d",
    }
    version_before = (await admin.get("/v1/organization")).json()["version"]
    for method, path, operation in list_operations():
        creates_object = (
            path.count("/") == 3 and method == "PUT"
        )  # another organization may use the same key
        if "{" not in path or creates_object:
            continue
        existing_reply = await other_admin.http.request(
            method, fill_path(path, existing_names), **build_example_body(operation)
        )
        unknown_reply = await other_admin.http.request(
            method, fill_path(path, unknown_names), **build_example_body(operation)
        )
        assert (existing_reply.status_code, unknown_reply.status_code) == (404, 404), (
            method,
            path,
            existing_reply.text,
        )
        assert _strip_request_details(existing_reply.json()) == _strip_request_details(
            unknown_reply.json()
        ), (method, path)
    assert (await admin.get("/v1/organization")).json()["version"] == version_before


def _strip_request_details(problem: dict[str, Any]) -> dict[str, Any]:
    fields = {
        member_name: value
        for member_name, value in problem.items()
        if member_name not in ("instance", "request_id")
    }
    return {**fields, "detail": re.sub("'[a-z0-9/-]+'", "?", fields["detail"])}


@SQLITE_ONLY
async def test_every_operation_refuses_a_parameter_that_it_does_not_know(api):
    await api.seed_strategy()
    for method, path, operation in list_operations():
        names = {**PATH_NAMES, "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a", "id": "0aZ3bY7cX1d"}
        reply = await api.admin.http.request(
            method, fill_path(path, names), params={"strange": "1"}, **build_example_body(operation)
        )
        assert reply.status_code == 422, (method, path, reply.text)
        assert reply.json()["errors"][0]["pointer"] == "strange"


async def test_a_parameter_given_twice_is_refused(admin):
    reply = await admin.get("/v1/teams?limit=1&limit=2")
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == "limit"


@SQLITE_ONLY
async def test_every_body_has_one_media_type_and_a_limit(api):
    names = {**PATH_NAMES, "uid": "0192f0c1-7f3a-7c11-9a53-2f6d0e9c1b3a", "id": "0aZ3bY7cX1d"}
    accept_headers = {"POST": "accept-post", "PATCH": "accept-patch", "PUT": "accept"}
    for method, path, operation in list_operations():
        if "requestBody" not in operation:
            continue
        (media_type,) = operation["requestBody"]["content"]
        if media_type == "application/octet-stream":
            continue  # several media types: see test_cloudevents, test_inbound_webhooks
        wrong_type_reply = await api.admin.http.request(
            method, fill_path(path, names), content=b"{}", headers={"Content-Type": "text/plain"}
        )
        assert (wrong_type_reply.status_code, wrong_type_reply.headers[accept_headers[method]]) == (
            415,
            media_type,
        ), (method, path)
        headers = {
            "Content-Type": media_type,
            "Content-Length": str(operation["x-max-body-bytes"] + 1),
        }
        large_reply = await api.admin.http.request(
            method, fill_path(path, names), content=b"{}", headers=headers
        )
        assert (large_reply.status_code, large_reply.json()["code"]) == (413, "too-large"), (
            method,
            path,
        )


@SQLITE_ONLY
@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_name_of_the_scheme_may_be_written_in_any_case(api, scheme):
    reply = await Client(api.app, None).get("/livez")
    assert reply.status_code == 200
    caller = Client(api.app, None)
    caller.http.headers["Authorization"] = f"{scheme} {api.admin.key}"
    assert (await caller.get("/v1/teams")).status_code == 200


async def test_too_many_parameters_are_rejected_before_they_are_parsed(api):
    for parameter_name in ("a", "archived"):
        query = "&".join(f"{parameter_name}={number}" for number in range(51))
        rejection = await Client(api.app, None).get(f"/livez?{query}")
        assert (rejection.status_code, rejection.json()["detail"]) == (
            422,
            "There are more than 50 parameters.",
        )
    duplicate_reply = await api.admin.get("/v1/teams?limit=1&archived=true&limit=1")
    assert [fault["pointer"] for fault in duplicate_reply.json()["errors"]] == ["limit"]


@SQLITE_ONLY
async def test_a_deprecated_operation_is_marked_in_every_reply_and_in_the_document(api):
    router = create_router("health")
    deprecation_notice = deprecation_headers(
        date(2026, 11, 1), date(2027, 5, 1), "https://sightline.example/moved"
    )

    @router.get("/old", **route_contract(Contract("read", deprecation_headers=deprecation_notice)))
    async def get_old() -> Health:
        """Return the state."""
        return Health(status="ok")

    api.app.router.routes.extend(router.routes)
    for caller in (api.admin, Client(api.app, None)):
        reply = await caller.get("/old")
        assert reply.headers["deprecation"] == "@1793491200"
        assert reply.headers["sunset"] == "Sat, 01 May 2027 00:00:00 GMT"
        assert reply.headers["link"] == '<https://sightline.example/moved>; rel="deprecation"'
    app = create_application()
    app.router.routes.extend(router.routes)
    operation = build_document(app)["paths"]["/old"]["get"]
    assert operation["deprecated"]
    assert {"Deprecation", "Sunset", "Link"} <= operation["responses"]["200"]["headers"].keys()
    assert "deprecation" not in (await api.admin.get("/v1/teams")).headers


@SQLITE_ONLY
async def test_no_request_may_set_fields_that_the_service_sets(api):
    await api.seed_strategy()
    schemas = get_contract()["components"]["schemas"]
    checked_count = 0
    for method, path, operation in list_operations():
        reply_schema = (
            operation["responses"]
            .get("200", {})
            .get("content", {})
            .get("application/json", {})
            .get("schema", {})
        )
        example_request = build_example_body(operation)
        if method not in ("PUT", "PATCH") or "$ref" not in reply_schema:
            continue
        reply_properties = schemas[reply_schema["$ref"].rpartition("/")[2]]["properties"]
        request_content = operation["requestBody"]["content"]
        (media,) = request_content.values()
        request_properties = schemas[media["schema"]["$ref"].rpartition("/")[2]]["properties"]
        for property_name in reply_properties.keys() - request_properties.keys():
            altered_request = {
                **example_request,
                "json": {**example_request["json"], property_name: "x"},
            }
            reply = await api.admin.http.request(
                method, fill_path(path, PATH_NAMES), **altered_request
            )
            assert reply.status_code == 422, (method, path, property_name, reply.text)
            assert f"/{property_name}" in [error["pointer"] for error in reply.json()["errors"]], (
                method,
                path,
                property_name,
            )
            checked_count += 1
    assert checked_count > 30


# Values that crash careless services, in parameters; test_body.py has those in bodies.
CRASHING_QUERIES = (
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


@POSTGRESQL_ONLY
async def test_a_parameter_that_would_fail_in_the_database_is_rejected(admin):
    for query in CRASHING_QUERIES:
        rejection = await admin.get(query)
        assert (rejection.status_code, rejection.json()["code"]) == (422, "invalid-input"), (
            query,
            rejection.text,
        )


@POSTGRESQL_ONLY
async def test_an_invalid_or_out_of_range_instant_is_rejected(api):
    await api.seed_strategy()
    out_of_range = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
    for time in (0, 1796000000, "1796000000", *out_of_range, "2026-11-20T12:00:00"):
        rejection = await api.admin.post("/v1/events", make_event(time=time))
        assert (rejection.status_code, rejection.json()["errors"][0]["pointer"]) == (
            422,
            "/time",
        ), time


async def test_values_sent_by_a_caller_never_break_a_header(api):
    await api.seed_strategy()
    for number in (1, 2):
        assert (
            await api.admin.post("/v1/events", make_event(number, unit="\u20ac\r\n"))
        ).status_code == 201
    page = await api.admin.get("/v1/events", params={"unit": "\u20ac\r\n", "limit": 1})
    assert page.headers["link"].isascii()
    assert "%E2%82%AC%0D%0A" in page.headers["link"]
    for header in ("If-Match", "If-None-Match", "X-Request-Id", "Idempotency-Key"):
        reply = await api.admin.get("/v1/teams/sales", headers={header: "\u20ac".encode()})
        assert reply.status_code in (200, 422), header


async def test_a_list_that_must_not_be_empty_is_rejected_when_empty(admin):
    rejection = await admin.put("/v1/metrics/m", {"name": "M", "events": [], "aggregation": "sum"})
    assert rejection.json()["errors"][0]["pointer"] == "/events"
    assert (await admin.post("/v1/event-batches", {"events": []})).status_code == 422
