"""Access tokens of one OpenID Connect issuer: its keys, fetched and kept, and what a token must hold to be believed.

Source: security.md, section 3; RFC 9068.
"""

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
REQUIRED: Final = ("exp", "iat", "iss", "aud", "sub")
LONGEST: Final = 8_192
LARGEST: Final = 65_536
LEEWAY: Final = timedelta(seconds=30)
FRESH: Final = timedelta(minutes=10)
PAUSE: Final = timedelta(seconds=30)
REFUSAL: Final = "The access token is not valid."


@dataclass(slots=True)
class Issuer:
    """The issuer that is believed, and for whom its tokens must be meant."""

    url: str
    audience: str
    clock: Callable[[], datetime]
    _keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    _fetched: datetime | None = None
    _tried: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Raises: ValueError for an address that a stranger on the way could answer for."""
        if not _trusted(self.url):
            raise ValueError("The issuer must be an https address without a query.")

    async def claims(self, token: str) -> Mapping[str, Any]:  # Any: JSON values
        """What an authentic, current access token for us says. Raises: NotAuthenticError, UnavailableError."""
        if len(token) > LONGEST:
            raise NotAuthenticError(REFUSAL)
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(header.get("kid"))
            found: dict[str, Any] = jwt.decode(  # Any: JSON values
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.audience,
                issuer=self.url,
                leeway=LEEWAY,
                options={"require": list(REQUIRED)},
            )
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise NotAuthenticError(REFUSAL) from None
        # An ID token is signed by the same keys: only what says that it gives access does.
        if (
            str(header.get("typ", "")).lower() not in ("at+jwt", "application/at+jwt")
            and "scope" not in found
        ):
            raise NotAuthenticError(REFUSAL)
        return found

    async def _key(self, name: object) -> jwt.PyJWK:
        """The key of that name; an unknown one makes the keys be fetched again, now and then."""
        async with self._lock:
            now = self.clock()
            stale = self._fetched is None or now - self._fetched > FRESH
            waited = self._tried is None or now - self._tried >= PAUSE
            if (stale or name not in self._keys) and waited:
                self._tried = now
                await self._fetch(now)
        if not self._keys:
            raise UnavailableError(
                "The keys of the issuer of access tokens cannot be had at the moment."
            )
        if not isinstance(name, str) or name not in self._keys:
            raise NotAuthenticError(REFUSAL)
        return self._keys[name]

    async def _fetch(self, now: datetime) -> None:
        """The keys are the issuer's of now; where it cannot be asked they stay as they are."""
        try:
            async with (
                asyncio.timeout(10),
                httpx.AsyncClient(timeout=5, trust_env=False, follow_redirects=False) as client,
            ):
                said = await _json(
                    client, f"{self.url.rstrip('/')}/.well-known/openid-configuration"
                )
                address = said.get("jwks_uri")
                if (
                    said.get("issuer") != self.url
                    or not isinstance(address, str)
                    or not _trusted(address)
                ):
                    return
                self._keys = _signing((await _json(client, address)).get("keys"))
                self._fetched = now
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError):
            return


def _trusted(address: str) -> bool:
    """Whether nobody on the way can answer for it: https, or this machine itself."""
    parts = urlsplit(address)
    if parts.query or parts.fragment or "@" in parts.netloc or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _own(parts.hostname))


def _own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def _json(client: httpx.AsyncClient, address: str) -> Mapping[str, Any]:  # Any: JSON values
    """The JSON object at an address. Raises: httpx.HTTPError, ValueError for anything else, or too much of it."""
    found = bytearray()
    async with client.stream("GET", address) as reply:
        if reply.status_code != 200:
            raise ValueError("not there")
        async for chunk in reply.aiter_raw(LARGEST):
            found += chunk
            if len(found) > LARGEST:
                raise ValueError("too large")
    said = loads(found)
    if not isinstance(said, dict):
        raise ValueError("no object")  # noqa: TRY004  # what the caller listens to
    return said


def _signing(keys: object) -> Mapping[str, jwt.PyJWK]:
    """The keys that we can use, by name; what else an issuer has is none of ours."""
    found = {}
    for each in keys if isinstance(keys, list) else ():
        name = each.get("kid") if isinstance(each, dict) else None
        if (
            isinstance(name, str)
            and each.get("use", "sig") == "sig"
            and each.get("kty") in ("RSA", "EC")
        ):
            try:
                key = jwt.PyJWK(each)
            except jwt.PyJWTError:
                continue
            if key.algorithm_name in ALGORITHMS:
                found[name] = key
    return found
