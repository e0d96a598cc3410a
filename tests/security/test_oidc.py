"""Access tokens: only authentic, current ones of our issuer, meant for us, that give access."""

import base64
import json
import time
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from app.domain.primitives.errors import NotAuthenticError, UnavailableError
from app.security.oidc import Issuer
from tests.support.services import Clock
from tests.support.signing import AUDIENCE, Signer, signing


@pytest.fixture(scope="module")
def listening() -> Iterator[Signer]:
    with signing() as found:
        yield found


@pytest.fixture
def signer(listening: Signer) -> Signer:
    listening.asked, listening.broken = 0, False
    return listening


def issuer(signer: Signer, clock: Clock | None = None) -> Issuer:
    return Issuer(signer.url, AUDIENCE, clock or Clock())


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def hostile(signer: Signer) -> dict[str, str]:
    """Tokens that must not pass, by what is wrong with them."""
    now, good = int(time.time()), signer.token()
    public = signer.keys["r1"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    head, body, signature = good.split(".")
    symmetric = jwt.api_jws.PyJWS()
    symmetric._algorithms["HS256"].prepare_key = lambda key: key  # type: ignore[method-assign]  # as an attacker would
    return {
        "none": f"{part({'alg': 'none', 'kid': 'r1'})}.{body}.",
        "HS256 with the public key": symmetric.encode(
            json.dumps(signer.claims()).encode(), public, "HS256", headers={"kid": "r1"}
        ),
        "another's signature": f"{head}.{body}.{'A' * len(signature)}",
        "another body": f"{head}.{part(signer.claims(sub='admin'))}.{signature}",
        "expired": signer.token(exp=now - 60),
        "not yet": signer.token(nbf=now + 120),
        "no exp": signer.token(exp=None),
        "no iat": signer.token(iat=None),
        "no sub": signer.token(sub=None),
        "no audience": signer.token(aud=None),
        "another audience": signer.token(aud="https://other.example"),
        "no issuer": signer.token(iss=None),
        "another issuer": signer.token(iss="https://other.example"),
        "critical": signer.token(headers={"crit": ["exp"], "exp": 1}),
        "an ID token": signer.token(scope=None, headers={"typ": "JWT"}),
        "no key's name": signer.token(headers={"kid": ""}),
        "the name of a secret": signer.token(headers={"kid": "o1"}),
        "its own key": signer.token(
            headers={"kid": "x", "jku": f"{signer.url}/jwks", "jwk": signer.jwks()["keys"][0]}
        ),
        "too long": signer.token(more="x" * 9_000),
        "nonsense": "a.b.c",
        "nothing": "..",
    }


async def test_a_good_token_says_who_it_is_whatever_key_signed_it(signer):
    for key in signer.keys:
        found = await issuer(signer).claims(signer.token(key))
        assert (found["sub"], found["sightline_organization"]) == ("user-7", "acme")
    access = signer.token(scope=None, headers={"typ": "at+jwt"})
    assert (await issuer(signer).claims(access))["sub"] == "user-7"


async def test_whatever_is_wrong_with_a_token_is_refused_in_the_same_words(signer):
    believed = issuer(signer)
    for wrong, token in hostile(signer).items():
        with pytest.raises(NotAuthenticError) as refused:
            await believed.claims(token)
        assert refused.value.detail == "The access token is not valid.", wrong


async def test_the_keys_are_fetched_once_and_again_for_an_unknown_one_but_not_often(signer):
    clock = Clock()
    believed = issuer(signer, clock)
    for _ in range(3):
        await believed.claims(signer.token())
    assert signer.asked == 1
    for _ in range(3):
        with pytest.raises(NotAuthenticError):
            await believed.claims(signer.token(headers={"kid": "new"}))
    assert signer.asked == 1, "less than 30 seconds after"
    clock.forward(seconds=31)
    for _ in range(3):
        with pytest.raises(NotAuthenticError):
            await believed.claims(signer.token(headers={"kid": "new"}))
    assert signer.asked == 2


async def test_keys_outlive_an_issuer_that_does_not_answer(signer):
    clock = Clock()
    believed = issuer(signer, clock)
    await believed.claims(signer.token())
    signer.broken = True
    clock.forward(hours=1)
    assert (await believed.claims(signer.token()))["sub"] == "user-7"
    assert signer.asked == 2
    with pytest.raises(UnavailableError):
        await issuer(signer).claims(signer.token())


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
def test_an_address_that_a_stranger_could_answer_for_is_refused(url):
    with pytest.raises(ValueError, match="https"):
        Issuer(url, AUDIENCE, Clock())
