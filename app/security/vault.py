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

API_KEY_PREFIX: Final = "sightline_"
ID_LENGTH: Final = 11
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6
KEY_LENGTH: Final = len(API_KEY_PREFIX) + ID_LENGTH + SECRET_LENGTH + CHECK_LENGTH
SEAL_VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class Vault:
    """The service's own keys by id, the first of each being the one that is used for what is new."""

    secret_keys: Mapping[str, bytes]
    peppers: Mapping[str, bytes]

    def digest(self, pepper_id: str, secret: str) -> str:
        """What is stored of a key's secret. Raises: UnavailableError when that pepper is not configured."""
        if pepper_id not in self.peppers:
            raise UnavailableError("A key pepper that stored keys need is not configured.")
        return hmac.digest(self.peppers[pepper_id], secret.encode(), "sha256").hex()

    @property
    def pepper_id(self) -> str:
        """The id of the pepper for new keys."""
        return next(iter(self.peppers))

    def seal(self, secret: str, context: str) -> str:
        """The secret, encrypted for that place alone."""
        key_id, key = next(iter(self.secret_keys.items()))
        nonce = ids.random_bytes(12)
        sealed = AESGCM(key).encrypt(nonce, secret.encode(), context.encode())
        return f"{SEAL_VERSION}.{key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """The secret that was sealed for that place.

        Raises: UnavailableError when its key is missing or it was moved.
        """
        _, key_id, text = sealed.split(".", 2)
        sealed_bytes = base64.b64decode(text)
        try:
            return (
                AESGCM(self.secret_keys[key_id])
                .decrypt(sealed_bytes[:12], sealed_bytes[12:], context.encode())
                .decode()
            )
        except (KeyError, InvalidTag):
            raise UnavailableError(
                "A stored secret cannot be read with the configured secret keys."
            ) from None


def parse_keys(text: str) -> Mapping[str, bytes]:
    """Keys by id from `id:base64,...`. Raises: ValueError for what is not that, or a key that is not 32 bytes long."""
    keys: dict[str, bytes] = {}
    for key_text in text.split(","):
        key_id, separator, encoded_key = key_text.strip().partition(":")
        key = base64.b64decode(encoded_key, validate=True)
        if (
            not separator or not key_id or "." in key_id or len(key) != 32
        ):  # AES-256 and HMAC-SHA-256 alike
            raise ValueError("must be 'id:base64,...' with keys of 32 bytes")
        keys[key_id] = key
    return keys


def generate_key(key_id: str = "k1") -> str:
    """One new key, as `parse_keys` reads it."""
    return f"{key_id}:{base64.b64encode(ids.random_bytes(32)).decode()}"


def compute_checksum(text: str) -> str:
    """The six base62 characters that end a key: CRC-32 of everything before, so that a mistyped one costs nothing."""
    remainder = zlib.crc32(text.encode())
    digits = ""
    for _ in range(CHECK_LENGTH):
        remainder, digit = divmod(remainder, len(ids.BASE62_ALPHABET))
        digits = ids.BASE62_ALPHABET[digit] + digits
    return digits


def generate_api_key() -> tuple[str, str, str]:
    """A new API key: the whole of it, its public id and its secret."""
    key_id, secret = ids.random_base62(ID_LENGTH), ids.random_base62(SECRET_LENGTH)
    text = API_KEY_PREFIX + key_id + secret
    return text + compute_checksum(text), key_id, secret


def split_api_key(presented: str) -> tuple[str, str] | None:
    """The public id and the secret of a key. None when it cannot be one, by length, alphabet or checksum."""
    if (
        len(presented) != KEY_LENGTH
        or not presented.startswith(API_KEY_PREFIX)
        or not presented.isascii()
    ):
        return None
    body, checksum = presented[:-CHECK_LENGTH], presented[-CHECK_LENGTH:]
    if not presented[len(API_KEY_PREFIX) :].isalnum() or compute_checksum(body) != checksum:
        return None
    id_and_secret = body.removeprefix(API_KEY_PREFIX)
    return id_and_secret[:ID_LENGTH], id_and_secret[ID_LENGTH:]
