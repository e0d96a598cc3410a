"""One reading of the database for all who ask the same thing at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Readings that are shared by those who asked before they began.

    Whoever asks while one is under way waits for the next: the one under way may not see what was written just before
    it was asked. There is no timer: the next begins as soon as the one before has ended.
    """

    def __init__(self) -> None:
        """Nothing is being read."""
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, question: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """What a reading gave that began after this was asked; what it raises is raised for all who wait for it."""
        found = self._next.get(question)
        if found is None:
            before = self._under_way.get(question)
            found = asyncio.create_task(self._read(question, read, before))
            (self._under_way if before is None else self._next)[question] = found
        return await asyncio.shield(found)  # one who leaves takes nothing from the others

    async def _read(
        self, question: Hashable, read: Callable[[], Awaitable[T]], before: asyncio.Task[T] | None
    ) -> T:
        if before is not None:
            await asyncio.wait([before])
            self._under_way[question] = self._next.pop(question)
        try:
            return await read()
        finally:
            if question not in self._next:
                del self._under_way[question]
