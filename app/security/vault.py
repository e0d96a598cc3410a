"""Secrets: how API keys are checked and how webhook secrets are kept. Source: security.md, sections 2 and 7."""

import base64
import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.primitives.errors import UnavailableError
from app.security import identifiers as ids

PREFIX: Final = "sightline_"
ID_LENGTH: Final = 11
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6
KEY_LENGTH: Final = len(PREFIX) + ID_LENGTH + SECRET_LENGTH + CHECK_LENGTH
VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class Vault:
    """The service's own keys by id, the first of each being the one that is used for what is new."""

    secret_keys: Mapping[str, bytes]
    peppers: Mapping[str, bytes]

    def digest(self, pepper: str, secret: str) -> str:
        """What is stored of a key's secret. Raises: UnavailableError when that pepper is not configured."""
        if pepper not in self.peppers:
            raise UnavailableError("A key pepper that stored keys need is not configured.")
        return hmac.digest(self.peppers[pepper], secret.encode(), "sha256").hex()

    @property
    def pepper(self) -> str:
        """The id of the pepper for new keys."""
        return next(iter(self.peppers))

    def seal(self, secret: str, place: str) -> str:
        """The secret, encrypted for that place alone."""
        name, key = next(iter(self.secret_keys.items()))
        nonce = ids.random_bytes(12)
        sealed = AESGCM(key).encrypt(nonce, secret.encode(), place.encode())
        return f"{VERSION}.{name}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The secret that was sealed for that place.

        Raises: UnavailableError when its key is missing or it was moved.
        """
        _, name, text = sealed.split(".", 2)
        raw = base64.b64decode(text)
        try:
            return (
                AESGCM(self.secret_keys[name]).decrypt(raw[:12], raw[12:], place.encode()).decode()
            )
        except (KeyError, InvalidTag):
            raise UnavailableError(
                "A stored secret cannot be read with the configured secret keys."
            ) from None


def parse_keys(text: str) -> Mapping[str, bytes]:
    """Keys by id from `id:base64,...`. Raises: ValueError for what is not that, or a key that is not 32 bytes long."""
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        name, colon, value = part.strip().partition(":")
        key = base64.b64decode(value, validate=True)
        if not colon or not name or "." in name or len(key) != 32:  # AES-256 and HMAC-SHA-256 alike
            raise ValueError("must be 'id:base64,...' with keys of 32 bytes")
        keys[name] = key
    return keys


def new_keys(name: str = "k1") -> str:
    """One new key, as `parse_keys` reads it."""
    return f"{name}:{base64.b64encode(ids.random_bytes(32)).decode()}"


def check(text: str) -> str:
    """The six base62 characters that end a key: CRC-32 of everything before, so that a mistyped one costs nothing."""
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(CHECK_LENGTH):
        number, rest = divmod(number, len(ids.ALPHABET))
        digits = ids.ALPHABET[rest] + digits
    return digits


def new_api_key() -> tuple[str, str, str]:
    """A new API key: the whole of it, its public id and its secret."""
    name, secret = ids.base62(ID_LENGTH), ids.base62(SECRET_LENGTH)
    text = PREFIX + name + secret
    return text + check(text), name, secret


def split_api_key(presented: str) -> tuple[str, str] | None:
    """The public id and the secret of a key. None when it cannot be one, by length, alphabet or checksum."""
    if len(presented) != KEY_LENGTH or not presented.startswith(PREFIX) or not presented.isascii():
        return None
    body, ending = presented[:-CHECK_LENGTH], presented[-CHECK_LENGTH:]
    if not presented[len(PREFIX) :].isalnum() or check(body) != ending:
        return None
    rest = body.removeprefix(PREFIX)
    return rest[:ID_LENGTH], rest[ID_LENGTH:]
