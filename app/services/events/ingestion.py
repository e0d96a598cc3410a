"""Use cases for events: record and retract them.

An acknowledged event is committed with its roll-ups.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import Event, to_local_day
from app.domain.events.matched_event import MatchedEvent
from app.domain.primitives import epoch
from app.domain.primitives.errors import (
    BucketFullError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    SourceIsConnectedError,
    UnavailableError,
)
from app.domain.sources.sources import CRM_CONNECTORS, Source
from app.security.vault import Vault
from app.services.events.batch_pipeline import record_on_fast_path
from app.services.events.matching import match_events
from app.services.events.validation import conflict_error, is_same_event, validate_batch
from app.services.runtime.compiled_configuration import (
    CompiledConfiguration,
    find_latest_compiled,
    load_compiled_configuration,
)
from app.services.runtime.context import ServiceContext
from app.services.runtime.submissions import EventKey, EventSubmission, SubmissionResult
from app.store.access import organization_version
from app.store.events import event_queries, ingest, retraction, rollup_overflow
from app.store.events import metric_restatement as metric_restatement_store
from app.store.events.event_queries import StoredEvent
from app.store.events.ingest_batch import IngestBatch, IngestOutcome
from app.store.events.retraction import RetractionBatch
from app.store.playbook import configuration as configuration_store
from app.store.sql.database import Connection

MAX_ATTEMPTS: Final = 5


async def ingest_events(
    service: ServiceContext,
    actor: Actor,
    submitted_events: Iterable[Event],
    connectors: Collection[str] = ("api",),
) -> list[SubmissionResult]:
    """Record the events that are valid and new. Return an outcome for each, in the same order.

    A batch takes the fast path first, and the slow path if that fails. A single event takes the
    slow path, in one transaction with others that arrive at the same time. `connectors` limits the
    sources that accept the events.

    Raises: ForbiddenError, UnavailableError.
    """
    actor.require_scope("events:write")
    if isinstance(submitted_events, Sequence) and len(submitted_events) == 1:
        submission = EventSubmission(actor, submitted_events[0], connectors)
        return [
            await service.event_coalescer.submit(
                actor.organization,
                submission,
                partial(_record_on_slow_path, service, actor.organization),
            )
        ]
    submissions = (EventSubmission(actor, event, connectors) for event in submitted_events)
    compiled = find_latest_compiled(
        service.compiled_configuration_cache, actor.organization
    ) or await _load_compiled(service, actor.organization)
    attempt = await record_on_fast_path(service, actor.organization, compiled, submissions)
    if not attempt.is_complete:
        return await _record_on_slow_path(service, actor.organization, attempt.submissions)
    return await _build_results(
        service,
        actor.organization,
        attempt.submissions,
        attempt.outcomes,
        attempt.outcomes_by_key,
    )


async def _record_on_slow_path(
    service: ServiceContext, organization: UUID, submissions: Sequence[EventSubmission]
) -> list[SubmissionResult]:
    """Record what can be recorded, and find out what is wrong with the other events.

    Retry when the configuration changes in between.
    """
    outcomes_by_key: dict[EventKey, SubmissionResult] = {}
    compiled = find_latest_compiled(service.compiled_configuration_cache, organization)
    for _ in range(MAX_ATTEMPTS):
        now = service.clock()
        is_reloaded = compiled is None
        compiled = compiled or await _load_compiled(service, organization)
        outcomes = validate_batch(compiled.configuration, submissions, now)
        if not is_reloaded and any(outcome.status == "invalid" for outcome in outcomes):
            # A newer configuration may contain what this one lacks.
            previous_version = compiled.version
            compiled = await _load_compiled(service, organization)
            if compiled.version != previous_version:
                outcomes = validate_batch(compiled.configuration, submissions, now)
        new_events = [
            submission.event
            for submission, outcome in zip(submissions, outcomes, strict=True)
            if outcome.status == "recorded" and submission.key not in outcomes_by_key
        ]
        matched_events = match_events(new_events, compiled.matcher, now, compiled.time_zone)
        if await _write_fitting(service, organization, compiled, matched_events, outcomes_by_key):
            return await _build_results(
                service, organization, submissions, outcomes, outcomes_by_key
            )
        compiled = None
    raise UnavailableError(
        "The configuration is changing too fast to record events against it; try again."
    )


async def _load_compiled(service: ServiceContext, organization: UUID) -> CompiledConfiguration:
    async with service.database.read_transaction() as connection:
        return await load_compiled_configuration(
            connection, organization, service.compiled_configuration_cache
        )


async def _write_fitting(
    service: ServiceContext,
    organization: UUID,
    compiled: CompiledConfiguration,
    matched_events: Sequence[MatchedEvent],
    outcomes_by_key: dict[EventKey, SubmissionResult],
) -> bool:
    """Record the events that fit, and add their outcomes to `outcomes_by_key`.

    Return False if the configuration has changed since the events were matched. Events that would
    overflow a roll-up are rejected one by one.
    """
    now = service.clock()
    day = epoch.to_day_number(to_local_day(now, compiled.time_zone))
    while matched_events:
        batch = IngestBatch(organization, matched_events, now, day, compiled.version)
        try:
            recorded = await _record_batch(service, batch, is_restating=compiled.is_restating)
        except BucketFullError as error:
            fitting_events = await _reject_overflowing(
                service, organization, matched_events, day, error, outcomes_by_key
            )
            if len(fitting_events) == len(matched_events):
                # Each event fits, but their sum does not: try halves, down to a single event.
                middle = len(fitting_events) // 2
                is_first_half_written = await _write_fitting(
                    service, organization, compiled, fitting_events[:middle], outcomes_by_key
                )
                return is_first_half_written and await _write_fitting(
                    service, organization, compiled, fitting_events[middle:], outcomes_by_key
                )
            matched_events = fitting_events
            continue
        if recorded.seq is None:
            return False
        outcomes_by_key |= {
            _event_key(matched): SubmissionResult(
                "recorded", matched.uid, None, (matched, recorded.recorded_at)
            )
            for matched in matched_events
            if matched.uid in recorded.uids
        }
        return True
    return True


async def _record_batch(
    service: ServiceContext, batch: IngestBatch, *, is_restating: bool
) -> IngestOutcome:
    """Record a batch in one transaction. Raises: BucketFullError when a roll-up would overflow."""
    async with service.database.write_transaction() as connection:
        recorded = await ingest.record_events(connection, batch)
        if not recorded.uids:
            # Nothing was new, so the organization's version must not change.
            await connection.rollback()
        elif is_restating:
            await metric_restatement_store.invalidate_days(
                connection, batch.organization_id, [matched.day for matched in batch.matched_events]
            )
    return recorded


async def _reject_overflowing(
    service: ServiceContext,
    organization: UUID,
    matched_events: Sequence[MatchedEvent],
    day: int,
    error: BucketFullError,
    outcomes_by_key: dict[EventKey, SubmissionResult],
) -> Sequence[MatchedEvent]:
    """Return the events that are new and fit. Add a rejection for those that do not fit."""
    async with service.database.read_transaction() as connection:
        recorded_events = await event_queries.load_events_by_key(
            connection, organization, [_event_key(matched) for matched in matched_events]
        )
        new_events = [
            matched for matched in matched_events if _event_key(matched) not in recorded_events
        ]
        overflowing_uids = await rollup_overflow.find_overflowing_events(
            connection, organization, new_events, day
        )
    if len(matched_events) == len(new_events) == 1:
        overflowing_uids = frozenset({new_events[0].uid})
    outcomes_by_key |= {
        _event_key(matched): SubmissionResult("invalid", None, error)
        for matched in new_events
        if matched.uid in overflowing_uids
    }
    return [matched for matched in new_events if matched.uid not in overflowing_uids]


def _event_key(matched: MatchedEvent) -> EventKey:
    return matched.event.source, matched.event.id


async def _build_results(
    service: ServiceContext,
    organization: UUID,
    submissions: Sequence[EventSubmission],
    outcomes: Sequence[SubmissionResult],
    outcomes_by_key: Mapping[EventKey, SubmissionResult],
) -> list[SubmissionResult]:
    """Return the final outcomes: an event that was not new is a duplicate or a conflict."""
    lookup_keys = [
        submission.key
        for submission, outcome in zip(submissions, outcomes, strict=True)
        if outcome.status in ("duplicate", "conflict")
        or isinstance(outcome.problem, InvalidError)
        or (outcome.status == "recorded" and submission.key not in outcomes_by_key)
    ]
    recorded_events: Mapping[EventKey, StoredEvent] = {}
    if lookup_keys:
        async with service.database.read_transaction() as connection:
            recorded_events = await event_queries.load_events_by_key(
                connection, organization, sorted(set(lookup_keys))
            )
    return [
        _build_result(
            service.vault, submission, outcome, recorded_events.get(submission.key), outcomes_by_key
        )
        for submission, outcome in zip(submissions, outcomes, strict=True)
    ]


def _build_result(
    vault: Vault,
    submission: EventSubmission,
    outcome: SubmissionResult,
    stored_event: StoredEvent | None,
    outcomes_by_key: Mapping[EventKey, SubmissionResult],
) -> SubmissionResult:
    if outcome.status == "recorded" and submission.key in outcomes_by_key:
        return outcomes_by_key[submission.key]
    if stored_event is not None:
        is_same = is_same_event(vault, stored_event, submission.event)
        if is_same and isinstance(outcome.problem, InvalidError):
            # A recorded event stays valid, for example after its team was archived.
            return SubmissionResult("duplicate", stored_event.uid)
        if outcome.status in ("recorded", "duplicate", "conflict"):
            if is_same:
                return SubmissionResult("duplicate", stored_event.uid)
            is_retracted = stored_event.retracted_at is not None
            error = conflict_error(submission.event, is_retracted=is_retracted)
            return SubmissionResult("conflict", stored_event.uid, error)
    if outcome.status in ("duplicate", "conflict"):
        # A repetition of an event that this batch rejected is rejected with the same error.
        return outcomes_by_key.get(submission.key, outcome)
    return outcome


async def get_recorded_event(
    service: ServiceContext, organization: UUID, outcome: SubmissionResult
) -> StoredEvent:
    """Return the recorded event of an outcome, without a query if it was recorded just now.

    Raises: NotFoundError when it does not exist.
    """
    if outcome.newly_recorded is not None:
        return _to_stored_event(*outcome.newly_recorded)
    async with service.database.read_transaction() as connection:
        stored_event = (
            None
            if outcome.uid is None
            else await event_queries.find_event(connection, organization, outcome.uid)
        )
    if stored_event is None:
        raise NotFoundError("There is no such event.")
    return stored_event


def _to_stored_event(matched: MatchedEvent, recorded_at: datetime) -> StoredEvent:
    """Return the event as a query would return it."""
    metrics = tuple(match.metric for match in matched.matches)
    return StoredEvent(
        matched.event, matched.uid, recorded_at, metrics, None, None, matched.fingerprint
    )


async def retract_event(
    service: ServiceContext, actor: Actor, uid: UUID, reason: str
) -> tuple[StoredEvent, bool]:
    """Retract an event. Return it, and False if it had been retracted already.

    Raises: NotFoundError, ForbiddenError, SourceIsConnectedError.
    """
    actor.require_scope("events:write")
    now = service.clock()
    async with service.database.write_transaction() as connection:
        # This locks the organization first, so that neither metrics nor event can change meanwhile.
        zone = await organization_version.time_zone(connection, actor.organization)
        position = await organization_version.advance_version(
            connection, actor.organization, now, zone, changes_configuration=False
        )
        stored_event = await _load_retractable(connection, actor, uid)
        if stored_event.retracted_at is not None:
            await connection.rollback()  # nothing changes, so the version must not change
            return stored_event, False
        compiled = await load_compiled_configuration(
            connection, actor.organization, service.compiled_configuration_cache
        )
        batch = RetractionBatch(
            actor.organization, {uid: reason}, actor.name, position, compiled.matcher, zone
        )
        await retraction.retract_events(connection, batch)
        retracted_event = await event_queries.find_event(connection, actor.organization, uid)
    if retracted_event is None:
        raise NotFoundError("There is no such event.")
    return retracted_event, True


async def _load_retractable(connection: Connection, actor: Actor, uid: UUID) -> StoredEvent:
    stored_event = await event_queries.find_event(connection, actor.organization, uid)
    if stored_event is None:
        raise NotFoundError("There is no such event.")
    if actor.team is not None and stored_event.event.team != actor.team:
        raise ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and stored_event.event.source != actor.source:
        raise ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    source = await configuration_store.find_resource(
        connection, actor.organization, "source", stored_event.event.source
    )
    if (
        source is not None
        and isinstance(source.resource, Source)
        and source.resource.connector in CRM_CONNECTORS
    ):
        raise SourceIsConnectedError(
            f"The events of '{stored_event.event.source}' follow its hook; correct it there."
        )
    return stored_event
