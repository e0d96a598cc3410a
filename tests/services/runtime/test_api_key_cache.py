"""A key is read once in some seconds; a revoked one is refused at once here, and within seconds elsewhere."""

from datetime import timedelta
from uuid import UUID

from app.services.runtime import api_key_cache as keyring
from app.services.runtime.api_key_cache import TTL, ApiKeyCache, CachedApiKey
from app.store.access.api_keys import StoredApiKey
from tests.support.service_harness import NOW

KEY = StoredApiKey(
    "k", "key", "", "p1", "abcd", ("read",), None, None, NOW, "tester", None, None, None
)
CACHED_KEY = CachedApiKey(UUID(int=1), KEY, NOW)


def test_a_key_is_cached_for_some_seconds():
    cache = ApiKeyCache()
    cache.put("k", CACHED_KEY)
    assert cache.get("k", NOW + TTL - timedelta(microseconds=1)) is CACHED_KEY
    assert cache.get("k", NOW + TTL) is None
    assert cache.get("other", NOW) is None


def test_a_clock_that_goes_backwards_does_not_extend_the_ttl():
    cache = ApiKeyCache()
    cache.put("k", CACHED_KEY)
    assert cache.get("k", NOW - timedelta(seconds=1)) is None


def test_a_revoked_key_is_not_restored_by_a_read_that_started_before():
    cache = ApiKeyCache()
    cache.put("k", CACHED_KEY)
    cache.mark_revoked("k")
    cache.put("k", CACHED_KEY)
    assert cache.get("k", NOW) is None


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(keyring, "MAX_ENTRIES", 3)
    cache = ApiKeyCache()
    for number in range(5):
        cache.put(str(number), CACHED_KEY)
    assert [number for number in range(5) if cache.get(str(number), NOW)] == [2, 3, 4]


def test_the_ttl_is_within_the_security_limit():
    assert timedelta(seconds=30) >= TTL
