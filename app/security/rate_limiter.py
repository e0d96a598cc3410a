"""A rate limiter with the generic cell rate algorithm (GCRA).

It stores one instant for each caller: when all accepted requests will have been spread evenly over
the window.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Final

MAX_TRACKED_CALLERS: Final = 10_000
SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class QuotaStatus:
    """The quota of a caller."""

    is_allowed: bool
    remaining: int
    # Until the whole quota is available again.
    reset_seconds: int
    # Until the next request is allowed; 0 if it is allowed now.
    wait_seconds: int


@dataclass(slots=True)
class RateLimiter:
    """Allows each caller a number of requests in a time window. A quota of 0 limits nobody."""

    name: str
    quota: int
    window: timedelta = timedelta(minutes=1)
    _arrival_times: dict[str, datetime] = field(default_factory=dict)

    def peek(self, caller: str, now: datetime) -> QuotaStatus:
        """Return a caller's quota without using it."""
        if caller not in self._arrival_times:
            return QuotaStatus(True, self.quota, 0, 0)
        return self._quota_status(max(self._arrival_times.get(caller, now), now), now)

    def acquire(self, caller: str, now: datetime) -> QuotaStatus:
        """Use one request of a caller's quota, if any is left. Return the quota after it."""
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
        """Store a caller's instant. If there are many, drop callers with their whole quota."""
        if len(self._arrival_times) >= MAX_TRACKED_CALLERS and caller not in self._arrival_times:
            self._arrival_times = {
                tracked_caller: stored_time
                for tracked_caller, stored_time in self._arrival_times.items()
                if stored_time > now
            }
        if len(self._arrival_times) < MAX_TRACKED_CALLERS or caller in self._arrival_times:
            self._arrival_times[caller] = arrival_time
