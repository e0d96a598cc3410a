"""A batch that is recorded in parts: the database works on one of them while the next is made ready."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Final
from uuid import UUID

from app.domain.events.events import Event, to_local_day
from app.domain.events.matched_event import MatchedEvent
from app.domain.primitives import epoch
from app.domain.primitives.errors import BucketFullError
from app.services.events.validation import ACCEPTED, validate_batch
from app.services.runtime.context import ServiceContext
from app.services.runtime.matcher_cache import CompiledConfiguration
from app.services.runtime.submissions import EventKey, EventSubmission, SubmissionResult
from app.store.events import ingest
from app.store.events.ingest import IngestOutcome
from app.store.sql.database import Connection, begin

# As much as a socket takes at once: more would not be on its way while the next part is read. Batches of 1,000 and of
# 10,000 take three quarters of the time that they take whole; in smaller parts they take longer again.
CHUNK_SIZE: Final = 500
REJECTED_STATUSES: Final = ("invalid", "forbidden")


@dataclass(slots=True)
class PipelineResult:
    """What went through.

    Shape: `entries` are all that were read, `items` what can be said of each, `done` what became of those that are
    recorded now. `whole` says that all is committed; else nothing is, and the entries have to be looked at closely.
    """

    submissions: list[EventSubmission] = field(default_factory=list)
    outcomes: list[SubmissionResult] = field(default_factory=list)
    outcomes_by_key: dict[EventKey, SubmissionResult] = field(default_factory=dict)
    is_complete: bool = False

    def add_recorded(self, recorded: IngestOutcome, matched_events: Sequence[MatchedEvent]) -> None:
        """A part is stored. Raises: _UnlikeError when the catalogue has changed."""
        if recorded.seq is None:
            raise _NeedsSlowPathError
        for matched in matched_events:
            if matched.uid in recorded.uids:
                self.outcomes_by_key[matched.event.source, matched.event.id] = SubmissionResult(
                    "recorded", matched.uid, None, (matched, recorded.recorded_at)
                )


class _NeedsSlowPathError(Exception):
    """The batch is not as most are."""


async def record_pipelined(
    service: ServiceContext,
    organization: UUID,
    compiled: CompiledConfiguration,
    submissions: Iterator[EventSubmission],
) -> PipelineResult:
    """All of the events are recorded in one transaction while they are still being read; or none of them is.

    None is when one cannot be taken, the catalogue has changed, history is being restated, or a sum would not fit.
    """
    pipelined, now = PipelineResult(), service.clock()
    day = epoch.to_day_number(to_local_day(now, compiled.time_zone))
    try:
        async with service.database.write_transaction() as connection:
            write_chunk = partial(
                ingest.record_events,
                connection,
                organization,
                now=now,
                recorded_day=day,
                configuration_version=compiled.version,
            )
            await _record_chunks(
                connection,
                write_chunk,
                _match_chunks(compiled, submissions, now, pipelined),
                pipelined,
            )
            if not pipelined.outcomes_by_key:
                await connection.rollback()  # nothing was new, so the organization's version stays
        pipelined.is_complete = True
    except (_NeedsSlowPathError, BucketFullError):
        pipelined.submissions += submissions
    return pipelined


def _match_chunks(
    compiled: CompiledConfiguration,
    submissions: Iterator[EventSubmission],
    now: datetime,
    pipelined: PipelineResult,
) -> Iterator[Sequence[MatchedEvent]]:
    """What is new of each part, ready to be recorded. Raises: _UnlikeError."""
    seen: dict[EventKey, Event] = {}
    while chunk := list(islice(submissions, CHUNK_SIZE)):
        pipelined.submissions += chunk
        outcomes = validate_batch(compiled.configuration, chunk, now, seen)
        if compiled.is_restating or any(
            outcome.status in REJECTED_STATUSES for outcome in outcomes
        ):
            raise _NeedsSlowPathError
        pipelined.outcomes += outcomes
        new_events = [
            submission.event
            for submission, outcome in zip(chunk, outcomes, strict=True)
            if outcome is ACCEPTED
        ]
        yield ingest.match_events(new_events, compiled.matcher, now, compiled.time_zone)


async def _record_chunks(
    connection: Connection,
    write_chunk: Callable[[Sequence[MatchedEvent]], Coroutine[None, None, IngestOutcome]],
    chunks: Iterable[Sequence[MatchedEvent]],
    pipelined: PipelineResult,
) -> None:
    write_task: asyncio.Task[None] = asyncio.create_task(begin(connection))
    try:
        await asyncio.sleep(0)  # it is sent before the first part is read
        for matched_events in chunks:
            await write_task
            write_task = asyncio.create_task(_record_chunk(write_chunk, matched_events, pipelined))
            await asyncio.sleep(0)  # and each part before the next is
        await write_task
    finally:
        if not write_task.done():  # the transaction does not end under it
            await asyncio.wait({write_task})
        if not write_task.cancelled():
            write_task.exception()  # it is seen: what made the next part fail is told


async def _record_chunk(
    write_chunk: Callable[[Sequence[MatchedEvent]], Coroutine[None, None, IngestOutcome]],
    matched_events: Sequence[MatchedEvent],
    pipelined: PipelineResult,
) -> None:
    pipelined.add_recorded(await write_chunk(matched_events), matched_events)
