"""Group commit: write the requests that arrive during one transaction together in the next one.

There is no timer. A flush waits only while the event loop still delivers more requests. Each caller
is answered after the commit of its own request.
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
# Waiting for a larger batch would not make a flush cheaper per request.
TARGET_BATCH: Final = 64
SHUTDOWN_MESSAGE: Final = "The service is ending; try again shortly."
# Turns of the event loop without a new request: one reads a request, the next submits it.
IDLE_TICKS: Final = 2
MAX_QUEUE: Final = 2_000


class WriteCoalescer(Generic[RequestT, ReplyT]):
    """A queue and a writer task for each organization that has waiting requests.

    The writer ends when its queue is empty.
    """

    def __init__(self, max_queue: int = MAX_QUEUE, max_batch: int = MAX_BATCH) -> None:
        """Limit the requests that wait and that are written together, per organization."""
        self._max_queue = max_queue
        self._max_batch = max_batch
        self._is_closed = False
        self._queues: dict[UUID, deque[tuple[RequestT, asyncio.Future[ReplyT]]]] = {}
        self._writers: dict[UUID, asyncio.Task[None]] = {}

    async def submit(
        self,
        organization: UUID,
        request: RequestT,
        write: Callable[[Sequence[RequestT]], Awaitable[Sequence[ReplyT]]],
    ) -> ReplyT:
        """Queue a request, and return its reply after the commit.

        `write` gets the requests of a batch and returns a reply for each, in the same order. A
        caller that is cancelled before the flush withdraws its request.

        Raises: UnavailableError when the queue is full or the service stops; what `write` raises.
        """
        queue = self._queues.get(organization, ())
        if self._is_closed or len(queue) >= self._max_queue:
            raise UnavailableError("Too much is waiting to be recorded; try again shortly.")
        queue = self._queues.setdefault(organization, deque())
        reply_future: asyncio.Future[ReplyT] = asyncio.get_running_loop().create_future()
        queue.append((request, reply_future))
        if organization not in self._writers:
            # An empty context, because the writer serves all callers, not only the first one.
            self._writers[organization] = asyncio.create_task(
                self._drain_queue(organization, queue, write), context=Context()
            )
        return await reply_future

    async def close(self) -> None:
        """Accept no more requests, and wait until all queued ones are answered."""
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
            # The queue is empty unless the writer itself was cancelled.
            _reject(queue, UnavailableError(SHUTDOWN_MESSAGE))


async def _wait_for_batch(queue: Sized) -> None:
    """Wait until no more requests arrive for now, or the batch is large enough."""
    idle_ticks = 0
    previous_length = len(queue)
    while idle_ticks < IDLE_TICKS and previous_length < TARGET_BATCH:
        await asyncio.sleep(0)
        idle_ticks = idle_ticks + 1 if len(queue) == previous_length else 0
        previous_length = len(queue)


async def _flush_batch(
    waiters: Sequence[tuple[RequestT, asyncio.Future[ReplyT]]],
    write: Callable[[Sequence[RequestT]], Awaitable[Sequence[ReplyT]]],
) -> None:
    """Write a batch and answer its requests.

    An unexpected error may be the fault of a single request. The batch is therefore split in
    halves, down to that request.
    """
    if not waiters:
        return
    try:
        replies = await write([request for request, _ in waiters])
    except SightlineError as error:
        _reject(waiters, error)
    except Exception as error:  # noqa: BLE001  # the waiting callers get it
        if len(waiters) == 1:
            _reject(waiters, error)
            return
        # Log only the place and the type of the error: its text may contain submitted content.
        log_fields = {"waiting": len(waiters), "error": type(error).__name__}
        LOG.error(  # noqa: TRY400  # without the text of the error
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
