"""A caller with an access token has the organization, team and scopes of its claims."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.primitives.errors import NotAuthenticError
from app.services.access.access_tokens import authenticate_token, is_token, parse_scopes
from app.services.runtime.context import AccessTokenConfig
from tests.support.service_harness import ServiceHarness

CLAIMS = {
    "sub": "user-7",
    "org": "acme",
    "scope": "openid sightline:read sightline:admin sightline:all",
}


def make_tokens(claims: Mapping[str, Any]) -> AccessTokenConfig:
    async def read(_presented: str) -> Mapping[str, Any]:
        return claims

    return AccessTokenConfig(read, "org", "team")


async def test_a_token_identifies_its_organization_and_scopes(harness: ServiceHarness):
    actor = await harness.create_organization()
    token_actor = await authenticate_token(
        harness.service, make_tokens({**CLAIMS, "team": "sales"}), "a.b.c"
    )
    assert (token_actor.organization, token_actor.name, token_actor.team) == (
        actor.organization,
        "user-7 (token)",
        "sales",
    )
    assert token_actor.scopes == {"read", "admin"}
    assert (await authenticate_token(harness.service, make_tokens(CLAIMS), "a.b.c")).team is None


@pytest.mark.parametrize(
    "claim_overrides",
    [
        {"org": None},
        {"org": "other"},
        {"org": ["acme"]},
        {"sub": None},
        {"sub": "a\nb"},
        {"team": 1},
        {"sub": "x" * 201},
    ],
)
async def test_a_token_without_a_valid_subject_or_organization_is_rejected(
    harness: ServiceHarness, claim_overrides
):
    await harness.create_organization()
    with pytest.raises(NotAuthenticError):
        await authenticate_token(
            harness.service, make_tokens({**CLAIMS, **claim_overrides}), "a.b.c"
        )


def test_scopes_have_a_prefix_and_are_a_text_or_a_list():
    assert parse_scopes({"scope": ["sightline:events:write", "read", "sightline:"]}) == {
        "events:write"
    }
    assert (
        parse_scopes({"scope": 7})
        == parse_scopes({})
        == parse_scopes({"scope": "read admin"})
        == frozenset()
    )


def test_an_api_key_does_not_look_like_a_token():
    assert is_token("a.b.c")
    assert not is_token(f"sightline_{'a' * 60}")
