"""Digests of API keys, and encryption of webhook secrets (docs/security.md)."""

import base64
import hmac
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.domain.primitives.errors import UnavailableError
from app.security import identifiers

API_KEY_PREFIX: Final = "sightline_"
ID_LENGTH: Final = 11
SECRET_LENGTH: Final = 43
CHECK_LENGTH: Final = 6
KEY_LENGTH: Final = len(API_KEY_PREFIX) + ID_LENGTH + SECRET_LENGTH + CHECK_LENGTH
SEAL_VERSION: Final = "v1"


@dataclass(frozen=True, slots=True)
class Vault:
    """The service's own keys by id. The first of each kind is used for new secrets."""

    # AES-256 keys, which encrypt webhook secrets.
    secret_keys: Mapping[str, bytes]
    # HMAC keys, which turn the secrets of API keys into digests.
    peppers: Mapping[str, bytes]

    def digest(self, pepper_id: str, secret: str) -> str:
        """Return the digest that is stored for the secret of an API key.

        Raises: UnavailableError when that pepper is not configured.
        """
        if pepper_id not in self.peppers:
            raise UnavailableError("A key pepper that stored keys need is not configured.")
        return hmac.digest(self.peppers[pepper_id], secret.encode(), "sha256").hex()

    @property
    def pepper_id(self) -> str:
        """The id of the pepper for new API keys."""
        return next(iter(self.peppers))

    def seal(self, secret: str, context: str) -> str:
        """Encrypt a secret. It can only be decrypted with the same context."""
        key_id, secret_key = next(iter(self.secret_keys.items()))
        nonce = identifiers.random_bytes(12)
        sealed = AESGCM(secret_key).encrypt(nonce, secret.encode(), context.encode())
        return f"{SEAL_VERSION}.{key_id}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, context: str) -> str:
        """Decrypt a sealed secret.

        Raises: UnavailableError when its key is not configured, or it was sealed for another
        context.
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
    """Return the keys of a text `id:base64,...`, by id.

    Raises: ValueError for any other form, and for a key that is not 32 bytes long.
    """
    keys: dict[str, bytes] = {}
    for key_text in text.split(","):
        key_id, separator, encoded_key = key_text.strip().partition(":")
        decoded_key = base64.b64decode(encoded_key, validate=True)
        # AES-256 and HMAC-SHA-256 both use 32 bytes.
        if not separator or not key_id or "." in key_id or len(decoded_key) != 32:
            raise ValueError("must be 'id:base64,...' with keys of 32 bytes")
        keys[key_id] = decoded_key
    return keys


def generate_key(key_id: str = "k1") -> str:
    """Return a new key in the form that `parse_keys` reads."""
    return f"{key_id}:{base64.b64encode(identifiers.random_bytes(32)).decode()}"


def compute_checksum(text: str) -> str:
    """Return the last six characters of an API key: the CRC-32 of the rest, in base 62.

    A mistyped key can be rejected without a query.
    """
    remainder = zlib.crc32(text.encode())
    digits = ""
    for _ in range(CHECK_LENGTH):
        remainder, digit = divmod(remainder, len(identifiers.BASE62_ALPHABET))
        digits = identifiers.BASE62_ALPHABET[digit] + digits
    return digits


def generate_api_key() -> tuple[str, str, str]:
    """Generate an API key. Return its text, its public id and its secret."""
    key_id = identifiers.random_base62(ID_LENGTH)
    secret = identifiers.random_base62(SECRET_LENGTH)
    text = API_KEY_PREFIX + key_id + secret
    return text + compute_checksum(text), key_id, secret


def split_api_key(presented: str) -> tuple[str, str] | None:
    """Return the public id and the secret of an API key.

    Return None if the length, the alphabet or the checksum is wrong.
    """
    if (
        len(presented) != KEY_LENGTH
        or not presented.startswith(API_KEY_PREFIX)
        or not presented.isascii()
    ):
        return None
    body = presented[:-CHECK_LENGTH]
    checksum = presented[-CHECK_LENGTH:]
    if not presented[len(API_KEY_PREFIX) :].isalnum() or compute_checksum(body) != checksum:
        return None
    id_and_secret = body.removeprefix(API_KEY_PREFIX)
    return id_and_secret[:ID_LENGTH], id_and_secret[ID_LENGTH:]
