"""A key is read once in some seconds; a revoked one is refused at once here, and within seconds elsewhere."""

from datetime import timedelta
from uuid import UUID

from app.services.runtime import api_key_cache as keyring
from app.services.runtime.api_key_cache import LASTS, Keyring, Known
from app.store.access.api_keys import ApiKey
from tests.support.services import NOW

KEY = ApiKey("k", "key", "", "p1", "abcd", ("read",), None, None, NOW, "tester", None, None, None)
KNOWN = Known(UUID(int=1), KEY, NOW)


def test_a_key_is_known_for_some_seconds():
    ring = Keyring()
    ring.keep("k", KNOWN)
    assert ring.find("k", NOW + LASTS - timedelta(microseconds=1)) is KNOWN
    assert ring.find("k", NOW + LASTS) is None
    assert ring.find("other", NOW) is None


def test_a_clock_that_goes_backwards_keeps_no_key_longer():
    ring = Keyring()
    ring.keep("k", KNOWN)
    assert ring.find("k", NOW - timedelta(seconds=1)) is None


def test_a_revoked_key_does_not_come_back_by_a_reading_that_was_under_way():
    ring = Keyring()
    ring.keep("k", KNOWN)
    ring.drop("k")
    ring.keep("k", KNOWN)
    assert ring.find("k", NOW) is None


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(keyring, "MOST", 3)
    ring = Keyring()
    for number in range(5):
        ring.keep(str(number), KNOWN)
    assert [number for number in range(5) if ring.find(str(number), NOW)] == [2, 3, 4]


def test_it_lasts_no_longer_than_security_allows():
    assert timedelta(seconds=30) >= LASTS
