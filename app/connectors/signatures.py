"""The verification of signatures: shared parts, Standard Webhooks 1.0.0, and HTTP Basic."""

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

from app.connectors.connector import TIMESTAMP_TOLERANCE_SECONDS, Connector, Delivery
from app.domain.primitives.errors import Fault, InvalidError, NotAuthenticError
from app.domain.sources.crm.changes import EPOCH

SHARED_SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # the name contains a word; the text is no secret
# The sender keeps the private key, whsk_.
PUBLIC_KEY_PREFIX: Final = "whpk_"
# Visible ASCII without the full stop.
_MESSAGE_ID_PATTERN: Final = re.compile(r"[!-\-/-~]{1,256}")
_SECONDS_PATTERN: Final = re.compile(r"[0-9]{1,12}")
_MILLISECONDS_PATTERN: Final = re.compile(r"[0-9]{1,15}")


def authentication_error() -> NotAuthenticError:
    """Build the error of a delivery that is not authentic. It never gives the reason."""
    return NotAuthenticError("The delivery is not authentic.")


def unusable_secret_error(detail: str) -> InvalidError:
    """Build the error of a secret that cannot verify anything."""
    return InvalidError("The secret is not valid.", [Fault("/secret", detail)])


def is_fresh(timestamp: str, now: datetime, *, milliseconds: bool = False) -> bool:
    """Return True for seconds (or milliseconds) since 1970 that are at most 300 s from now."""
    if not (_MILLISECONDS_PATTERN if milliseconds else _SECONDS_PATTERN).fullmatch(timestamp):
        return False
    since_epoch = (
        timedelta(milliseconds=int(timestamp))
        if milliseconds
        else timedelta(seconds=int(timestamp))
    )
    return abs(now - EPOCH - since_epoch) <= timedelta(seconds=TIMESTAMP_TOLERANCE_SECONDS)


def matches_any(candidates: Iterable[str], expected: Iterable[bytes]) -> bool:
    """Return True when any candidate equals an expected text.

    All pairs are compared, each in constant time.
    """
    encoded_candidates = [candidate.encode("utf-8", "replace") for candidate in candidates]
    is_match = False
    for expected_signature in expected:
        for encoded in encoded_candidates:
            is_match |= hmac.compare_digest(expected_signature, encoded)
    return is_match


def hex_hmac(key: bytes, content: bytes) -> bytes:
    """Compute HMAC-SHA256 in lower-case hexadecimal digits."""
    return hmac.digest(key, content, sha256).hex().encode()


def check_standard_secret(secret: str) -> None:
    """Raise InvalidError unless the secret is a shared secret or a public key.

    A shared secret is `whsec_` with 24 to 64 bytes, a public key `whpk_` with 32, in base64.
    """
    if (
        len(_to_key_bytes(secret, PUBLIC_KEY_PREFIX)) != 32
        and not 24 <= len(_to_key_bytes(secret, SHARED_SECRET_PREFIX)) <= 64
    ):
        raise unusable_secret_error(
            "must be whsec_ and base64 of 24 to 64 random bytes,"
            " or whpk_ and base64 of an ed25519 public key"
        )


def verify_standard(delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
    """Raise NotAuthenticError unless one of the secrets signed the delivery recently."""
    id_ = delivery.headers.get("webhook-id", "")
    timestamp = delivery.headers.get("webhook-timestamp", "")
    if not (_MESSAGE_ID_PATTERN.fullmatch(id_) and is_fresh(timestamp, now)):
        raise authentication_error()
    tokens = delivery.headers.get("webhook-signature", "").split(" ")
    signed_content = f"{id_}.{timestamp}.".encode() + delivery.body
    keys = filter(None, (_to_key_bytes(secret, SHARED_SECRET_PREFIX) for secret in secrets))
    expected = [b64encode(hmac.digest(secret_key, signed_content, sha256)) for secret_key in keys]
    has_shared_signature = matches_any(
        [token[3:] for token in tokens if token.startswith("v1,")], expected
    )
    ed25519_signatures = [token[4:] for token in tokens if token.startswith("v1a,")]
    if not has_shared_signature and not _has_ed25519_signature(
        ed25519_signatures, secrets, signed_content
    ):
        raise authentication_error()


def verify_standard_or_bearer(delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
    """Raise NotAuthenticError unless the delivery is signed, or has a secret as bearer token."""
    if "webhook-signature" in delivery.headers:
        verify_standard(delivery, secrets, now)
        return
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    # A public key is not secret, so it is no token.
    tokens = [secret.encode() for secret in secrets if secret.startswith(SHARED_SECRET_PREFIX)]
    if scheme.lower() != "bearer" or not matches_any([token.strip()], tokens):
        raise authentication_error()


class StandardSignatureConnector(Connector):
    """The base of connectors whose senders sign like Standard Webhooks."""

    is_secret_required: bool = False

    def generate_secret(self, random_bytes: bytes) -> str:
        """Make a secret of the given bytes. Raises: InvalidError unless they are 24 to 64."""
        secret = SHARED_SECRET_PREFIX + b64encode(random_bytes).decode()
        check_standard_secret(secret)
        return secret

    def check_secret(self, secret: str) -> None:
        """Raise InvalidError unless the secret is a shared secret or a public key."""
        check_standard_secret(secret)

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise NotAuthenticError unless one of the secrets signed the delivery recently."""
        verify_standard(delivery, secrets, now)


class StandardOrBearerConnector(StandardSignatureConnector):
    """The same, for senders that may send the secret as a token instead."""

    def verify(self, delivery: Delivery, secrets: Sequence[str], now: datetime) -> None:
        """Raise NotAuthenticError unless the delivery is signed, or has a secret as token."""
        verify_standard_or_bearer(delivery, secrets, now)


def generate_basic_secret(random_bytes: bytes) -> str:
    """Make a user name and a password for HTTP Basic from the bytes."""
    return f"sightline:{urlsafe_b64encode(random_bytes).decode().rstrip('=')}"


def check_basic_secret(secret: str) -> None:
    """Raise InvalidError unless the secret is `<user>:<password>` in printable ASCII.

    The password has at least 16 characters.
    """
    user, _, password = secret.partition(":")
    is_printable = secret.isascii() and secret.isprintable() and len(secret) <= 200
    if not is_printable or not user or len(password) < 16:
        raise unusable_secret_error(
            "must be <user>:<password> in printable ASCII, the password of at least 16 characters"
        )


def verify_basic(delivery: Delivery, secrets: Sequence[str]) -> None:
    """Raise NotAuthenticError unless the delivery has one of the secrets as HTTP Basic."""
    scheme, _, token = delivery.headers.get("authorization", "").partition(" ")
    expected = [b64encode(secret.encode()) for secret in secrets if ":" in secret]
    if scheme.lower() != "basic" or not matches_any([token.strip()], expected):
        raise authentication_error()


def _has_ed25519_signature(
    signatures: Iterable[str], secrets: Iterable[str], signed_content: bytes
) -> bool:
    """Return True when one of the public keys verifies one of the signatures."""
    keys = [
        public_key
        for secret in secrets
        if len(public_key := _to_key_bytes(secret, PUBLIC_KEY_PREFIX)) == 32
    ]
    for public_key in keys:
        for signature in signatures:
            try:
                Ed25519PublicKey.from_public_bytes(public_key).verify(
                    _decode_base64(signature), signed_content
                )
            except InvalidSignature:
                continue
            return True
    return False


def _to_key_bytes(secret: str, prefix: str) -> bytes:
    """Decode the key of a secret with this prefix. Return b"" for another kind of secret."""
    return _decode_base64(secret.removeprefix(prefix)) if secret.startswith(prefix) else b""


def _decode_base64(encoded: str) -> bytes:
    """Decode base64. Return b"" for invalid text."""
    try:
        return b64decode(encoded.encode(), validate=True)
    except (Error, ValueError):
        return b""
