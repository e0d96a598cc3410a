"""The cache of rows that nearly every request reads: expiry, invalidation and its bound."""

from datetime import timedelta

import pytest

from app.services.runtime.ttl_cache import TtlCache
from tests.support.service_harness import NOW

TTL = timedelta(seconds=5)


@pytest.fixture
def cache() -> TtlCache[str, str]:
    return TtlCache(TTL, max_entries=3)


def test_a_value_is_cached_until_its_ttl_is_over(cache: TtlCache[str, str]):
    cache.put("a", "A", NOW, cache.generation)
    assert cache.get("a", NOW + TTL - timedelta(microseconds=1)) == "A"
    assert cache.get("a", NOW + TTL) is None
    assert cache.get("b", NOW) is None


def test_a_clock_that_goes_backwards_does_not_extend_the_ttl(cache: TtlCache[str, str]):
    cache.put("a", "A", NOW, cache.generation)
    assert cache.get("a", NOW - timedelta(seconds=1)) is None


def test_an_invalidated_value_is_not_restored_by_a_load_that_started_before(
    cache: TtlCache[str, str],
):
    before = cache.generation
    cache.put("a", "A", NOW, before)
    cache.put("b", "B", NOW, before)
    cache.invalidate(lambda value: value == "A")
    cache.put("a", "A", NOW, before)
    assert cache.get("a", NOW) is None
    assert cache.get("b", NOW) == "B"
    cache.put("a", "A2", NOW, cache.generation)
    assert cache.get("a", NOW) == "A2"


def test_the_number_of_entries_is_bounded(cache: TtlCache[str, str]):
    for number in range(5):
        cache.put(str(number), "A", NOW, cache.generation)
    assert [number for number in range(5) if cache.get(str(number), NOW)] == [2, 3, 4]
