"""Access tokens of the configured issuer: who asks, and what they may do, from the token's claims."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.access.actor import SCOPES, Actor
from app.domain.primitives.errors import NotAuthenticError
from app.services.runtime.context import Service, Tokens
from app.store.access import api_keys as directory

REFUSAL: Final = "The access token is not valid."
PREFIX: Final = "sightline:"
LONGEST_NAME: Final = 200


def is_token(presented: str) -> bool:
    """Whether it has the form of a JSON Web Token, which no API key has."""
    return presented.count(".") == 2


async def identify(service: Service, tokens: Tokens, presented: str) -> Actor:
    """Whose token it is and what it may do. Raises: NotAuthenticError, UnavailableError."""
    claims = await tokens.read(presented)
    key, team, subject = (
        _text(claims, name) for name in (tokens.organization_claim, tokens.team_claim, "sub")
    )
    if key is None or subject is None:
        raise NotAuthenticError(REFUSAL)
    async with service.database.reading() as connection:
        organization = await directory.owner(connection, "organization", key)
    if organization is None:
        raise NotAuthenticError(REFUSAL)
    return Actor(organization, f"{subject} (token)", scopes(claims), team)


def scopes(claims: Mapping[str, Any]) -> frozenset[str]:  # Any: JSON values
    """The scopes of ours that the token was given, as `sightline:read` and so on."""
    given = claims.get("scope", "")
    words = given.split() if isinstance(given, str) else given if isinstance(given, list) else []
    return frozenset(scope for scope in SCOPES if f"{PREFIX}{scope}" in words)


def _text(claims: Mapping[str, Any], name: str) -> str | None:  # Any: JSON values
    """A claim that is a text of sane length. None when it is missing. Raises: NotAuthenticError for any other."""
    found = claims.get(name)
    if found is None:
        return None
    if not isinstance(found, str) or not 0 < len(found) <= LONGEST_NAME or not found.isprintable():
        raise NotAuthenticError(REFUSAL)
    return found
