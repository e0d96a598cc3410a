"""Authentication: API keys, access tokens and rate limits."""

from collections.abc import AsyncIterator

import pytest

from app.domain.playbook.organization import Organization
from app.main import create_app
from app.services.access import organizations
from app.settings import Settings
from tests.api.conftest import ENCRYPTION_KEYS, SQLITE_ONLY, ApiHarness, Client, ManualClock
from tests.support.sql_statements import record_statements
from tests.support.token_issuer import AUDIENCE, run_token_issuer


@SQLITE_ONLY
@pytest.mark.parametrize(
    "header_values",
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
async def test_anything_but_one_bearer_key_is_refused(api, header_values):
    caller = Client(api.app, None)
    headers = [
        ("Authorization", template.format(key=api.admin.key).encode("latin-1"))
        for template in header_values
    ]
    reply = await caller.http.get("/v1/teams", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")


async def test_a_key_is_required_before_the_body_is_read(api):
    async def fail_when_read():
        raise AssertionError("the body was read")
        yield b""

    reply = await Client(api.app, None).http.put("/v1/teams/sales", content=fail_when_read())
    assert reply.status_code == 401


@pytest.fixture
async def strict_api(sqlite_url) -> AsyncIterator[ApiHarness]:
    """Yield a service that allows 5 requests of a key and 3 failures of an address."""
    settings = Settings(
        database_url=sqlite_url,
        secret_keys=ENCRYPTION_KEYS,
        key_pepper=ENCRYPTION_KEYS,
        requests_per_minute=5,
        failures_per_minute=3,
    )
    clock = ManualClock()
    app = create_app(settings, clock)
    async with app.router.lifespan_context(app):
        secret = await organizations.create_organization(
            app.state.service, Organization("acme", "Acme")
        )
        yield ApiHarness(app, clock, Client(app, secret))


async def test_every_reply_says_how_many_requests_are_left_and_the_next_one_is_refused(strict_api):
    for remaining in (4, 3, 2, 1, 0):
        reply = await strict_api.admin.get("/v1/teams/nowhere" if remaining % 2 else "/v1/teams")
        assert reply.headers["ratelimit-policy"] == '"key";q=5;w=60'
        assert reply.headers["ratelimit"].startswith(f'"key";r={remaining};t=')
    rejection = await strict_api.admin.get("/v1/teams")
    assert (rejection.status_code, rejection.json()["code"]) == (429, "too-many-requests")
    assert rejection.headers["retry-after"] == "12"
    assert rejection.headers["ratelimit"] == '"key";r=0;t=60'
    strict_api.clock.advance(seconds=12)
    assert (await strict_api.admin.get("/v1/teams")).status_code == 200
    assert "ratelimit" not in (await strict_api.admin.get("/livez")).headers


async def test_an_address_that_fails_too_often_needs_a_recently_verified_key(strict_api):
    assert (await strict_api.admin.get("/v1/teams")).status_code == 200
    anonymous = Client(strict_api.app, None)
    unknown_caller = Client(strict_api.app, f"sightline_{'a' * 60}")
    unverified_key = (await strict_api.create_organization("other")).key or ""
    for caller in (anonymous, unknown_caller, anonymous):
        rejection = await caller.get("/v1/teams")
        assert (rejection.status_code, rejection.headers["ratelimit-policy"]) == (
            401,
            '"address";q=3;w=60',
        )
    for presented_key in (None, "sightline_x", unverified_key):
        rejection = await Client(strict_api.app, presented_key).get("/v1/teams")
        assert (rejection.status_code, rejection.headers["retry-after"]) == (429, "20")
    assert (await strict_api.admin.get("/v1/teams")).status_code == 200, (
        "nobody is locked out by somebody else"
    )
    strict_api.clock.advance(minutes=1)
    assert (await Client(strict_api.app, unverified_key).get("/v1/teams")).status_code == 200


async def test_a_key_that_cannot_be_one_is_refused_before_any_work(api):
    valid_key = api.admin.key or ""
    with record_statements(api.app.state.service.database) as statements:
        for malformed_key in (
            "x",
            valid_key[:-1],
            f"{valid_key}0",
            valid_key[:-1] + ("a" if valid_key[-1] != "a" else "b"),
            valid_key.upper(),
        ):
            assert (await Client(api.app, malformed_key).get("/v1/teams")).status_code == 401
    assert statements == set()


async def test_an_access_token_of_the_configured_issuer_is_as_good_as_a_key(sqlite_url):
    with run_token_issuer() as signer:
        settings = Settings(
            database_url=sqlite_url,
            secret_keys=ENCRYPTION_KEYS,
            key_pepper=ENCRYPTION_KEYS,
            oidc_issuer=signer.url,
            oidc_audience=AUDIENCE,
        )
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            await organizations.create_organization(app.state.service, Organization("acme", "Acme"))
            token_scopes = {
                "read": "sightline:read",
                "write": "sightline:read sightline:playbook:write",
            }
            reader, writer = (
                Client(app, signer.sign_token(scope=scope)) for scope in token_scopes.values()
            )
            assert (await reader.get("/v1/organization")).json()["key"] == "acme"
            team = {"name": "Sales", "function": "sales"}
            assert (await reader.put("/v1/teams/sales", team)).status_code == 403
            assert (await writer.put("/v1/teams/sales", team)).status_code == 201
            bound_writer = Client(
                app, signer.sign_token(scope=token_scopes["write"], sightline_team="sales")
            )
            assert (await bound_writer.put("/v1/teams/sales", team)).status_code == 403
            for token in (
                signer.sign_token(sightline_organization="other"),
                signer.sign_token(exp=1),
                f"{signer.sign_token()}x",
            ):
                rejection = await Client(app, token).get("/v1/teams")
                assert (rejection.status_code, rejection.json()["detail"][:4]) == (401, "Send")
            admin = Client(app, signer.sign_token(scope="sightline:admin"))
            (change,) = (await admin.get("/v1/journal?kind=team")).json()["items"]
            assert change["actor"] == "user-7 (token)"
