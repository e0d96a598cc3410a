"""One reading of the database for all who ask the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Readings that are shared by those who asked before they began.

    Whoever asks while one is under way waits for the next: the one under way may not see what was written just before
    it was asked. There is no timer: the next begins as soon as the one before has ended.
    """

    def __init__(self) -> None:
        """Nothing is being read."""
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._queued: dict[Hashable, asyncio.Task[T]] = {}

    async def run(self, key: Hashable, load: Callable[[], Awaitable[T]]) -> T:
        """What a reading gave that began after this was asked; what it raises is raised for all who wait for it."""
        task = self._queued.get(key)
        if task is None:
            running_task = self._running.get(key)
            task = asyncio.create_task(self._run_load(key, load, running_task))
            (self._running if running_task is None else self._queued)[key] = task
        return await asyncio.shield(task)  # one who leaves takes nothing from the others

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
