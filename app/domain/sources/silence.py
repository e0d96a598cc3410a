"""Detection of sources that stopped delivering."""

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
    """When a source delivered."""

    last_day: date
    # The longest gap between deliveries in the four weeks before the last day, in days.
    longest_gap_days: int

    def is_silent_on(self, day: date) -> bool:
        """Return True if the source has been silent for longer than its usual gap."""
        return (day - self.last_day).days > self.longest_gap_days


def is_silent(active_hours: Collection[int], current_hour: int) -> bool:
    """Return True if a source has been silent for longer than ever before.

    `active_hours` are the hours since the epoch with deliveries. Nights and weekends count as usual
    gaps. Fewer than three active hours, or a gap of less than a day, prove nothing.
    """
    gap_hours = find_longest_gap(active_hours)
    return gap_hours is not None and current_hour - max(active_hours) > max(
        gap_hours, MIN_GAP_HOURS
    )


def summarize_activity(active_days: Collection[date]) -> SourceActivity | None:
    """Return the activity of a source, or None with fewer than three active days."""
    gap_days = find_longest_gap([day.toordinal() for day in active_days])
    return None if gap_days is None else SourceActivity(max(active_days), gap_days)


def find_longest_gap(times: Collection[int]) -> int | None:
    """Return the longest gap between two active times, or None with too few of them."""
    active_times = sorted(set(times))
    return (
        max(later - earlier for earlier, later in pairwise(active_times))
        if len(active_times) >= MIN_ACTIVE_TIMES
        else None
    )
