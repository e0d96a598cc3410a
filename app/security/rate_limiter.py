"""How often somebody may ask: as many at once as the quota says, and then one whenever one has passed by.

One number is kept for each caller (the generic cell rate algorithm): when all that was asked will have passed by.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Final

MAX_TRACKED_CALLERS: Final = 10_000
SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class QuotaStatus:
    """How a caller stands. Units: `reset` in seconds until the whole quota is there again, `wait` until one is."""

    is_allowed: bool
    remaining: int
    reset_seconds: int
    wait_seconds: int


@dataclass(slots=True)
class RateLimiter:
    """A quota a window for each caller. Shape: a quota of 0 limits nobody."""

    name: str
    quota: int
    window: timedelta = timedelta(minutes=1)
    _arrival_times: dict[str, datetime] = field(default_factory=dict)

    def peek(self, caller: str, now: datetime) -> QuotaStatus:
        """How the caller stands, without asking for anything."""
        if caller not in self._arrival_times:
            return QuotaStatus(True, self.quota, 0, 0)
        return self._quota_status(max(self._arrival_times.get(caller, now), now), now)

    def acquire(self, caller: str, now: datetime) -> QuotaStatus:
        """How the caller stands after asking once more; what is not allowed is not counted."""
        arrival_time = max(self._arrival_times.get(caller, now), now)
        status = self._quota_status(arrival_time, now)
        if not status.is_allowed or not self.quota:
            return status
        next_arrival_time = arrival_time + self.window / self.quota
        self._store_arrival_time(caller, next_arrival_time, now)
        return QuotaStatus(
            True,
            self._remaining(next_arrival_time, now),
            self._to_whole_seconds(next_arrival_time - now),
            0,
        )

    def _quota_status(self, arrival_time: datetime, now: datetime) -> QuotaStatus:
        if not self.quota:
            return QuotaStatus(True, 0, 0, 0)
        remaining = self._remaining(arrival_time, now)
        time_until_allowed = arrival_time + self.window / self.quota - self.window - now
        return QuotaStatus(
            remaining > 0,
            remaining,
            self._to_whole_seconds(arrival_time - now),
            0 if remaining else max(1, self._to_whole_seconds(time_until_allowed)),
        )

    def _remaining(self, arrival_time: datetime, now: datetime) -> int:
        return max(0, (self.window - (arrival_time - now)) // (self.window / self.quota))

    def _to_whole_seconds(self, span: timedelta) -> int:
        return ceil(span / SECOND)

    def _store_arrival_time(self, caller: str, arrival_time: datetime, now: datetime) -> None:
        """Forgets who has nothing passing by any more, when there are many."""
        if len(self._arrival_times) >= MAX_TRACKED_CALLERS and caller not in self._arrival_times:
            self._arrival_times = {
                name: stored_time
                for name, stored_time in self._arrival_times.items()
                if stored_time > now
            }
        if len(self._arrival_times) < MAX_TRACKED_CALLERS or caller in self._arrival_times:
            self._arrival_times[caller] = arrival_time
