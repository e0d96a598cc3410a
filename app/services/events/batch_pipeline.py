"""The fast path of ingest: record a whole batch in one transaction, while it is still being read.

The database records one chunk while the next one is read, validated and matched. A batch that the
fast path cannot record completely is left to the slow path of `ingestion`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from app.domain.events.events import Event, to_local_day
from app.domain.events.matched_event import MatchedEvent
from app.domain.primitives import epoch
from app.domain.primitives.errors import BucketFullError
from app.services.events.matching import match_events
from app.services.events.validation import ACCEPTED, validate_batch
from app.services.runtime.compiled_configuration import CompiledConfiguration
from app.services.runtime.context import ServiceContext
from app.services.runtime.submissions import EventKey, EventSubmission, SubmissionResult
from app.store.events import ingest
from app.store.events.ingest_batch import IngestBatch, IngestOutcome
from app.store.sql.database import Connection, begin

# A socket accepts about this much at once. The rest of a larger chunk would not be sent while the
# next one is read. Batches of 1,000 and of 10,000 events take 25 % less time than in one chunk.
# Smaller chunks are slower again.
CHUNK_SIZE: Final = 500
REJECTED_STATUSES: Final = ("invalid", "forbidden")


class _SlowPathNeededError(Exception):
    """The fast path cannot record the batch."""


class FastPathAttempt:
    """An attempt to record a batch on the fast path, and its outcome."""

    def __init__(
        self, compiled: CompiledConfiguration, submissions: Iterator[EventSubmission], now: datetime
    ) -> None:
        """Start before the first submission."""
        # The submissions that have been read: all of them once the attempt has ended.
        self.submissions: list[EventSubmission] = []
        # The validation outcome of each submission.
        self.outcomes: list[SubmissionResult] = []
        # The outcomes of the events that this attempt recorded.
        self.outcomes_by_key: dict[EventKey, SubmissionResult] = {}
        # Whether everything was recorded and committed. Otherwise nothing was.
        self.is_complete = False
        self._compiled = compiled
        self._unread = submissions
        self._now = now
        self._seen: dict[EventKey, Event] = {}

    def read_chunk(self) -> Sequence[MatchedEvent] | None:
        """Read, validate and match the next chunk. Return None after the last one.

        Raises: _SlowPathNeededError when an event is rejected, or history is being restated.
        """
        chunk = list(islice(self._unread, CHUNK_SIZE))
        if not chunk:
            return None
        self.submissions += chunk
        outcomes = validate_batch(self._compiled.configuration, chunk, self._now, self._seen)
        if self._compiled.is_restating or any(
            outcome.status in REJECTED_STATUSES for outcome in outcomes
        ):
            raise _SlowPathNeededError
        self.outcomes += outcomes
        new_events = [
            submission.event
            for submission, outcome in zip(chunk, outcomes, strict=True)
            if outcome is ACCEPTED
        ]
        return match_events(new_events, self._compiled.matcher, self._now, self._compiled.time_zone)

    def read_rest(self) -> None:
        """Read the submissions that are left, so that the slow path gets all of them."""
        self.submissions += self._unread

    def add_recorded(self, recorded: IngestOutcome, matched_events: Sequence[MatchedEvent]) -> None:
        """Note the outcome of a chunk.

        Raises: _SlowPathNeededError when nothing was recorded, because the configuration changed.
        """
        if recorded.seq is None:
            raise _SlowPathNeededError
        for matched in matched_events:
            if matched.uid in recorded.uids:
                self.outcomes_by_key[matched.event.source, matched.event.id] = SubmissionResult(
                    "recorded", matched.uid, None, (matched, recorded.recorded_at)
                )


async def record_on_fast_path(
    service: ServiceContext,
    organization: UUID,
    compiled: CompiledConfiguration,
    submissions: Iterator[EventSubmission],
) -> FastPathAttempt:
    """Record all new events in one transaction, or none of them.

    The attempt records nothing when an event is rejected, the configuration has changed, history is
    being restated, or a roll-up would overflow.
    """
    now = service.clock()
    attempt = FastPathAttempt(compiled, submissions, now)
    day = epoch.to_day_number(to_local_day(now, compiled.time_zone))
    try:
        async with service.database.write_transaction() as connection:

            async def write_chunk(matched_events: Sequence[MatchedEvent]) -> None:
                batch = IngestBatch(organization, matched_events, now, day, compiled.version)
                recorded = await ingest.record_events(connection, batch)
                attempt.add_recorded(recorded, matched_events)

            await _record_chunks(connection, attempt.read_chunk, write_chunk)
            if not attempt.outcomes_by_key:
                await connection.rollback()  # nothing was new, so the organization's version stays
        attempt.is_complete = True
    except (_SlowPathNeededError, BucketFullError):
        attempt.read_rest()
    return attempt


async def _record_chunks(
    connection: Connection,
    read_chunk: Callable[[], Sequence[MatchedEvent] | None],
    write_chunk: Callable[[Sequence[MatchedEvent]], Coroutine[None, None, None]],
) -> None:
    """Write each chunk while the next one is read."""
    write_task: asyncio.Task[None] = asyncio.create_task(begin(connection))
    try:
        await asyncio.sleep(0)  # sends BEGIN before the first chunk is read
        while (matched_events := read_chunk()) is not None:
            await write_task
            write_task = asyncio.create_task(write_chunk(matched_events))
            await asyncio.sleep(0)  # sends the chunk before the next one is read
        await write_task
    finally:
        if not write_task.done():  # the transaction must not end while a statement is running
            await asyncio.wait({write_task})
        if not write_task.cancelled():
            # Retrieve the error, or asyncio logs it. The caller gets the error of the next chunk.
            write_task.exception()
