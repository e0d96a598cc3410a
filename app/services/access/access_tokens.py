"""Callers with an OpenID Connect access token: organization, team and scopes from its claims."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.access.actor import SCOPES, Actor
from app.domain.primitives.errors import NotAuthenticError
from app.services.runtime.context import AccessTokenConfig, ServiceContext
from app.store.access import directory

INVALID_TOKEN_MESSAGE: Final = "The access token is not valid."  # noqa: S105  # a message, not a secret
SCOPE_PREFIX: Final = "sightline:"
MAX_NAME_LENGTH: Final = 200


def is_token(presented: str) -> bool:
    """Return whether the credential has the form of a JSON Web Token, which no API key has."""
    return presented.count(".") == 2


async def authenticate_token(
    service: ServiceContext, token_config: AccessTokenConfig, presented: str
) -> Actor:
    """Return the caller that an access token belongs to.

    Raises: NotAuthenticError, UnavailableError.
    """
    claims = await token_config.verify_token(presented)
    organization_key, team, subject = (
        _read_text_claim(claims, claim_name)
        for claim_name in (token_config.organization_claim, token_config.team_claim, "sub")
    )
    if organization_key is None or subject is None:
        raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
    async with service.database.read_transaction() as connection:
        organization = await directory.find_organization(
            connection, "organization", organization_key
        )
    if organization is None:
        raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
    return Actor(organization, f"{subject} (token)", parse_scopes(claims), team)


def parse_scopes(claims: Mapping[str, Any]) -> frozenset[str]:  # Any: JSON values
    """Return the scopes that the token grants, such as `sightline:read`."""
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
    """Return a text claim, or None if it is missing.

    Raises: NotAuthenticError for a claim that is no text, too long, or not printable.
    """
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
