"""A source is silent when nothing came for longer than it ever took before."""

from datetime import date, timedelta

import pytest

from app.domain.sources.silence import Heard, heard, silent


@pytest.mark.parametrize(
    ("hours", "now", "said"),
    [
        ([], 1000, False),
        ([1, 2], 1000, False),  # too little is known
        ([1, 2, 3], 27, False),  # not yet a day
        ([1, 2, 3], 28, True),
        ([1, 65, 66], 66 + 64, False),  # a weekend is a gap that it has seen
        ([66, 1, 65, 66], 66 + 65, True),
    ],
)
def test_a_gap_longer_than_any_before_is_silence(hours: list[int], now: int, said: bool):
    assert silent(hours, now) is said


def test_a_source_is_heard_of_on_days_and_silent_after_a_longer_gap_than_any_before():
    first = date(2026, 10, 1)
    days = [first + timedelta(days=number) for number in (0, 3, 4)]
    assert heard(days[:2]) is None
    assert heard([*days, days[0]]) == (found := Heard(days[-1], 3))
    assert found is not None
    assert not found.silent_on(days[-1] + timedelta(days=3))
    assert found.silent_on(days[-1] + timedelta(days=4))
    assert not found.silent_on(first), "it was heard of after that day"
