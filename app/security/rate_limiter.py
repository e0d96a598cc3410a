"""How often somebody may ask: as many at once as the quota says, and then one whenever one has passed by.

One number is kept for each caller (the generic cell rate algorithm): when all that was asked will have passed by.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Final

MOST_KEPT: Final = 10_000
SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands. Units: `reset` in seconds until the whole quota is there again, `wait` until one is."""

    allowed: bool
    remaining: int
    reset: int
    wait: int


@dataclass(slots=True)
class Limit:
    """A quota a window for each caller. Shape: a quota of 0 limits nobody."""

    name: str
    quota: int
    window: timedelta = timedelta(minutes=1)
    _passed: dict[str, datetime] = field(default_factory=dict)

    def look(self, caller: str, now: datetime) -> Standing:
        """How the caller stands, without asking for anything."""
        if caller not in self._passed:
            return Standing(True, self.quota, 0, 0)
        return self._standing(max(self._passed.get(caller, now), now), now)

    def take(self, caller: str, now: datetime) -> Standing:
        """How the caller stands after asking once more; what is not allowed is not counted."""
        before = max(self._passed.get(caller, now), now)
        standing = self._standing(before, now)
        if not standing.allowed or not self.quota:
            return standing
        after = before + self.window / self.quota
        self._keep(caller, after, now)
        return Standing(True, self._left(after, now), self._seconds(after - now), 0)

    def _standing(self, passed: datetime, now: datetime) -> Standing:
        if not self.quota:
            return Standing(True, 0, 0, 0)
        left = self._left(passed, now)
        missing = passed + self.window / self.quota - self.window - now
        return Standing(
            left > 0,
            left,
            self._seconds(passed - now),
            0 if left else max(1, self._seconds(missing)),
        )

    def _left(self, passed: datetime, now: datetime) -> int:
        return max(0, (self.window - (passed - now)) // (self.window / self.quota))

    def _seconds(self, span: timedelta) -> int:
        return ceil(span / SECOND)

    def _keep(self, caller: str, passed: datetime, now: datetime) -> None:
        """Forgets who has nothing passing by any more, when there are many."""
        if len(self._passed) >= MOST_KEPT and caller not in self._passed:
            self._passed = {name: at for name, at in self._passed.items() if at > now}
        if len(self._passed) < MOST_KEPT or caller in self._passed:
            self._passed[caller] = passed
