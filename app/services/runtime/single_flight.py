"""Share one read of the database among requests that want the same value at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs one load for all callers that asked for a key before the load began.

    A caller that arrives while a load is running waits for the next one, because the running load
    may miss recent writes. There is no timer. The next load begins when the running one ends.
    """

    def __init__(self) -> None:
        """Start without running loads."""
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._queued: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """Return the value of a load that began after this call. Raise what the load raises."""
        task = self._queued.get(key)
        if task is None:
            running_task = self._running.get(key)
            task = asyncio.create_task(self._run_load(key, load, running_task))
            (self._running if running_task is None else self._queued)[key] = task
        return await asyncio.shield(task)  # a cancelled caller does not cancel the load

    async def _run_load(
        self, key: Hashable, load: Callable[[], Awaitable[T]], running_task: asyncio.Task[T] | None
    ) -> T:
        if running_task is not None:
            await asyncio.wait([running_task])
            self._running[key] = self._queued.pop(key)
        try:
            return await load()
        finally:
            if key not in self._queued:
                del self._running[key]
