"""Keys have a form that costs nothing to refuse; secrets open where they were sealed and nowhere else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.primitives.errors import UnavailableError
from app.security import vault
from app.security.identifiers import ALPHABET
from app.security.vault import Vault

ONE, OTHER = bytes(range(32)), bytes(range(1, 33))
PLAIN = base64.b64encode(ONE).decode()


def of(**keys: bytes) -> Vault:
    return Vault(keys, keys)


@given(st.text(max_size=50))
def test_a_sealed_secret_opens_in_its_place(secret: str):
    sealed = of(k1=ONE).seal(secret, "hook/a/b")
    assert sealed.startswith("v1.k1.")
    assert of(k1=ONE).open(sealed, "hook/a/b") == secret
    assert len(secret) < 8 or secret not in sealed


def test_a_moved_secret_does_not_open():
    sealed = of(k1=ONE).seal("secret", "hook/a/b")
    with pytest.raises(UnavailableError, match="cannot be read"):
        of(k1=ONE).open(sealed, "hook/a/c")


def test_a_tampered_secret_does_not_open():
    head, name, text = of(k1=ONE).seal("secret", "x").split(".")
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    with pytest.raises(UnavailableError):
        of(k1=ONE).open(f"{head}.{name}.{base64.b64encode(raw).decode()}", "x")


def test_a_secret_opens_as_long_as_its_key_is_configured():
    sealed = of(k1=ONE).seal("secret", "x")
    assert of(k2=OTHER, k1=ONE).open(sealed, "x") == "secret"
    assert of(k2=OTHER, k1=ONE).seal("secret", "x").startswith("v1.k2.")
    for without in (of(k2=ONE), of(k1=OTHER)):
        with pytest.raises(UnavailableError):
            without.open(sealed, "x")


def test_the_same_secret_is_never_sealed_the_same():
    assert len({of(k1=ONE).seal("secret", "x") for _ in range(20)}) == 20


def test_a_digest_hangs_on_the_pepper_and_on_the_secret():
    found = Vault({}, {"p1": ONE, "p2": OTHER})
    assert found.pepper == "p1"
    digests = {found.digest(pepper, secret) for pepper in ("p1", "p2") for secret in ("a", "b")}
    assert len(digests) == 4
    with pytest.raises(UnavailableError, match="pepper"):
        found.digest("p3", "a")


def test_keys_are_read_in_their_order_with_the_first_as_the_one_in_use():
    found = vault.parse_keys(f"k2:{base64.b64encode(OTHER).decode()}, k1:{PLAIN}")
    assert list(found.items()) == [("k2", OTHER), ("k1", ONE)]
    assert [len(key) for key in vault.parse_keys(vault.new_keys("mine")).values()] == [32]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "k1",
        f":{PLAIN}",
        f"k.1:{PLAIN}",
        "k1:",
        "k1:AAAA",
        f"k1:{PLAIN}AAAA",
        "k1:not base64!",
        f"k1:{PLAIN},",
        f"k1:{PLAIN},k2:AAAA",
    ],
)
def test_what_is_no_key_is_refused(text: str):
    with pytest.raises(ValueError):  # base64's own words, or ours
        vault.parse_keys(text)


def test_an_api_key_is_seventy_characters_of_its_alphabet():
    text, name, secret = vault.new_api_key()
    assert (len(text), len(name), len(secret)) == (70, 11, 43)
    assert text == "sightline_" + name + secret + vault.check("sightline_" + name + secret)
    assert set(text.removeprefix("sightline_")) <= set(ALPHABET)
    assert vault.split_api_key(text) == (name, secret)
    assert vault.new_api_key()[0] != text


@given(st.integers(0, 69), st.sampled_from(ALPHABET))
def test_no_single_typing_error_passes(place: int, letter: str):
    text = vault.new_api_key()[0]
    mistyped = text[:place] + letter + text[place + 1 :]
    assert (vault.split_api_key(mistyped) is not None) == (mistyped == text)


def test_what_looks_unlike_a_key_is_none():
    text = vault.new_api_key()[0]
    for other in (
        "",
        text[:-1],
        text + "0",
        " " + text[1:],
        text.upper(),
        "é" + text[1:],
        text[:-1] + "\u0664",
    ):
        assert vault.split_api_key(other) is None


def test_a_checksum_of_letters_outside_the_alphabet_is_none():
    body = "sightline_" + "-" * 54
    assert vault.split_api_key(body + vault.check(body)) is None
