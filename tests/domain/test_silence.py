"""A source is silent when nothing came for longer than it ever took before."""

import pytest

from app.domain.silence import silent


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
