"""Single writes are written together without a timer, and answered after their own commit."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from app.domain.primitives.errors import NotFoundError, UnavailableError
from app.services.runtime.write_coalescer import WriteCoalescer

ACME = UUID(int=1)
OTHER_ORGANIZATION = UUID(int=2)


class RecordingStore:
    """A store that commits when allowed, rejects "poison", and records every batch."""

    def __init__(self) -> None:
        self.started_batches: list[list[str]] = []
        self.committed: list[str] = []
        self.commit_allowed = asyncio.Event()
        self.commit_allowed.set()
        self.error: Exception | None = None

    async def write(self, names: Sequence[str]) -> list[str]:
        self.started_batches.append(list(names))
        await self.commit_allowed.wait()
        if self.error is not None:
            raise self.error
        if "poison" in names:
            raise ZeroDivisionError
        self.committed += names
        return [f"{name} is in" for name in names]


async def run_ready_tasks(count: int = 5) -> None:
    """Run all tasks that can run."""
    for _ in range(count):
        await asyncio.sleep(0)


def submit_all(
    coalescer: WriteCoalescer[str, str],
    store: RecordingStore,
    *names: str,
    organization: UUID = ACME,
) -> list[asyncio.Task[str]]:
    return [
        asyncio.create_task(coalescer.submit(organization, name, store.write)) for name in names
    ]


async def test_writes_during_a_flush_form_the_next_flush_and_are_answered_after_their_commit():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    store.commit_allowed.clear()
    first = submit_all(coalescer, store, "a")
    await run_ready_tasks()
    later_tasks = submit_all(coalescer, store, "b", "c", "d")
    await run_ready_tasks()
    assert store.started_batches == [["a"]]
    assert not any(task.done() for task in [*first, *later_tasks])
    store.commit_allowed.set()
    assert await asyncio.gather(*first, *later_tasks) == [
        "a is in",
        "b is in",
        "c is in",
        "d is in",
    ]
    assert store.started_batches == [["a"], ["b", "c", "d"]]


async def test_organizations_do_not_wait_for_each_other():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    other_store = RecordingStore()
    store.commit_allowed.clear()
    (slow,) = submit_all(coalescer, store, "a")
    (quick,) = submit_all(coalescer, other_store, "x", organization=OTHER_ORGANIZATION)
    assert await quick == "x is in"
    assert not slow.done()
    store.commit_allowed.set()
    assert await slow == "a is in"


async def test_a_failing_write_fails_alone():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    answers = await asyncio.gather(
        *submit_all(coalescer, store, "a", "b", "poison", "c", "d"), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, str)] == [
        "a is in",
        "b is in",
        "c is in",
        "d is in",
    ]
    assert isinstance(answers[2], ZeroDivisionError)
    assert store.committed == ["a", "b", "c", "d"]


async def test_a_rejection_of_the_batch_is_raised_for_all_without_retrying_halves():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    store.error = NotFoundError("There is no such organization.")
    answers = await asyncio.gather(
        *submit_all(coalescer, store, "a", "b", "c"), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [NotFoundError] * 3
    assert len(store.started_batches) == 1


async def test_a_full_queue_is_unavailable_and_keeps_its_queued_writes():
    coalescer = WriteCoalescer[str, str](max_queue=2)
    store = RecordingStore()
    store.commit_allowed.clear()
    tasks = submit_all(coalescer, store, "a")
    await run_ready_tasks()
    tasks += submit_all(coalescer, store, "b", "c")
    await run_ready_tasks()
    with pytest.raises(UnavailableError):
        await coalescer.submit(ACME, "d", store.write)
    store.commit_allowed.set()
    assert await asyncio.gather(*tasks) == ["a is in", "b is in", "c is in"]
    assert await coalescer.submit(ACME, "d", store.write) == "d is in"


async def test_cancelling_a_queued_write_removes_it_and_cancelling_during_a_flush_does_not():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    store.commit_allowed.clear()
    flushed = submit_all(coalescer, store, "a")
    await run_ready_tasks()
    queued = submit_all(coalescer, store, "b", "c")
    await run_ready_tasks()
    flushed[0].cancel()
    queued[0].cancel()
    await run_ready_tasks()
    store.commit_allowed.set()
    assert await queued[1] == "c is in"
    assert store.committed == ["a", "c"]
    assert flushed[0].cancelled()
    assert queued[0].cancelled()


async def test_closing_finishes_accepted_writes_and_rejects_new_ones():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    store.commit_allowed.clear()
    tasks = submit_all(coalescer, store, "a", "b")
    await run_ready_tasks()
    closing = asyncio.create_task(coalescer.close())
    await run_ready_tasks()
    with pytest.raises(UnavailableError):
        await coalescer.submit(ACME, "late", store.write)
    assert not closing.done()
    store.commit_allowed.set()
    await closing
    assert [await task for task in tasks] == ["a is in", "b is in"]


async def test_a_writer_that_is_stopped_leaves_nobody_waiting():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    store.commit_allowed.clear()
    tasks = submit_all(coalescer, store, "a")
    await run_ready_tasks()
    tasks += submit_all(coalescer, store, "b")
    await run_ready_tasks()
    next(iter(coalescer._writers.values())).cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 2
    store.commit_allowed.set()
    assert await coalescer.submit(ACME, "c", store.write) == "c is in"


async def test_no_state_remains_for_an_organization_without_queued_writes():
    coalescer = WriteCoalescer[str, str]()
    store = RecordingStore()
    await asyncio.gather(*submit_all(coalescer, store, "a", "b"))
    await run_ready_tasks()
    assert (coalescer._queues, coalescer._writers) == ({}, {})
