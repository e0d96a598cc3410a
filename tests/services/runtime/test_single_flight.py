"""Simultaneous callers share one load that began after all of them asked."""

import asyncio

import pytest

from app.services.runtime.single_flight import SingleFlight


class CountingReader:
    """Returns growing numbers, once reading is allowed to finish."""

    def __init__(self) -> None:
        self.started_reads = 0
        self.finish_allowed = asyncio.Event()

    async def read(self) -> int:
        self.started_reads += 1
        number = self.started_reads
        await self.finish_allowed.wait()
        return number


async def run_ready_tasks() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


async def test_a_call_during_a_running_load_gets_the_next_one():
    single_flight = SingleFlight[int]()
    reader = CountingReader()
    first = asyncio.create_task(single_flight.run("q", reader.read))
    await run_ready_tasks()
    later_tasks = [asyncio.create_task(single_flight.run("q", reader.read)) for _ in range(5)]
    await run_ready_tasks()
    assert reader.started_reads == 1
    reader.finish_allowed.set()
    assert await first == 1
    assert await asyncio.gather(*later_tasks) == [2] * 5
    assert await single_flight.run("q", reader.read) == 3


async def test_other_keys_do_not_wait():
    single_flight = SingleFlight[int]()
    reader = CountingReader()
    first = asyncio.create_task(single_flight.run("q", reader.read))
    await run_ready_tasks()
    other_task = asyncio.create_task(single_flight.run("r", reader.read))
    await run_ready_tasks()
    assert reader.started_reads == 2
    reader.finish_allowed.set()
    assert list(await asyncio.gather(first, other_task)) == [1, 2]


async def test_a_cancelled_call_does_not_affect_the_others():
    single_flight = SingleFlight[int]()
    reader = CountingReader()
    first_tasks = [asyncio.create_task(single_flight.run("q", reader.read)) for _ in range(2)]
    later_tasks = [asyncio.create_task(single_flight.run("q", reader.read)) for _ in range(2)]
    await run_ready_tasks()
    first_tasks[0].cancel()
    later_tasks[1].cancel()
    await run_ready_tasks()
    reader.finish_allowed.set()
    assert list(await asyncio.gather(first_tasks[1], later_tasks[0])) == [2, 2]


async def test_an_error_is_raised_for_all_waiting_calls_and_for_no_later_one():
    single_flight = SingleFlight[int]()
    reader = CountingReader()

    async def fail() -> int:
        await reader.finish_allowed.wait()
        raise ValueError("no connection")

    tasks = [asyncio.create_task(single_flight.run("q", fail)) for _ in range(3)]
    await run_ready_tasks()
    reader.finish_allowed.set()
    for task in tasks:
        with pytest.raises(ValueError, match="no connection"):
            await task
    assert await single_flight.run("q", reader.read) == 1
