"""A batch that is recorded in parts: the database works on one of them while the next is made ready."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from app.domain.events.events import Event, day_of
from app.domain.primitives.errors import BucketFullError
from app.services.events.validation import NEW, Entry, Item, Name, judge
from app.services.runtime.context import Service
from app.services.runtime.matcher_cache import Catalogue
from app.store.events import ingest
from app.store.events.ingest import Recorded
from app.store.events.rollups import Prepared
from app.store.sql import column_types as types
from app.store.sql.database import Connection, opened

# As much as a socket takes at once: more would not be on its way while the next part is read. Batches of 1,000 and of
# 10,000 take three quarters of the time that they take whole; in smaller parts they take longer again.
PART: Final = 500
REFUSED: Final = ("invalid", "forbidden")


@dataclass(slots=True)
class Passed:
    """What went through.

    Shape: `entries` are all that were read, `items` what can be said of each, `done` what became of those that are
    recorded now. `whole` says that all is committed; else nothing is, and the entries have to be looked at closely.
    """

    entries: list[Entry] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    done: dict[Name, Item] = field(default_factory=dict)
    whole: bool = False

    def note(self, recorded: Recorded, prepared: Sequence[Prepared]) -> None:
        """A part is stored. Raises: _UnlikeError when the catalogue has changed."""
        if recorded.seq is None:
            raise _UnlikeError
        for p in prepared:
            if p.uid in recorded.uids:
                self.done[p.event.source, p.event.id] = Item(
                    "recorded", p.uid, None, (p, recorded.at)
                )


class _UnlikeError(Exception):
    """The batch is not as most are."""


async def pass_through(
    service: Service, organization: UUID, known: Catalogue, found: Iterator[Entry]
) -> Passed:
    """All of the events are recorded in one transaction while they are still being read; or none of them is.

    None is when one cannot be taken, the catalogue has changed, history is being restated, or a sum would not fit.
    """
    passed, now = Passed(), service.clock()
    day = types.day_number(day_of(now, known.time_zone))
    try:
        async with service.database.writing() as connection:
            record = partial(
                ingest.record,
                connection,
                organization,
                now=now,
                recorded_day=day,
                catalogue=known.version,
            )
            await _one_after_the_other(
                connection, record, _parts(known, found, now, passed), passed
            )
            if not passed.done:
                await connection.rollback()  # nothing was new, so the organization's version stays
        passed.whole = True
    except (_UnlikeError, BucketFullError):
        passed.entries += found
    return passed


def _parts(
    known: Catalogue, found: Iterator[Entry], now: datetime, passed: Passed
) -> Iterator[Sequence[Prepared]]:
    """What is new of each part, ready to be recorded. Raises: _UnlikeError."""
    seen: dict[Name, Event] = {}
    while some := list(islice(found, PART)):
        passed.entries += some
        items = judge(known.configuration, some, now, seen)
        if known.restating or any(item.status in REFUSED for item in items):
            raise _UnlikeError
        passed.items += items
        fresh = [entry.event for entry, item in zip(some, items, strict=True) if item is NEW]
        yield ingest.prepare(fresh, known.matcher, now, known.time_zone)


async def _one_after_the_other(
    connection: Connection,
    record: Callable[[Sequence[Prepared]], Coroutine[None, None, Recorded]],
    parts: Iterable[Sequence[Prepared]],
    passed: Passed,
) -> None:
    under_way: asyncio.Task[None] = asyncio.create_task(opened(connection))
    try:
        await asyncio.sleep(0)  # it is sent before the first part is read
        for prepared in parts:
            await under_way
            under_way = asyncio.create_task(_noted(record, prepared, passed))
            await asyncio.sleep(0)  # and each part before the next is
        await under_way
    finally:
        if not under_way.done():  # the transaction does not end under it
            await asyncio.wait({under_way})
        if not under_way.cancelled():
            under_way.exception()  # it is seen: what made the next part fail is told


async def _noted(
    record: Callable[[Sequence[Prepared]], Coroutine[None, None, Recorded]],
    prepared: Sequence[Prepared],
    passed: Passed,
) -> None:
    passed.note(await record(prepared), prepared)
