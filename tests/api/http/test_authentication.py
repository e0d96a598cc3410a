"""How a request shows its key."""

from collections.abc import AsyncIterator

import pytest

from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.settings import Settings
from tests.api.conftest import EMBEDDED, KEYS, Client, Clock, World
from tests.support.signing import AUDIENCE, signing
from tests.support.statements import executed


@EMBEDDED
@pytest.mark.parametrize(
    "shown",
    [
        [],
        [""],
        ["Bearer"],
        ["Bearer "],
        ["Token {key}"],
        ["{key}"],
        ["Bearer {key} x"],
        ["Bearer {key}", "Bearer {key}"],
        ["Bearer " + "a" * 10_000],
        ["Bearer é"],
    ],
)
async def test_anything_but_one_bearer_key_is_refused(world, shown):
    caller = Client(world.app, None)
    headers = [
        ("Authorization", text.format(key=world.admin.key).encode("latin-1")) for text in shown
    ]
    reply = await caller.http.get("/v1/teams", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")


async def test_a_key_is_asked_for_before_the_body_is_read(world):
    async def never():
        raise AssertionError("the body was read")
        yield b""

    reply = await Client(world.app, None).http.put("/v1/teams/sales", content=never())
    assert reply.status_code == 401


@pytest.fixture
async def strict(sqlite_url) -> AsyncIterator[World]:
    """A service that takes 5 requests of a key, and 3 failures of an address."""
    settings = Settings(
        database_url=sqlite_url,
        secret_keys=KEYS,
        key_pepper=KEYS,
        requests_per_minute=5,
        failures_per_minute=3,
    )
    clock = Clock()
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        secret = await organizations.create(app.state.service, Organization("acme", "Acme"))
        yield World(app, clock, Client(app, secret))


async def test_every_reply_says_how_many_requests_are_left_and_the_next_one_is_refused(strict):
    for left in (4, 3, 2, 1, 0):
        reply = await strict.admin.get("/v1/teams/nowhere" if left % 2 else "/v1/teams")
        assert reply.headers["ratelimit-policy"] == '"key";q=5;w=60'
        assert reply.headers["ratelimit"].startswith(f'"key";r={left};t=')
    refused = await strict.admin.get("/v1/teams")
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
    assert refused.headers["retry-after"] == "12"
    assert refused.headers["ratelimit"] == '"key";r=0;t=60'
    strict.clock.pass_time(seconds=12)
    assert (await strict.admin.get("/v1/teams")).status_code == 200
    assert "ratelimit" not in (await strict.admin.get("/livez")).headers


async def test_an_address_that_fails_too_often_is_heard_with_known_keys_alone(strict):
    assert (await strict.admin.get("/v1/teams")).status_code == 200
    stranger, unknown = Client(strict.app, None), Client(strict.app, f"sightline_{'a' * 60}")
    wrong = (await strict.organization("other")).key or ""
    for caller in (stranger, unknown, stranger):
        refused = await caller.get("/v1/teams")
        assert (refused.status_code, refused.headers["ratelimit-policy"]) == (
            401,
            '"address";q=3;w=60',
        )
    for key in (None, "sightline_x", wrong):
        refused = await Client(strict.app, key).get("/v1/teams")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
    assert (await strict.admin.get("/v1/teams")).status_code == 200, (
        "nobody is locked out by somebody else"
    )
    strict.clock.pass_time(minutes=1)
    assert (await Client(strict.app, wrong).get("/v1/teams")).status_code == 200


async def test_a_key_that_cannot_be_one_is_refused_before_any_work(world):
    good = world.admin.key or ""
    with executed(world.app.state.service.database) as asked:
        for key in (
            "x",
            good[:-1],
            f"{good}0",
            good[:-1] + ("a" if good[-1] != "a" else "b"),
            good.upper(),
        ):
            assert (await Client(world.app, key).get("/v1/teams")).status_code == 401
    assert asked == set()


async def test_an_access_token_of_the_configured_issuer_is_as_good_as_a_key(sqlite_url):
    with signing() as signer:
        settings = Settings(
            database_url=sqlite_url,
            secret_keys=KEYS,
            key_pepper=KEYS,
            oidc_issuer=signer.url,
            oidc_audience=AUDIENCE,
        )
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            await organizations.create(app.state.service, Organization("acme", "Acme"))
            may = {"read": "sightline:read", "write": "sightline:read sightline:playbook:write"}
            reader, writer = (Client(app, signer.token(scope=scope)) for scope in may.values())
            assert (await reader.get("/v1/organization")).json()["key"] == "acme"
            team = {"name": "Sales", "function": "sales"}
            assert (await reader.put("/v1/teams/sales", team)).status_code == 403
            assert (await writer.put("/v1/teams/sales", team)).status_code == 201
            bound = Client(app, signer.token(scope=may["write"], sightline_team="sales"))
            assert (await bound.put("/v1/teams/sales", team)).status_code == 403
            for wrong in (
                signer.token(sightline_organization="other"),
                signer.token(exp=1),
                f"{signer.token()}x",
            ):
                refused = await Client(app, wrong).get("/v1/teams")
                assert (refused.status_code, refused.json()["detail"][:4]) == (401, "Send")
            admin = Client(app, signer.token(scope="sightline:admin"))
            (change,) = (await admin.get("/v1/journal?kind=team")).json()["items"]
            assert change["actor"] == "user-7 (token)"
