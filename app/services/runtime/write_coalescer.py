"""Single writes, put together: what comes in for an organization while one flush runs is the next flush.

No timer: a flush waits only while the event loop still finds more that has come in. Everyone is answered after the
commit of their own.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence, Sized
from contextvars import Context
from traceback import format_tb
from typing import Final, Generic, TypeVar
from uuid import UUID

from app.domain.primitives.errors import SightlineError, UnavailableError

LOG: Final = logging.getLogger("sightline.coalescing")
Sent = TypeVar("Sent")
Answer = TypeVar("Answer")
AT_ONCE: Final = 1_000
ENOUGH: Final = 64  # waiting for more would not make a flush cheaper for each of them
ENDING: Final = "The service is ending; try again shortly."
QUIET: Final = 2  # turns of the event loop: what is read in one is asked for in the next
MOST: Final = 2_000


class Coalescer(Generic[Sent, Answer]):
    """A queue and a writer for each organization that something waits for.

    A writer ends with its queue. Shape: `write` answers for each in the given order.
    """

    def __init__(self, most: int = MOST, at_once: int = AT_ONCE) -> None:
        """At most so many may wait in an organization, and so many are written at once."""
        self._most, self._at_once, self._closed = most, at_once, False
        self._queues: dict[UUID, deque[tuple[Sent, asyncio.Future[Answer]]]] = {}
        self._writers: dict[UUID, asyncio.Task[None]] = {}

    async def take(
        self,
        organization: UUID,
        sent: Sent,
        write: Callable[[Sequence[Sent]], Awaitable[Sequence[Answer]]],
    ) -> Answer:
        """What became of it, once that is committed. Who stops waiting before it is written takes it back.

        Raises: UnavailableError when too many wait, or the service ends; what `write` raises.
        """
        queue = self._queues.get(organization, ())
        if self._closed or len(queue) >= self._most:
            raise UnavailableError("Too much is waiting to be recorded; try again shortly.")
        queue = self._queues.setdefault(organization, deque())
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        queue.append((sent, answer))
        if organization not in self._writers:
            # In a context of its own: it writes for others than who comes first.
            self._writers[organization] = asyncio.create_task(
                self._drain(organization, queue, write), context=Context()
            )
        return await answer

    async def close(self) -> None:
        """Nothing is taken any more, and what was taken is answered."""
        self._closed = True
        await asyncio.gather(*self._writers.values(), return_exceptions=True)

    async def _drain(
        self,
        organization: UUID,
        queue: deque[tuple[Sent, asyncio.Future[Answer]]],
        write: Callable[[Sequence[Sent]], Awaitable[Sequence[Answer]]],
    ) -> None:
        try:
            while queue:
                await _gathered(queue)
                some = [queue.popleft() for _ in range(min(len(queue), self._at_once))]
                await _flush([one for one in some if not one[1].done()], write)
        finally:
            del self._writers[organization], self._queues[organization]
            _fail(
                queue, UnavailableError(ENDING)
            )  # something is in it only when the writer itself was stopped


async def _gathered(queue: Sized) -> None:
    """Returns once the event loop has nothing more for the queue at the moment, or there is enough in it."""
    quiet, before = 0, len(queue)
    while quiet < QUIET and before < ENOUGH:
        await asyncio.sleep(0)
        quiet, before = quiet + 1 if len(queue) == before else 0, len(queue)


async def _flush(
    some: Sequence[tuple[Sent, asyncio.Future[Answer]]],
    write: Callable[[Sequence[Sent]], Awaitable[Sequence[Answer]]],
) -> None:
    """Each of them is answered. What nobody foresaw may be one's fault: halves of them go on, down to the one."""
    if not some:
        return
    try:
        answers = await write([sent for sent, _ in some])
    except SightlineError as error:
        _fail(some, error)
    except Exception as error:  # noqa: BLE001  # it is told to those who wait
        if len(some) == 1:
            _fail(some, error)
            return
        # Where and of what kind: its text may hold what was sent.
        told = {"waiting": len(some), "error": type(error).__name__}
        LOG.error(  # noqa: TRY400  # no word of the error itself
            "a flush failed", extra={**told, "stack": "".join(format_tb(error.__traceback__))}
        )
        middle = len(some) // 2
        await _flush(some[:middle], write)
        await _flush(some[middle:], write)
    except BaseException:
        _fail(some, UnavailableError(ENDING))
        raise
    else:
        for (_, waiting), found in zip(some, answers, strict=True):
            if not waiting.done():
                waiting.set_result(found)


def _fail(some: Iterable[tuple[Sent, asyncio.Future[Answer]]], error: Exception) -> None:
    for _, answer in some:
        if not answer.done():
            answer.set_exception(error)
