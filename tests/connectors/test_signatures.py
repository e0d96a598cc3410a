"""The shared parts of signatures. Each scheme is tested with its connector."""

from datetime import UTC, datetime, timedelta

import pytest

from app.connectors.signatures import hex_hmac, is_fresh, matches_any

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOW_SECONDS = int(NOW.timestamp())


def test_a_timestamp_is_valid_for_300_seconds_either_way_in_seconds_or_milliseconds():
    for sign in (-1, 1):
        assert is_fresh(str(NOW_SECONDS), NOW + sign * timedelta(seconds=300))
        assert not is_fresh(str(NOW_SECONDS), NOW + sign * timedelta(seconds=300, microseconds=1))
    assert is_fresh(str(NOW_SECONDS * 1000), NOW, milliseconds=True)
    assert not is_fresh(str(NOW_SECONDS * 1000), NOW)


@pytest.mark.parametrize(
    "timestamp",
    ["", "abc", f"{NOW_SECONDS}.0", f" {NOW_SECONDS}", f"+{NOW_SECONDS}", "١٧٩٣٤٩١٢٠٠", "9" * 15],
)
def test_a_timestamp_that_is_no_current_integer_is_stale(timestamp):
    assert not is_fresh(timestamp, NOW)
    assert not is_fresh(timestamp, NOW, milliseconds=True)


def test_texts_beyond_ascii_are_compared_and_never_raise():
    assert matches_any(["x", "é"], ["é".encode()])
    assert not matches_any(["é\udcff"], [b"e"])
    assert not matches_any([], [b""])
    assert not matches_any([""], [])


def test_the_known_answer_of_rfc_4231():
    expected = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hex_hmac(b"Jefe", b"what do ya want for nothing?") == expected
