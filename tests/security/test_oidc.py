"""Only authentic, current access tokens of the issuer and for our audience are accepted."""

import base64
import json
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from app.domain.primitives.errors import NotAuthenticError, UnavailableError
from app.security.oidc import OidcTokenVerifier
from tests.support.service_harness import FakeClock
from tests.support.token_issuer import AUDIENCE, TokenIssuer, run_token_issuer


@pytest.fixture(scope="module")
def signing_server() -> Iterator[TokenIssuer]:
    with run_token_issuer() as server:
        yield server


@pytest.fixture
def signer(signing_server: TokenIssuer) -> TokenIssuer:
    signing_server.key_requests = 0
    signing_server.is_broken = False
    return signing_server


def make_issuer(signer: TokenIssuer, clock: FakeClock | None = None) -> OidcTokenVerifier:
    return OidcTokenVerifier(signer.url, AUDIENCE, clock or FakeClock())


def encode_part(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def make_hostile_tokens(signer: TokenIssuer) -> dict[str, str]:
    """Return tokens that must be refused, by their fault."""
    now = int(time.time())
    valid_token = signer.sign_token()
    public_key = signer.keys["r1"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    header, body, signature = valid_token.split(".")
    unchecked_jws = jwt.api_jws.PyJWS()
    unchecked_jws._algorithms["HS256"].prepare_key = lambda key: key  # type: ignore[method-assign]  # an attacker is not stopped
    return {
        "none": f"{encode_part({'alg': 'none', 'kid': 'r1'})}.{body}.",
        "HS256 with the public key": unchecked_jws.encode(
            json.dumps(signer.build_claims()).encode(), public_key, "HS256", headers={"kid": "r1"}
        ),
        "another's signature": f"{header}.{body}.{'A' * len(signature)}",
        "another body": f"{header}.{encode_part(signer.build_claims(sub='admin'))}.{signature}",
        "expired": signer.sign_token(exp=now - 60),
        "not yet": signer.sign_token(nbf=now + 120),
        "no exp": signer.sign_token(exp=None),
        "no iat": signer.sign_token(iat=None),
        "no sub": signer.sign_token(sub=None),
        "no audience": signer.sign_token(aud=None),
        "another audience": signer.sign_token(aud="https://other.example"),
        "no issuer": signer.sign_token(iss=None),
        "another issuer": signer.sign_token(iss="https://other.example"),
        "critical": signer.sign_token(headers={"crit": ["exp"], "exp": 1}),
        "an ID token": signer.sign_token(scope=None, headers={"typ": "JWT"}),
        "no key's name": signer.sign_token(headers={"kid": ""}),
        "the name of a secret": signer.sign_token(headers={"kid": "o1"}),
        "its own key": signer.sign_token(
            headers={
                "kid": "x",
                "jku": f"{signer.url}/jwks",
                "jwk": signer.build_key_set()["keys"][0],
            }
        ),
        "too long": signer.sign_token(more="x" * 9_000),
        "nonsense": "a.b.c",
        "nothing": "..",
    }


async def test_a_valid_token_identifies_its_user_with_any_signing_key(signer):
    for key_id in signer.keys:
        claims = await make_issuer(signer).verify_token(signer.sign_token(key_id))
        assert (claims["sub"], claims["sightline_organization"]) == ("user-7", "acme")
    access_token = signer.sign_token(scope=None, headers={"typ": "at+jwt"})
    assert (await make_issuer(signer).verify_token(access_token))["sub"] == "user-7"


async def test_every_invalid_token_is_refused_with_the_same_message(signer):
    trusted_issuer = make_issuer(signer)
    for reason, token in make_hostile_tokens(signer).items():
        with pytest.raises(NotAuthenticError) as excinfo:
            await trusted_issuer.verify_token(token)
        assert excinfo.value.detail == "The access token is not valid.", reason


async def test_the_keys_are_fetched_once_and_again_for_an_unknown_one_but_not_often(signer):
    clock = FakeClock()
    trusted_issuer = make_issuer(signer, clock)
    for _ in range(3):
        await trusted_issuer.verify_token(signer.sign_token())
    assert signer.key_requests == 1
    for _ in range(3):
        with pytest.raises(NotAuthenticError):
            await trusted_issuer.verify_token(signer.sign_token(headers={"kid": "new"}))
    assert signer.key_requests == 1, "less than 30 seconds after"
    clock.advance(seconds=31)
    for _ in range(3):
        with pytest.raises(NotAuthenticError):
            await trusted_issuer.verify_token(signer.sign_token(headers={"kid": "new"}))
    assert signer.key_requests == 2


async def test_keys_outlive_an_issuer_that_does_not_answer(signer):
    clock = FakeClock()
    trusted_issuer = make_issuer(signer, clock)
    await trusted_issuer.verify_token(signer.sign_token())
    signer.is_broken = True
    clock.advance(hours=1)
    assert (await trusted_issuer.verify_token(signer.sign_token()))["sub"] == "user-7"
    assert signer.key_requests == 2
    with pytest.raises(UnavailableError):
        await make_issuer(signer).verify_token(signer.sign_token())


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example",
        "https://a@issuer.example",
        "https://issuer.example?x=1",
        "ftp://x",
        "",
        "https://",
    ],
)
def test_an_insecure_or_ambiguous_issuer_url_is_refused(url):
    with pytest.raises(ValueError, match="https"):
        OidcTokenVerifier(url, AUDIENCE, FakeClock())
