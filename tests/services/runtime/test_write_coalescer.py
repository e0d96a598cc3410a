"""Single writes are put together without a timer; everyone is answered after the commit of their own, or told so."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest

from app.domain.primitives.errors import NotFoundError, UnavailableError
from app.services.runtime.write_coalescer import Coalescer

ACME, OTHER = UUID(int=1), UUID(int=2)


class Ledger:
    """A store that commits when it is let, refuses what is poisoned, and remembers every flush that was begun."""

    def __init__(self) -> None:
        self.begun: list[list[str]] = []
        self.committed: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def write(self, some: Sequence[str]) -> list[str]:
        self.begun.append(list(some))
        await self.open.wait()
        if self.error is not None:
            raise self.error
        if "poison" in some:
            raise ZeroDivisionError
        self.committed += some
        return [f"{one} is in" for one in some]


async def turns(count: int = 5) -> None:
    """Everything that can run has run."""
    for _ in range(count):
        await asyncio.sleep(0)


def sent(
    coalescer: Coalescer[str, str], ledger: Ledger, *names: str, to: UUID = ACME
) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(coalescer.take(to, name, ledger.write)) for name in names]


async def test_what_comes_while_a_flush_runs_is_the_next_flush_and_nobody_is_answered_before_their_commit():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    ledger.open.clear()
    first = sent(coalescer, ledger, "a")
    await turns()
    rest = sent(coalescer, ledger, "b", "c", "d")
    await turns()
    assert ledger.begun == [["a"]]
    assert not any(task.done() for task in [*first, *rest])
    ledger.open.set()
    assert await asyncio.gather(*first, *rest) == ["a is in", "b is in", "c is in", "d is in"]
    assert ledger.begun == [["a"], ["b", "c", "d"]]


async def test_organizations_do_not_wait_for_each_other():
    coalescer, ledger, other = Coalescer[str, str](), Ledger(), Ledger()
    ledger.open.clear()
    (slow,) = sent(coalescer, ledger, "a")
    (quick,) = sent(coalescer, other, "x", to=OTHER)
    assert await quick == "x is in"
    assert not slow.done()
    ledger.open.set()
    assert await slow == "a is in"


async def test_a_poisoned_one_fails_alone():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    answers = await asyncio.gather(
        *sent(coalescer, ledger, "a", "b", "poison", "c", "d"), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, str)] == [
        "a is in",
        "b is in",
        "c is in",
        "d is in",
    ]
    assert isinstance(answers[2], ZeroDivisionError)
    assert ledger.committed == ["a", "b", "c", "d"]


async def test_a_refusal_of_all_is_told_to_all_and_not_tried_in_halves():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    ledger.error = NotFoundError("There is no such organization.")
    answers = await asyncio.gather(*sent(coalescer, ledger, "a", "b", "c"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotFoundError] * 3
    assert len(ledger.begun) == 1


async def test_a_full_queue_is_unavailable_and_loses_nothing_of_what_it_holds():
    coalescer, ledger = Coalescer[str, str](most=2), Ledger()
    ledger.open.clear()
    taken = sent(coalescer, ledger, "a")
    await turns()
    taken += sent(coalescer, ledger, "b", "c")
    await turns()
    with pytest.raises(UnavailableError):
        await coalescer.take(ACME, "d", ledger.write)
    ledger.open.set()
    assert await asyncio.gather(*taken) == ["a is in", "b is in", "c is in"]
    assert await coalescer.take(ACME, "d", ledger.write) == "d is in"


async def test_who_leaves_the_queue_takes_theirs_back_and_who_leaves_during_the_flush_harms_nobody():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    ledger.open.clear()
    flushed = sent(coalescer, ledger, "a")
    await turns()
    queued = sent(coalescer, ledger, "b", "c")
    await turns()
    flushed[0].cancel()
    queued[0].cancel()
    await turns()
    ledger.open.set()
    assert await queued[1] == "c is in"
    assert ledger.committed == ["a", "c"]
    assert flushed[0].cancelled()
    assert queued[0].cancelled()


async def test_closing_answers_what_was_taken_and_takes_nothing_more():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    ledger.open.clear()
    taken = sent(coalescer, ledger, "a", "b")
    await turns()
    closing = asyncio.create_task(coalescer.close())
    await turns()
    with pytest.raises(UnavailableError):
        await coalescer.take(ACME, "late", ledger.write)
    assert not closing.done()
    ledger.open.set()
    await closing
    assert [await task for task in taken] == ["a is in", "b is in"]


async def test_a_writer_that_is_stopped_leaves_nobody_waiting():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    ledger.open.clear()
    taken = sent(coalescer, ledger, "a")
    await turns()
    taken += sent(coalescer, ledger, "b")
    await turns()
    next(iter(coalescer._writers.values())).cancel()
    answers = await asyncio.gather(*taken, return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 2
    ledger.open.set()
    assert await coalescer.take(ACME, "c", ledger.write) == "c is in"


async def test_nothing_is_kept_of_an_organization_for_which_nothing_waits():
    coalescer, ledger = Coalescer[str, str](), Ledger()
    await asyncio.gather(*sent(coalescer, ledger, "a", "b"))
    await turns()
    assert (coalescer._queues, coalescer._writers) == ({}, {})
