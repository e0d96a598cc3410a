"""Ids made by chance: the only reader of the operating system's randomness."""

import secrets
from datetime import datetime
from uuid import UUID

from msgspec import convert

from app.store.sql.column_types import micros

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def uuid7(now: datetime) -> UUID:
    """A time-ordered UUID, version 7. Source: RFC 9562, section 5.7."""
    return uuid7s(now, 1)[0]


def uuid7s(now: datetime, count: int) -> list[UUID]:
    """That many of them, made at once. Those of another microsecond are in order (RFC 9562, section 6.2, method 3)."""
    milliseconds, rest = divmod(micros(now), 1000)
    begun = (milliseconds << 80) | (0x7000 | rest * 0x1000 // 1000) << 64 | (0x8000 << 48)
    chance = secrets.token_bytes(8 * count)
    found = [
        (begun | int.from_bytes(chance[first : first + 8]) & ~(0xC000 << 48)).to_bytes(16)
        for first in range(0, 8 * count, 8)
    ]
    return convert(found, list[UUID])  # a third of the time that as many calls of UUID take


def base62(length: int) -> str:
    """That many letters and digits, each by chance."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def random_bytes(length: int) -> bytes:
    """That many bytes, each by chance."""
    return secrets.token_bytes(length)
