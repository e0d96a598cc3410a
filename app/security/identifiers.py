"""Random identifiers. Nothing else reads the operating system's randomness."""

import secrets
from datetime import datetime
from uuid import UUID

from msgspec import convert

from app.domain.primitives.epoch import to_microseconds

BASE62_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def new_uuid7(now: datetime) -> UUID:
    """Return a time-ordered UUID, version 7 (RFC 9562, section 5.7)."""
    return new_uuid7s(now, 1)[0]


def new_uuid7s(now: datetime, count: int) -> list[UUID]:
    """Return many UUIDs of version 7 at once.

    They are ordered by microsecond (RFC 9562, section 6.2, method 3).
    """
    milliseconds, microseconds = divmod(to_microseconds(now), 1000)
    timestamp_bits = (
        (milliseconds << 80) | (0x7000 | microseconds * 0x1000 // 1000) << 64 | (0x8000 << 48)
    )
    entropy = secrets.token_bytes(8 * count)
    raw_ids = [
        (timestamp_bits | int.from_bytes(entropy[offset : offset + 8]) & ~(0xC000 << 48)).to_bytes(
            16
        )
        for offset in range(0, 8 * count, 8)
    ]
    return convert(raw_ids, list[UUID])  # three times as fast as calling UUID for each


def random_base62(length: int) -> str:
    """Return random letters and digits."""
    return "".join(secrets.choice(BASE62_ALPHABET) for _ in range(length))


def random_bytes(length: int) -> bytes:
    """Return random bytes."""
    return secrets.token_bytes(length)
