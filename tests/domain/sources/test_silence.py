"""A source is silent after a longer gap than ever before."""

from datetime import date, timedelta

import pytest

from app.domain.sources.silence import SourceActivity, is_silent, summarize_activity


@pytest.mark.parametrize(
    ("hours", "current_hour", "expected"),
    [
        ([], 1000, False),
        ([1, 2], 1000, False),  # too few active hours
        ([1, 2, 3], 27, False),  # less than a day
        ([1, 2, 3], 28, True),
        ([1, 65, 66], 66 + 64, False),  # weekends are usual gaps
        ([66, 1, 65, 66], 66 + 65, True),
    ],
)
def test_a_gap_longer_than_any_before_is_silence(
    hours: list[int], current_hour: int, expected: bool
):
    assert is_silent(hours, current_hour) is expected


def test_a_source_is_silent_after_a_gap_longer_than_any_before():
    first = date(2026, 10, 1)
    days = [first + timedelta(days=number) for number in (0, 3, 4)]
    assert summarize_activity(days[:2]) is None
    assert summarize_activity([*days, days[0]]) == (activity := SourceActivity(days[-1], 3))
    assert activity is not None
    assert not activity.is_silent_on(days[-1] + timedelta(days=3))
    assert activity.is_silent_on(days[-1] + timedelta(days=4))
    assert not activity.is_silent_on(first), "it was heard of after that day"
