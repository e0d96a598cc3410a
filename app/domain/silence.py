"""Whether a source that used to deliver has gone silent."""

from collections.abc import Collection
from itertools import pairwise
from typing import Final

KNOWN: Final = 3
LEAST: Final = 24


def silent(hours: Collection[int], now: int) -> bool:
    """Whether nothing came for longer than it ever took before. Units: hours since the epoch in which anything came.

    Nights and weekends are gaps that it has seen; less than a day, or fewer than three active hours, say nothing.
    """
    active = sorted(set(hours))
    if len(active) < KNOWN:
        return False
    usual = max(later - earlier for earlier, later in pairwise(active))
    return now - active[-1] > max(usual, LEAST)
