"""What signatures have in common; each scheme's own answers stand with its connector."""

from datetime import UTC, datetime, timedelta

import pytest

from app.connectors.signatures import among, fresh, hexadecimal

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECOND = int(NOW.timestamp())


def test_a_stamp_is_fresh_for_300_seconds_either_way_in_seconds_or_milliseconds():
    for sign in (-1, 1):
        assert fresh(str(SECOND), NOW + sign * timedelta(seconds=300))
        assert not fresh(str(SECOND), NOW + sign * timedelta(seconds=300, microseconds=1))
    assert fresh(str(SECOND * 1000), NOW, milliseconds=True)
    assert not fresh(str(SECOND * 1000), NOW)


@pytest.mark.parametrize(
    "stamp", ["", "abc", f"{SECOND}.0", f" {SECOND}", f"+{SECOND}", "١٧٩٣٤٩١٢٠٠", "9" * 15]
)
def test_a_stamp_that_is_no_whole_number_of_now_is_stale(stamp):
    assert not fresh(stamp, NOW)
    assert not fresh(stamp, NOW, milliseconds=True)


def test_texts_beyond_ascii_are_compared_and_never_raise():
    assert among(["x", "é"], ["é".encode()])
    assert not among(["é\udcff"], [b"e"])
    assert not among([], [b""])
    assert not among([""], [])


def test_the_known_answer_of_rfc_4231():
    expected = b"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hexadecimal(b"Jefe", b"what do ya want for nothing?") == expected
