"""What signatures have in common, and Standard Webhooks 1.0.0, which more than one connector is signed by."""

import hmac
import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.connectors.connector import TOLERANCE, Connector, Delivery
from app.domain.primitives.errors import Fault, InvalidError, NotAuthenticError
from app.domain.sources.crm.changes import EPOCH

PREFIX: Final = "whsec_"
PUBLIC: Final = "whpk_"  # the sender keeps the other half, whsk_
_ID: Final = re.compile(r"[!-\-/-~]{1,256}")  # visible ASCII without the full stop
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_MILLISECONDS: Final = re.compile(r"[0-9]{1,15}")


def refusal() -> NotAuthenticError:
    """The refusal of a delivery that is not authentic. It never says why."""
    return NotAuthenticError("The delivery is not authentic.")


def unusable(detail: str) -> InvalidError:
    """The refusal of a secret that cannot verify anything."""
    return InvalidError("The secret is not valid.", [Fault("/secret", detail)])


def fresh(stamp: str, now: datetime, *, milliseconds: bool = False) -> bool:
    """Whether a whole number of seconds (or milliseconds) since 1970 is at most 300 s from now, either way."""
    if not (_MILLISECONDS if milliseconds else _SECONDS).fullmatch(stamp):
        return False
    said = timedelta(milliseconds=int(stamp)) if milliseconds else timedelta(seconds=int(stamp))
    return abs(now - EPOCH - said) <= timedelta(seconds=TOLERANCE)


def among(given: Iterable[str], expected: Iterable[bytes]) -> bool:
    """Whether one of the given texts is one of the expected ones; all are compared, each in constant time."""
    said = [text.encode("utf-8", "replace") for text in given]
    found = False
    for one in expected:
        for other in said:
            found |= hmac.compare_digest(one, other)
    return found


def hexadecimal(key: bytes, signed: bytes) -> bytes:
    """HMAC-SHA256 in lower-case hexadecimal digits."""
    return hmac.digest(key, signed, sha256).hex().encode()


def check_standard_secret(secret: str) -> None:
    """Returns only for a shared secret (`whsec_`, 24 to 64 bytes) or a public key (`whpk_`). Raises: InvalidError."""
    if len(_bytes(secret, PUBLIC)) != 32 and not 24 <= len(_bytes(secret, PREFIX)) <= 64:
        raise unusable(
            "must be whsec_ and base64 of 24 to 64 random bytes, or whpk_ and base64 of an ed25519 public key"
        )


def verify_standard(delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
    """Returns only for a delivery with a fresh v1 or v1a signature by one of the secrets. Raises: NotAuthenticError."""
    id_ = delivery.headers.get("webhook-id", "")
    stamp = delivery.headers.get("webhook-timestamp", "")
    if not (_ID.fullmatch(id_) and fresh(stamp, now)):
        raise refusal()
    tokens = delivery.headers.get("webhook-signature", "").split(" ")
    signed = f"{id_}.{stamp}.".encode() + delivery.body
    keys = filter(None, (_bytes(secret, PREFIX) for secret in secrets))
    expected = [b64encode(hmac.digest(key, signed, sha256)) for key in keys]
    shared = among([token[3:] for token in tokens if token.startswith("v1,")], expected)
    asymmetric = [token[4:] for token in tokens if token.startswith("v1a,")]
    if not shared and not _signed_asymmetrically(asymmetric, secrets, signed):
        raise refusal()


def verify_standard_or_bearer(delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
    """Returns only for a delivery that is signed, or else bears one of the secrets as a token in its header.

    Raises: NotAuthenticError.
    """
    if "webhook-signature" in delivery.headers:
        verify_standard(delivery, secrets, now)
        return
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    tokens = [
        secret.encode() for secret in secrets if secret.startswith(PREFIX)
    ]  # a public key is known to all
    if scheme.lower() != "bearer" or not among([token.strip()], tokens):
        raise refusal()


class StandardSigned(Connector):
    """What connectors have in common whose senders sign as Standard Webhooks says."""

    secret_required: bool = False

    def new_secret(self, random: bytes) -> str:
        """A secret of the given bytes. Raises: InvalidError unless they are 24 to 64."""
        secret = PREFIX + b64encode(random).decode()
        check_standard_secret(secret)
        return secret

    def check_secret(self, secret: str) -> None:
        """Returns only for a shared secret or a public key. Raises: InvalidError."""
        check_standard_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery with a fresh signature by one of the secrets. Raises: NotAuthenticError."""
        verify_standard(delivery, secrets, now)


class StandardOrBearer(StandardSigned):
    """The same, for senders that may not be able to sign: they bear the secret as a token."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Returns only for a delivery that one of the secrets signed, or that bears it. Raises: NotAuthenticError."""
        verify_standard_or_bearer(delivery, secrets, now)


def basic_secret(random: bytes) -> str:
    """A user's name and a password for HTTP Basic, of the given bytes."""
    return f"sightline:{urlsafe_b64encode(random).decode().rstrip('=')}"


def check_basic_secret(secret: str) -> None:
    """Returns only for `<user>:<password>` in printable ASCII, with 16 letters of password. Raises: InvalidError."""
    user, _, password = secret.partition(":")
    plain = secret.isascii() and secret.isprintable() and len(secret) <= 200
    if not plain or not user or len(password) < 16:
        raise unusable(
            "must be <user>:<password> in printable ASCII, the password of at least 16 characters"
        )


def verify_basic(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Returns only for a delivery that brings one of the secrets as HTTP Basic. Raises: NotAuthenticError."""
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    expected = [b64encode(secret.encode()) for secret in secrets if ":" in secret]
    if scheme.lower() != "basic" or not among([token.strip()], expected):
        raise refusal()


def _signed_asymmetrically(tokens: Iterable[str], secrets: Iterable[str], signed: bytes) -> bool:
    """Whether one of the tokens is an ed25519 signature that one of the public keys verifies."""
    keys = [key for secret in secrets if len(key := _bytes(secret, PUBLIC)) == 32]
    for key in keys:
        for token in tokens:
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(_decoded(token), signed)
            except InvalidSignature:
                continue
            return True
    return False


def _bytes(secret: str, prefix: str) -> bytes:
    """The key that a secret of that kind holds; empty for another: no public key verifies as a shared one."""
    return _decoded(secret.removeprefix(prefix)) if secret.startswith(prefix) else b""


def _decoded(said: str) -> bytes:
    """What base64 says; empty where it says nothing."""
    try:
        return b64decode(said.encode(), validate=True)
    except (Error, ValueError):
        return b""
