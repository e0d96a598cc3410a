"""Every rejection is a problem document."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.api.http.problems import PROBLEM_KINDS, to_json_pointer
from app.domain.playbook.organization import Organization
from app.domain.primitives.errors import SightlineError
from app.main import create_app
from app.services.access import organizations
from app.settings import Settings
from tests.api.conftest import ENCRYPTION_KEYS, SQLITE_ONLY, Client


async def test_a_problem_has_all_members_of_rfc_9457_and_our_own(admin):
    reply = await admin.get("/v1/teams/nowhere")
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "type": "/problems/not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no team 'nowhere'.",
        "code": "not-found",
        "instance": "/v1/teams/nowhere",
        "request_id": reply.headers["x-request-id"],
    }


async def test_all_errors_are_reported_at_once_each_with_a_pointer(admin):
    reply = await admin.put(
        "/v1/metrics/m", {"events": ["a", "b c"], "where": [{"property": "x", "op": "eq"}], "f": 1}
    )
    assert reply.status_code == 422
    pointers = {error["pointer"] for error in reply.json()["errors"]}
    assert pointers == {"/name", "/aggregation", "/events/1", "/where/0/property", "/f"}


async def test_an_unknown_key_in_a_body_names_the_nearest(api):
    await api.seed_strategy()
    rejection = await api.admin.put("/v1/objectives/more", {"playbook": "fy26-q3", "title": "More"})
    assert rejection.status_code == 422
    assert rejection.json()["errors"] == [
        {
            "pointer": "/playbook",
            "detail": "There is no playbook 'fy26-q3'; the nearest known one is 'fy26-q4'.",
        }
    ]


@SQLITE_ONLY
@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v2/teams", "/v1/teams/", "/v1/teams/a/b", "/redoc", "/%00", "/é"],
)
async def test_an_unknown_path_is_a_404_problem(admin, path):
    reply = await admin.get(path)
    assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
    assert reply.json()["instance"].isascii()


@SQLITE_ONLY
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/teams", "GET"),
        ("/v1/teams/sales", "DELETE, GET, PATCH, PUT"),
        ("/v1/events", "GET, POST"),
        ("/v1/policy", "GET, PATCH, PUT"),
        ("/livez", "GET"),
    ],
)
async def test_an_unsupported_method_names_the_supported_ones(api, path, allowed):
    for method in ("TRACE", "OPTIONS", "QUERY"):
        reply = await Client(api.app, None).send(method, path)
        assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
        assert reply.json()["code"] == "method-not-allowed"


def test_a_pointer_escapes_slashes_and_tildes():
    assert to_json_pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"
    assert to_json_pointer([]) == ""


@given(st.lists(st.text()))
def test_a_pointer_can_be_split_into_its_parts(parts):
    escaped_parts = to_json_pointer(parts).split("/")[1:]
    assert [part.replace("~1", "/").replace("~0", "~") for part in escaped_parts] == parts


def test_every_error_class_has_a_problem_kind():
    error_classes = [SightlineError]
    for error_class in error_classes:
        error_classes += error_class.__subclasses__()
    assert {error_class.code for error_class in error_classes} <= PROBLEM_KINDS.keys()


async def test_names_sent_by_the_caller_are_returned_without_u_0000(admin):
    rejection = await admin.get("/v1/teams?a%00b=1")
    assert rejection.json()["errors"] == [{"pointer": "a\ufffdb", "detail": "unknown parameter"}]
    assert "a\ufffdb" in rejection.json()["detail"]


@SQLITE_ONLY
@pytest.mark.parametrize("value", ["2026-13-01", "0", "", "2026-11-23T00:00:00Z"])
async def test_an_invalid_parameter_is_named_as_in_the_query(admin, value):
    rejection = await admin.get(f"/v1/alignment?as_of={value}")
    assert rejection.status_code == 422
    assert [fault["pointer"] for fault in rejection.json()["errors"]] == ["as_of"]
    assert "function" not in rejection.text
    assert "None" not in rejection.text


async def test_what_is_archived_is_not_called_unknown(admin):
    await admin.put_object("/v1/teams/ops", {"name": "Ops", "function": "operations"})
    assert (await admin.delete("/v1/teams/ops")).status_code == 204
    assert "is archived" in (await admin.get("/v1/teams/ops")).json()["detail"]


async def test_a_filter_by_an_unknown_team_names_the_nearest(admin):
    await admin.put_object("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    rejection = await admin.get("/v1/events?team=sale")
    assert (rejection.status_code, "'sales'" in rejection.json()["detail"]) == (422, True)


@pytest.mark.postgresql
async def test_a_database_timeout_is_a_503_with_retry_after(postgresql_url):
    settings = Settings(
        database_url=postgresql_url,
        secret_keys=ENCRYPTION_KEYS,
        key_pepper=ENCRYPTION_KEYS,
        statement_timeout_seconds=0.3,
        pool_size=2,
        pool_timeout_seconds=0.3,
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        database = app.state.service.database
        admin = Client(
            app,
            await organizations.create_organization(
                app.state.service, Organization("acme", "Acme")
            ),
        )
        assert (await admin.get("/v1/teams")).status_code == 200
        async with database.write_transaction() as blocking_connection:
            await blocking_connection.execute(text("lock table team in access exclusive mode"))
            rejection = await admin.get("/v1/teams")
            assert (rejection.status_code, rejection.headers["retry-after"]) == (503, "1"), (
                "a statement that waits"
            )
        async with database.read_transaction(), database.read_transaction():
            rejection = await asyncio.wait_for(admin.get("/v1/teams"), 20)
            assert (rejection.status_code, rejection.json()["code"]) == (503, "unavailable"), (
                "a pool that is empty"
            )
        assert (await admin.get("/v1/teams")).status_code == 200
