"""Whether a source that used to deliver has gone silent."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

MIN_ACTIVE_TIMES: Final = 3
MIN_GAP_HOURS: Final = 24
HISTORY_WEEKS: Final = 4


@dataclass(frozen=True, slots=True)
class SourceActivity:
    """When a source was heard of. Units: `usual` in days, the longest gap in the four weeks before the last day."""

    last_day: date
    usual_gap_days: int

    def is_silent_on(self, day: date) -> bool:
        """Whether by that day nothing had come for longer than it ever took before."""
        return (day - self.last_day).days > self.usual_gap_days


def is_silent(active_hours: Collection[int], current_hour: int) -> bool:
    """Whether nothing came for longer than it ever took before. Units: hours since the epoch in which anything came.

    Nights and weekends are gaps that it has seen; less than a day, or fewer than three active hours, say nothing.
    """
    gap_hours = find_usual_gap(active_hours)
    return gap_hours is not None and current_hour - max(active_hours) > max(
        gap_hours, MIN_GAP_HOURS
    )


def summarize_activity(active_days: Collection[date]) -> SourceActivity | None:
    """When a source was heard of, from the days on which anything came. None when they are fewer than three."""
    gap_days = find_usual_gap([day.toordinal() for day in active_days])
    return None if gap_days is None else SourceActivity(max(active_days), gap_days)


def find_usual_gap(times: Collection[int]) -> int | None:
    """The longest time between one and the next. None when they are too few to say anything."""
    active_times = sorted(set(times))
    return (
        max(later - earlier for earlier, later in pairwise(active_times))
        if len(active_times) >= MIN_ACTIVE_TIMES
        else None
    )
