"""Malformed API keys are rejected without a query. Sealed secrets open only in their context."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.errors import UnavailableError
from app.security import vault
from app.security.identifiers import BASE62_ALPHABET
from app.security.vault import Vault

FIRST_KEY = bytes(range(32))
SECOND_KEY = bytes(range(1, 33))
ENCODED_KEY = base64.b64encode(FIRST_KEY).decode()


def make_vault(**keys: bytes) -> Vault:
    return Vault(keys, keys)


@given(st.text(max_size=50))
def test_a_sealed_secret_opens_in_its_context(secret: str):
    sealed = make_vault(k1=FIRST_KEY).seal(secret, "hook/a/b")
    assert sealed.startswith("v1.k1.")
    assert make_vault(k1=FIRST_KEY).open(sealed, "hook/a/b") == secret
    assert len(secret) < 8 or secret not in sealed


def test_a_moved_secret_does_not_open():
    sealed = make_vault(k1=FIRST_KEY).seal("secret", "hook/a/b")
    with pytest.raises(UnavailableError, match="cannot be read"):
        make_vault(k1=FIRST_KEY).open(sealed, "hook/a/c")


def test_a_tampered_secret_does_not_open():
    head, key_id, text = make_vault(k1=FIRST_KEY).seal("secret", "x").split(".")
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    with pytest.raises(UnavailableError):
        make_vault(k1=FIRST_KEY).open(f"{head}.{key_id}.{base64.b64encode(raw).decode()}", "x")


def test_a_secret_opens_as_long_as_its_key_is_configured():
    sealed = make_vault(k1=FIRST_KEY).seal("secret", "x")
    assert make_vault(k2=SECOND_KEY, k1=FIRST_KEY).open(sealed, "x") == "secret"
    assert make_vault(k2=SECOND_KEY, k1=FIRST_KEY).seal("secret", "x").startswith("v1.k2.")
    for wrong_vault in (make_vault(k2=FIRST_KEY), make_vault(k1=SECOND_KEY)):
        with pytest.raises(UnavailableError):
            wrong_vault.open(sealed, "x")


def test_the_same_secret_is_never_sealed_the_same():
    assert len({make_vault(k1=FIRST_KEY).seal("secret", "x") for _ in range(20)}) == 20


def test_a_digest_depends_on_the_pepper_and_on_the_secret():
    peppered_vault = Vault({}, {"p1": FIRST_KEY, "p2": SECOND_KEY})
    assert peppered_vault.pepper_id == "p1"
    digests = {
        peppered_vault.digest(pepper, secret) for pepper in ("p1", "p2") for secret in ("a", "b")
    }
    assert len(digests) == 4
    with pytest.raises(UnavailableError, match="pepper"):
        peppered_vault.digest("p3", "a")


def test_keys_are_parsed_in_order_and_the_first_is_the_active_one():
    parsed_keys = vault.parse_keys(f"k2:{base64.b64encode(SECOND_KEY).decode()}, k1:{ENCODED_KEY}")
    assert list(parsed_keys.items()) == [("k2", SECOND_KEY), ("k1", FIRST_KEY)]
    assert [len(key) for key in vault.parse_keys(vault.generate_key("k9")).values()] == [32]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        f":{ENCODED_KEY}",
        f"k.1:{ENCODED_KEY}",
        "k1:",
        "k1:AAAA",
        f"k1:{ENCODED_KEY}AAAA",
        "k1:not base64!",
        f"k1:{ENCODED_KEY},",
        f"k1:{ENCODED_KEY},k2:AAAA",
    ],
)
def test_an_invalid_key_list_is_rejected(text: str):
    with pytest.raises(ValueError):  # the message is ours or base64's
        vault.parse_keys(text)


def test_an_api_key_is_seventy_characters_of_its_alphabet():
    text, public_part, secret = vault.generate_api_key()
    assert (len(text), len(public_part), len(secret)) == (70, 11, 43)
    assert text == "sightline_" + public_part + secret + vault.compute_checksum(
        "sightline_" + public_part + secret
    )
    assert set(text.removeprefix("sightline_")) <= set(BASE62_ALPHABET)
    assert vault.split_api_key(text) == (public_part, secret)
    assert vault.generate_api_key()[0] != text


@given(st.integers(0, 69), st.sampled_from(BASE62_ALPHABET))
def test_no_single_typing_error_passes(index: int, letter: str):
    text = vault.generate_api_key()[0]
    mistyped = text[:index] + letter + text[index + 1 :]
    assert (vault.split_api_key(mistyped) is not None) == (mistyped == text)


def test_a_malformed_key_is_not_split():
    text = vault.generate_api_key()[0]
    for invalid_key in (
        "",
        text[:-1],
        text + "0",
        " " + text[1:],
        text.upper(),
        "é" + text[1:],
        text[:-1] + "\u0664",
    ):
        assert vault.split_api_key(invalid_key) is None


def test_a_checksum_of_letters_outside_the_alphabet_is_none():
    body = "sightline_" + "-" * 54
    assert vault.split_api_key(body + vault.compute_checksum(body)) is None
