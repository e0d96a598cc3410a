"""Access tokens: organization, team and scopes are those of its claims."""

from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.primitives.errors import NotAuthenticError
from app.services.access.access_tokens import identify, is_token, scopes
from app.services.runtime.context import Tokens
from tests.support.services import House

CLAIMS = {
    "sub": "user-7",
    "org": "acme",
    "scope": "openid sightline:read sightline:admin sightline:all",
}


def reading(claims: Mapping[str, Any]) -> Tokens:
    async def read(_presented: str) -> Mapping[str, Any]:
        return claims

    return Tokens(read, "org", "team")


async def test_a_token_says_whose_it_is_and_what_it_may(built: House):
    actor = await built.organization()
    found = await identify(built.service, reading({**CLAIMS, "team": "sales"}), "a.b.c")
    assert (found.organization, found.name, found.team) == (
        actor.organization,
        "user-7 (token)",
        "sales",
    )
    assert found.scopes == {"read", "admin"}
    assert (await identify(built.service, reading(CLAIMS), "a.b.c")).team is None


@pytest.mark.parametrize(
    "more",
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
async def test_a_token_of_nobody_or_for_nobody_is_refused(built: House, more):
    await built.organization()
    with pytest.raises(NotAuthenticError):
        await identify(built.service, reading({**CLAIMS, **more}), "a.b.c")


def test_scopes_are_ours_alone_and_may_be_a_text_or_a_list():
    assert scopes({"scope": ["sightline:events:write", "read", "sightline:"]}) == {"events:write"}
    assert scopes({"scope": 7}) == scopes({}) == scopes({"scope": "read admin"}) == frozenset()


def test_an_api_key_has_not_the_form_of_a_token():
    assert is_token("a.b.c")
    assert not is_token(f"sightline_{'a' * 60}")
