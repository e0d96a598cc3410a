"""A bounded cache whose entries expire, for rows that nearly every request reads."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

ZERO = timedelta(0)


class TtlCache(Generic[K, V]):
    """Entries that are valid for a fixed time after they were loaded.

    The process that changes a row calls `invalidate`, so the change takes effect there at once.
    Other processes see it when their entry expires.

    The instant is an argument because only `app.clock` reads the wall clock. `cachetools.TTLCache`
    takes six times as long for a get or a put (6 instead of 1 microseconds), and has no generation.
    """

    def __init__(self, ttl: timedelta, max_entries: int) -> None:
        """Start empty. When there are more than `max_entries`, the oldest one is dropped."""
        self._ttl = ttl
        self._max_entries = max_entries
        self._entries: OrderedDict[K, tuple[V, datetime]] = OrderedDict()
        self._generation = 0

    @property
    def generation(self) -> int:
        """The number of invalidations. Read it before loading a value, and pass it to `put`."""
        return self._generation

    def get(self, key: K, now: datetime) -> V | None:
        """Return the value. Return None if there is none, it expired, or it is newer than `now`."""
        cached = self._entries.get(key)
        if cached is None:
            return None
        value, loaded_at = cached
        return value if ZERO <= now - loaded_at < self._ttl else None

    def put(self, key: K, value: V, now: datetime, generation: int) -> None:
        """Store a value that was loaded at `now`, unless it may be stale.

        A load that began before an invalidation may have missed the change. `generation` is the
        cache's generation from before the load.
        """
        if generation != self._generation:
            return
        self._entries[key] = value, now
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def invalidate(self, is_stale: Callable[[V], bool]) -> None:
        """Drop the entries for which `is_stale` holds, and ignore loads that are in progress."""
        self._generation += 1
        for key in [key for key, (value, _) in self._entries.items() if is_stale(value)]:
            del self._entries[key]
