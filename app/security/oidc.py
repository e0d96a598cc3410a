"""Verification of access tokens of one OpenID Connect issuer (RFC 9068), with cached keys."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address
from json import loads
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import jwt

from app.domain.primitives.errors import NotAuthenticError, UnavailableError

ALGORITHMS: Final = ("RS256", "ES256")
REQUIRED_CLAIMS: Final = ("exp", "iat", "iss", "aud", "sub")
MAX_TOKEN_LENGTH: Final = 8_192
MAX_RESPONSE_BYTES: Final = 65_536
LEEWAY: Final = timedelta(seconds=30)
KEY_SET_TTL: Final = timedelta(minutes=10)
MIN_FETCH_INTERVAL: Final = timedelta(seconds=30)
INVALID_TOKEN_MESSAGE: Final = "The access token is not valid."  # noqa: S105  # a message, not a secret


@dataclass(slots=True)
class OidcTokenVerifier:
    """Verifies tokens that one issuer signed for one audience."""

    issuer_url: str
    audience: str
    clock: Callable[[], datetime]
    _keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    _fetched_at: datetime | None = None
    _attempted_at: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Raise ValueError for an issuer address that somebody else could answer for."""
        if not _is_trusted_url(self.issuer_url):
            raise ValueError("The issuer must be an https address without a query.")

    async def verify_token(self, token: str) -> Mapping[str, Any]:  # Any: JSON values
        """Return the claims of an authentic, current access token for our audience.

        Raises: NotAuthenticError, UnavailableError.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
        try:
            header = jwt.get_unverified_header(token)
            signing_key = await self._get_key(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(  # Any: JSON values
                token,
                signing_key,
                algorithms=ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer_url,
                leeway=LEEWAY,
                options={"require": list(REQUIRED_CLAIMS)},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise NotAuthenticError(INVALID_TOKEN_MESSAGE) from None
        # The same keys sign ID tokens. An access token has its own type, or at least a scope.
        if (
            str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt")
            and "scope" not in claims
        ):
            raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
        return claims

    async def _get_key(self, key_id: object) -> jwt.PyJWK:
        """Return the key with that id. Fetch the keys if it is unknown or they are old.

        They are fetched at most every 30 seconds.
        """
        async with self._lock:
            now = self.clock()
            is_stale = self._fetched_at is None or now - self._fetched_at > KEY_SET_TTL
            can_fetch = self._attempted_at is None or now - self._attempted_at >= MIN_FETCH_INTERVAL
            if (is_stale or key_id not in self._keys) and can_fetch:
                self._attempted_at = now
                await self._refresh_keys(now)
        if not self._keys:
            raise UnavailableError(
                "The keys of the issuer of access tokens cannot be had at the moment."
            )
        if not isinstance(key_id, str) or key_id not in self._keys:
            raise NotAuthenticError(INVALID_TOKEN_MESSAGE)
        return self._keys[key_id]

    async def _refresh_keys(self, now: datetime) -> None:
        """Fetch the issuer's keys. Keep the earlier ones if the issuer does not answer."""
        try:
            async with (
                asyncio.timeout(10),
                httpx.AsyncClient(timeout=5, trust_env=False, follow_redirects=False) as client,
            ):
                discovery = await _fetch_json(
                    client, f"{self.issuer_url.rstrip('/')}/.well-known/openid-configuration"
                )
                key_set_url = discovery.get("jwks_uri")
                if (
                    discovery.get("issuer") != self.issuer_url
                    or not isinstance(key_set_url, str)
                    or not _is_trusted_url(key_set_url)
                ):
                    return
                self._keys = _select_signing_keys(
                    (await _fetch_json(client, key_set_url)).get("keys")
                )
                self._fetched_at = now
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError):
            return


def _is_trusted_url(url: str) -> bool:
    """Return whether nobody else can answer for an address: https, or this machine."""
    split_url = urlsplit(url)
    if split_url.query or split_url.fragment or "@" in split_url.netloc or not split_url.hostname:
        return False
    return split_url.scheme == "https" or (
        split_url.scheme == "http" and _is_loopback(split_url.hostname)
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _fetch_json(client: httpx.AsyncClient, url: str) -> Mapping[str, Any]:  # Any: JSON values
    """Return the JSON object at an address.

    Raises: httpx.HTTPError; ValueError for any other answer, or a large one.
    """
    body = bytearray()
    async with client.stream("GET", url) as response:
        if response.status_code != 200:
            raise ValueError("not there")
        async for chunk in response.aiter_raw(MAX_RESPONSE_BYTES):
            body += chunk
            if len(body) > MAX_RESPONSE_BYTES:
                raise ValueError("too large")
    document = loads(body)
    if not isinstance(document, dict):
        raise ValueError("no object")  # noqa: TRY004  # the callers handle ValueError
    return document


def _select_signing_keys(keys: object) -> Mapping[str, jwt.PyJWK]:
    """Return the keys that this service can use, by id. Ignore all others."""
    keys_by_id = {}
    for jwk in keys if isinstance(keys, list) else ():
        key_id = jwk.get("kid") if isinstance(jwk, dict) else None
        if (
            isinstance(key_id, str)
            and jwk.get("use", "sig") == "sig"
            and jwk.get("kty") in ("RSA", "EC")
        ):
            try:
                signing_key = jwt.PyJWK(jwk)
            except jwt.PyJWTError:
                continue
            if signing_key.algorithm_name in ALGORITHMS:
                keys_by_id[key_id] = signing_key
    return keys_by_id
