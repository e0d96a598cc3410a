"""An OpenID Connect issuer that signs tokens and listens on this machine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI, Response

from tests.support.http_server import serve_application

AUDIENCE = "https://sightline.example"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass
class TokenIssuer:
    """An issuer with its keys by name."""

    keys: dict[str, PrivateKey] = field(
        default_factory=lambda: {
            "r1": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
            "e1": ec.generate_private_key(ec.SECP256R1()),
        }
    )
    url: str = ""
    # The number of requests for the key set.
    key_requests: int = 0
    is_broken: bool = False

    def build_key_set(self) -> dict[str, Any]:
        public_keys: list[dict[str, Any]] = []
        for key_id, private_key in self.keys.items():
            if isinstance(private_key, rsa.RSAPrivateKey):
                public_key = jwt.algorithms.RSAAlgorithm.to_jwk(
                    private_key.public_key(), as_dict=True
                )
            else:
                public_key = jwt.algorithms.ECAlgorithm.to_jwk(
                    private_key.public_key(), as_dict=True
                )
            public_keys.append({**public_key, "kid": key_id, "use": "sig"})
        return {"keys": [*public_keys, {"kty": "oct", "kid": "o1", "k": "AAAA"}, "nonsense"]}

    def build_claims(self, **overrides: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "user-7",
            "iat": now,
            "exp": now + 300,
            "scope": "openid sightline:read",
            "sightline_organization": "acme",
            **overrides,
        }
        return {claim_name: value for claim_name, value in claims.items() if value is not None}

    def sign_token(
        self, key: str = "r1", *, headers: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        algorithm = "RS256" if isinstance(self.keys[key], rsa.RSAPrivateKey) else "ES256"
        return jwt.encode(
            self.build_claims(**claims),
            self.keys[key],
            algorithm,
            headers={"kid": key, **(headers or {})},
        )


@contextmanager
def run_token_issuer() -> Iterator[TokenIssuer]:
    """Serve an issuer until the block ends."""
    issuer = TokenIssuer()
    app = FastAPI()

    @app.get("/.well-known/openid-configuration")
    async def discover() -> dict[str, str]:
        return {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/jwks"}

    @app.get("/jwks", response_model=None)
    async def get_key_set() -> dict[str, Any] | Response:
        issuer.key_requests += 1
        return Response(status_code=500) if issuer.is_broken else issuer.build_key_set()

    with serve_application(app) as issuer.url:
        yield issuer
