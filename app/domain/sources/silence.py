"""Whether a source that used to deliver has gone silent."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

KNOWN: Final = 3
LEAST: Final = 24
WEEKS: Final = 4


@dataclass(frozen=True, slots=True)
class Heard:
    """When a source was heard of. Units: `usual` in days, the longest gap in the four weeks before the last day."""

    last: date
    usual: int

    def silent_on(self, day: date) -> bool:
        """Whether by that day nothing had come for longer than it ever took before."""
        return (day - self.last).days > self.usual


def silent(hours: Collection[int], now: int) -> bool:
    """Whether nothing came for longer than it ever took before. Units: hours since the epoch in which anything came.

    Nights and weekends are gaps that it has seen; less than a day, or fewer than three active hours, say nothing.
    """
    usual = usual_gap(hours)
    return usual is not None and now - max(hours) > max(usual, LEAST)


def heard(days: Collection[date]) -> Heard | None:
    """When a source was heard of, from the days on which anything came. None when they are fewer than three."""
    usual = usual_gap([day.toordinal() for day in days])
    return None if usual is None else Heard(max(days), usual)


def usual_gap(times: Collection[int]) -> int | None:
    """The longest time between one and the next. None when they are too few to say anything."""
    active = sorted(set(times))
    return (
        max(later - earlier for earlier, later in pairwise(active))
        if len(active) >= KNOWN
        else None
    )
