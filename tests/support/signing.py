"""An OpenID Connect issuer that really signs and really listens, on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI, Response

from tests.support.serving import served

AUDIENCE = "https://sightline.example"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class Signer:
    """An issuer: its address, its keys by name, and how often they were asked for."""

    keys: dict[str, Private] = field(
        default_factory=lambda: {
            "r1": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
            "e1": ec.generate_private_key(ec.SECP256R1()),
        }
    )
    url: str = ""
    asked: int = 0
    broken: bool = False

    def jwks(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = []
        for name, key in self.keys.items():
            if isinstance(key, rsa.RSAPrivateKey):
                public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            else:
                public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
            found.append({**public, "kid": name, "use": "sig"})
        return {"keys": [*found, {"kty": "oct", "kid": "o1", "k": "AAAA"}, "nonsense"]}

    def claims(self, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        found = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-7",
            "iat": now,
            "exp": now + 300,
            "scope": "openid sightline:read",
            "sightline_organization": "acme",
            **more,
        }
        return {name: value for name, value in found.items() if value is not None}

    def token(self, key: str = "r1", *, headers: dict[str, Any] | None = None, **more: Any) -> str:
        algorithm = "RS256" if isinstance(self.keys[key], rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(
            self.claims(**more), self.keys[key], algorithm, headers={"kid": key, **(headers or {})}
        )


@contextmanager
def signing() -> Iterator[Signer]:
    """A signer that listens until the block ends."""
    signer, app = Signer(), FastAPI()

    @app.get("/.well-known/openid-configuration")
    async def discover() -> dict[str, str]:
        return {"issuer": signer.url, "jwks_uri": f"{signer.url}/jwks"}

    @app.get("/jwks", response_model=None)
    async def jwks() -> dict[str, Any] | Response:
        signer.asked += 1
        return Response(status_code=500) if signer.broken else signer.jwks()

    with served(app) as signer.url:
        yield signer
