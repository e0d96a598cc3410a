"""Who asks the same at the same time is answered by one reading, which began after all of them asked."""

import asyncio

import pytest

from app.services.runtime.single_flight import Together


class Reader:
    """Reads numbers that grow, each when it is let."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        return number


async def turns() -> None:
    for _ in range(9):
        await asyncio.sleep(0)


async def test_who_asks_while_a_reading_is_under_way_is_answered_by_the_next():
    together, reader = Together[int](), Reader()
    first = asyncio.create_task(together.ask("q", reader.read))
    await turns()
    later = [asyncio.create_task(together.ask("q", reader.read)) for _ in range(5)]
    await turns()
    assert reader.begun == 1
    reader.go.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2] * 5
    assert await together.ask("q", reader.read) == 3


async def test_other_questions_do_not_wait():
    together, reader = Together[int](), Reader()
    first = asyncio.create_task(together.ask("q", reader.read))
    await turns()
    other = asyncio.create_task(together.ask("r", reader.read))
    await turns()
    assert reader.begun == 2
    reader.go.set()
    assert list(await asyncio.gather(first, other)) == [1, 2]


async def test_one_who_leaves_takes_nothing_from_the_others():
    together, reader = Together[int](), Reader()
    asking = [asyncio.create_task(together.ask("q", reader.read)) for _ in range(2)]
    later = [asyncio.create_task(together.ask("q", reader.read)) for _ in range(2)]
    await turns()
    asking[0].cancel()
    later[1].cancel()
    await turns()
    reader.go.set()
    assert list(await asyncio.gather(asking[1], later[0])) == [2, 2]


async def test_what_a_reading_raises_is_raised_for_all_who_waited_for_it_and_for_nobody_after():
    together, reader = Together[int](), Reader()

    async def fail() -> int:
        await reader.go.wait()
        raise ValueError("gone")

    asking = [asyncio.create_task(together.ask("q", fail)) for _ in range(3)]
    await turns()
    reader.go.set()
    for one in asking:
        with pytest.raises(ValueError, match="gone"):
            await one
    assert await together.ask("q", reader.read) == 1
