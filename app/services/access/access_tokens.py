"""Access tokens of the configured issuer: who asks, and what they may do, from the token's claims."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.access.actor import SCOPES, Actor
from app.domain.primitives.errors import NotAuthenticError
from app.services.runtime.context import AccessTokenConfig, ServiceContext
from app.store.access import directory

INVALID_TOKEN_MESSAGE: Final = "The access token is not valid."  # noqa: S105  # the name contains a word; the text is no secret
SCOPE_PREFIX: Final = "sightline:"
MAX_NAME_LENGTH: Final = 200


def is_token(presented: str) -> bool:
    """Whether it has the form of a JSON Web Token, which no API key has."""
    return presented.count(".") == 2


async def authenticate_token(
    service: ServiceContext, token_config: AccessTokenConfig, presented: str
) -> Actor:
    """Whose token it is and what it may do. Raises: NotAuthenticError, UnavailableError."""
    claims = await token_config.verify_token(presented)
    key, team, subject = (
        _read_text_claim(claims, name)
        for name in (token_config.organization_claim, token_config.team_claim, "sub")
    )
    if key is None or subject is None:
        raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
    async with service.database.read_transaction() as connection:
        organization = await directory.find_organization(connection, "organization", key)
    if organization is None:
        raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
    return Actor(organization, f"{subject} (token)", parse_scopes(claims), team)


def parse_scopes(claims: Mapping[str, Any]) -> frozenset[str]:  # Any: JSON values
    """The scopes of ours that the token was given, as `sightline:read` and so on."""
    scope_claim = claims.get("scope", "")
    granted_scopes = (
        scope_claim.split()
        if isinstance(scope_claim, str)
        else scope_claim
        if isinstance(scope_claim, list)
        else []
    )
    return frozenset(scope for scope in SCOPES if f"{SCOPE_PREFIX}{scope}" in granted_scopes)


def _read_text_claim(claims: Mapping[str, Any], name: str) -> str | None:  # Any: JSON values
    """A claim that is a text of sane length. None when it is missing. Raises: NotAuthenticError for any other."""
    claim = claims.get(name)
    if claim is None:
        return None
    if (
        not isinstance(claim, str)
        or not 0 < len(claim) <= MAX_NAME_LENGTH
        or not claim.isprintable()
    ):
        raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
    return claim
