"""A caller can use its quota in a burst, and gets it back gradually."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from app.security import rate_limiter
from app.security.rate_limiter import RateLimiter

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def now_plus(**duration: float) -> datetime:
    return NOW + timedelta(**duration)


def test_the_quota_can_be_used_in_one_burst_and_then_refills_gradually():
    limiter = RateLimiter("key", 3)
    assert [limiter.acquire("a", NOW).remaining for _ in range(3)] == [2, 1, 0]
    rejection = limiter.acquire("a", NOW)
    assert (
        rejection.is_allowed,
        rejection.remaining,
        rejection.wait_seconds,
        rejection.reset_seconds,
    ) == (False, 0, 20, 60)
    assert not limiter.acquire("a", now_plus(seconds=19)).is_allowed
    assert limiter.acquire("a", now_plus(seconds=20)).is_allowed
    assert not limiter.acquire("a", now_plus(seconds=21)).is_allowed
    assert limiter.peek("a", now_plus(seconds=81)).remaining == 3


def test_callers_do_not_share_a_quota_and_peek_consumes_nothing():
    limiter = RateLimiter("key", 1)
    assert limiter.acquire("a", NOW).is_allowed
    assert limiter.peek("b", NOW).remaining == 1
    assert limiter.acquire("b", NOW).is_allowed
    assert not limiter.peek("b", NOW).is_allowed


def test_a_quota_of_zero_limits_nobody():
    limiter = RateLimiter("key", 0)
    assert all(limiter.acquire("a", NOW).is_allowed for _ in range(1000))
    assert not limiter._arrival_times


def test_the_number_of_callers_is_bounded_and_idle_callers_are_evicted(monkeypatch):
    monkeypatch.setattr(rate_limiter, "MAX_TRACKED_CALLERS", 3)
    limiter = RateLimiter("address", 2)
    for caller in "abcdef":
        assert limiter.acquire(caller, NOW).is_allowed
    assert len(limiter._arrival_times) == 3
    assert limiter.acquire("g", now_plus(minutes=2)).is_allowed
    assert set(limiter._arrival_times) == {"g"}


@settings(max_examples=50)
@given(st.integers(1, 20), st.lists(st.integers(0, 30_000), max_size=80))
def test_no_window_allows_more_than_twice_the_quota(quota, gaps):
    limiter = RateLimiter("key", quota)
    now = NOW
    admitted = []
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        quota_status = limiter.acquire("a", now)
        if quota_status.is_allowed:
            admitted.append(now)
        else:
            assert limiter.peek("a", now + timedelta(seconds=quota_status.wait_seconds)).is_allowed
    for window_start in admitted:
        assert (
            sum(
                window_start <= admitted_at < window_start + limiter.window
                for admitted_at in admitted
            )
            < 2 * quota + 1
        )
