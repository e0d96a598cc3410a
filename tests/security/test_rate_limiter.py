"""How often somebody may ask."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as some

from app.security import rate_limiter as limiting
from app.security.rate_limiter import Limit

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def later(**by: float) -> datetime:
    return NOW + timedelta(**by)


def test_the_whole_quota_may_be_asked_at_once_and_then_one_by_one():
    limit = Limit("key", 3)
    assert [limit.take("a", NOW).remaining for _ in range(3)] == [2, 1, 0]
    refused = limit.take("a", NOW)
    assert (refused.allowed, refused.remaining, refused.wait, refused.reset) == (False, 0, 20, 60)
    assert not limit.take("a", later(seconds=19)).allowed
    assert limit.take("a", later(seconds=20)).allowed
    assert not limit.take("a", later(seconds=21)).allowed
    assert limit.look("a", later(seconds=81)).remaining == 3


def test_callers_do_not_share_a_quota_and_looking_takes_nothing():
    limit = Limit("key", 1)
    assert limit.take("a", NOW).allowed
    assert limit.look("b", NOW).remaining == 1
    assert limit.take("b", NOW).allowed
    assert not limit.look("b", NOW).allowed


def test_a_quota_of_none_limits_nobody():
    limit = Limit("key", 0)
    assert all(limit.take("a", NOW).allowed for _ in range(1000))
    assert not limit._passed


def test_what_is_kept_is_bounded_and_those_who_are_through_are_forgotten(monkeypatch):
    monkeypatch.setattr(limiting, "MOST_KEPT", 3)
    limit = Limit("address", 2)
    for name in "abcdef":
        assert limit.take(name, NOW).allowed
    assert len(limit._passed) == 3
    assert limit.take("g", later(minutes=2)).allowed
    assert set(limit._passed) == {"g"}


@settings(max_examples=50)
@given(some.integers(1, 20), some.lists(some.integers(0, 30_000), max_size=80))
def test_in_no_window_is_more_allowed_than_the_quota_twice(quota, gaps):
    limit, now, allowed = Limit("key", quota), NOW, []
    for gap in gaps:
        now += timedelta(milliseconds=gap)
        standing = limit.take("a", now)
        if standing.allowed:
            allowed.append(now)
        else:
            assert limit.look("a", now + timedelta(seconds=standing.wait)).allowed
    for at in allowed:
        assert sum(at <= other < at + limit.window for other in allowed) < 2 * quota + 1
