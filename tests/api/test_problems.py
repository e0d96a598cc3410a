"""Problem documents: one form for every refusal."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import text

from app.api.problems import KINDS, pointer
from app.domain.errors import SightlineError
from app.domain.teams import Organization
from app.flows import organizations
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import EMBEDDED, KEYS, Client


async def test_a_refusal_says_all_that_rfc_9457_and_we_ask(admin):
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


async def test_all_that_is_wrong_is_said_at_once_each_with_its_place(admin):
    reply = await admin.put("/v1/metrics/m", {"events": ["a", "b c"], "where": [{"property": "x", "op": "eq"}], "f": 1})
    assert reply.status_code == 422
    places = {error["pointer"] for error in reply.json()["errors"]}
    assert places == {"/name", "/aggregation", "/events/1", "/where/0/property", "/f"}


async def test_an_unknown_key_in_a_body_names_the_nearest(world):
    await world.strategy()
    refused = await world.admin.put("/v1/objectives/more", {"playbook": "fy26-q3", "title": "More"})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {"pointer": "/playbook", "detail": "There is no playbook 'fy26-q3'; the nearest known one is 'fy26-q4'."}
    ]


@EMBEDDED
@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/teams", "/v1/teams/", "/v1/teams/a/b", "/redoc", "/%00", "/é"]
)
async def test_what_is_nowhere_is_a_404_problem(admin, path):
    reply = await admin.get(path)
    assert (reply.status_code, reply.json()["code"]) == (404, "not-found")
    assert reply.json()["instance"].isascii()


@EMBEDDED
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
async def test_a_method_that_is_not_taken_says_which_are(world, path, allowed):
    for method in ("TRACE", "OPTIONS", "QUERY"):
        reply = await Client(world.app, None).send(method, path)
        assert (reply.status_code, reply.headers["allow"]) == (405, allowed)
        assert reply.json()["code"] == "method-not-allowed"


def test_a_pointer_escapes_what_it_must():
    assert pointer(["a/b", 0, "c~d"]) == "/a~1b/0/c~0d"
    assert pointer([]) == ""


@given(some.lists(some.text()))
def test_a_pointer_can_be_taken_apart_again(parts):
    taken = pointer(parts).split("/")[1:]
    assert [part.replace("~1", "/").replace("~0", "~") for part in taken] == parts


def test_every_refusal_has_its_row():
    found = [SightlineError]
    for kind in found:
        found += kind.__subclasses__()
    assert {kind.code for kind in found} <= KINDS.keys()


async def test_what_the_caller_named_is_said_without_u_0000(admin):
    refused = await admin.get("/v1/teams?a%00b=1")
    assert refused.json()["errors"] == [{"pointer": "a\ufffdb", "detail": "unknown parameter"}]
    assert "a\ufffdb" in refused.json()["detail"]


@EMBEDDED
@pytest.mark.parametrize("value", ["2026-13-01", "0", "", "2026-11-23T00:00:00Z"])
async def test_a_parameter_that_is_wrong_is_named_as_the_caller_knows_it(admin, value):
    refused = await admin.get(f"/v1/alignment?as_of={value}")
    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["as_of"]
    assert "function" not in refused.text
    assert "None" not in refused.text


async def test_what_is_archived_is_not_called_unknown(admin):
    await admin.made("/v1/teams/ops", {"name": "Ops", "function": "operations"})
    assert (await admin.delete("/v1/teams/ops")).status_code == 204
    assert "is archived" in (await admin.get("/v1/teams/ops")).json()["detail"]


async def test_a_filter_by_an_unknown_team_names_the_nearest(admin):
    await admin.made("/v1/teams/sales", {"name": "Sales", "function": "sales"})
    refused = await admin.get("/v1/events?team=sale")
    assert (refused.status_code, "'sales'" in refused.json()["detail"]) == (422, True)


@pytest.mark.postgresql
async def test_what_takes_the_database_too_long_is_unavailable_for_a_moment(postgresql_url):
    settings = Settings(
        database_url=postgresql_url,
        secret_keys=KEYS,
        key_pepper=KEYS,
        statement_timeout_seconds=0.3,
        pool_size=2,
        pool_timeout_seconds=0.3,
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        database = app.state.service.database
        admin = Client(app, await organizations.create(app.state.service, Organization("acme", "Acme")))
        assert (await admin.get("/v1/teams")).status_code == 200
        async with database.writing() as busy:
            await busy.execute(text("lock table team in access exclusive mode"))
            refused = await admin.get("/v1/teams")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1"), "a statement that waits"
        async with database.reading(), database.reading():
            refused = await asyncio.wait_for(admin.get("/v1/teams"), 20)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable"), "a pool that is empty"
        assert (await admin.get("/v1/teams")).status_code == 200
