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
RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")
MAX_BATCH: Final = 1_000
TARGET_BATCH: Final = 64  # waiting for more would not make a flush cheaper for each of them
SHUTDOWN_MESSAGE: Final = "The service is ending; try again shortly."
IDLE_TICKS: Final = 2  # turns of the event loop: what is read in one is asked for in the next
MAX_QUEUE: Final = 2_000


class WriteCoalescer(Generic[RequestT, ReplyT]):
    """A queue and a writer for each organization that something waits for.

    A writer ends with its queue. Shape: `write` answers for each in the given order.
    """

    def __init__(self, max_queue: int = MAX_QUEUE, max_batch: int = MAX_BATCH) -> None:
        """At most so many may wait in an organization, and so many are written at once."""
        self._max_queue, self._max_batch, self._is_closed = max_queue, max_batch, False
        self._queues: dict[UUID, deque[tuple[RequestT, asyncio.Future[ReplyT]]]] = {}
        self._writers: dict[UUID, asyncio.Task[None]] = {}

    async def submit(
        self,
        organization: UUID,
        request: RequestT,
        write: Callable[[Sequence[RequestT]], Awaitable[Sequence[ReplyT]]],
    ) -> ReplyT:
        """What became of it, once that is committed. Who stops waiting before it is written takes it back.

        Raises: UnavailableError when too many wait, or the service ends; what `write` raises.
        """
        queue = self._queues.get(organization, ())
        if self._is_closed or len(queue) >= self._max_queue:
            raise UnavailableError("Too much is waiting to be recorded; try again shortly.")
        queue = self._queues.setdefault(organization, deque())
        reply_future: asyncio.Future[ReplyT] = asyncio.get_running_loop().create_future()
        queue.append((request, reply_future))
        if organization not in self._writers:
            # In a context of its own: it writes for others than who comes first.
            self._writers[organization] = asyncio.create_task(
                self._drain_queue(organization, queue, write), context=Context()
            )
        return await reply_future

    async def close(self) -> None:
        """Nothing is taken any more, and what was taken is answered."""
        self._is_closed = True
        await asyncio.gather(*self._writers.values(), return_exceptions=True)

    async def _drain_queue(
        self,
        organization: UUID,
        queue: deque[tuple[RequestT, asyncio.Future[ReplyT]]],
        write: Callable[[Sequence[RequestT]], Awaitable[Sequence[ReplyT]]],
    ) -> None:
        try:
            while queue:
                await _wait_for_batch(queue)
                batch = [queue.popleft() for _ in range(min(len(queue), self._max_batch))]
                await _flush_batch([waiter for waiter in batch if not waiter[1].done()], write)
        finally:
            del self._writers[organization], self._queues[organization]
            _reject(
                queue, UnavailableError(SHUTDOWN_MESSAGE)
            )  # something is in it only when the writer itself was stopped


async def _wait_for_batch(queue: Sized) -> None:
    """Returns once the event loop has nothing more for the queue at the moment, or there is enough in it."""
    idle_ticks, previous_length = 0, len(queue)
    while idle_ticks < IDLE_TICKS and previous_length < TARGET_BATCH:
        await asyncio.sleep(0)
        idle_ticks, previous_length = (
            idle_ticks + 1 if len(queue) == previous_length else 0,
            len(queue),
        )


async def _flush_batch(
    waiters: Sequence[tuple[RequestT, asyncio.Future[ReplyT]]],
    write: Callable[[Sequence[RequestT]], Awaitable[Sequence[ReplyT]]],
) -> None:
    """Each of them is answered. What nobody foresaw may be one's fault: halves of them go on, down to the one."""
    if not waiters:
        return
    try:
        replies = await write([request for request, _ in waiters])
    except SightlineError as error:
        _reject(waiters, error)
    except Exception as error:  # it is told to those who wait  # noqa: BLE001  # it is told to those who wait
        if len(waiters) == 1:
            _reject(waiters, error)
            return
        # Where and of what kind: its text may hold what was sent.
        log_fields = {"waiting": len(waiters), "error": type(error).__name__}
        LOG.error(  # no word of the error itself  # noqa: TRY400  # no word of the error itself
            "a flush failed", extra={**log_fields, "stack": "".join(format_tb(error.__traceback__))}
        )
        middle = len(waiters) // 2
        await _flush_batch(waiters[:middle], write)
        await _flush_batch(waiters[middle:], write)
    except BaseException:
        _reject(waiters, UnavailableError(SHUTDOWN_MESSAGE))
        raise
    else:
        for (_, reply_future), reply in zip(waiters, replies, strict=True):
            if not reply_future.done():
                reply_future.set_result(reply)


def _reject(waiters: Iterable[tuple[RequestT, asyncio.Future[ReplyT]]], error: Exception) -> None:
    for _, reply_future in waiters:
        if not reply_future.done():
            reply_future.set_exception(error)
