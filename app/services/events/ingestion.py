"""Recording events and retracting them: what is acknowledged is committed, with its roll-ups."""

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
from app.services.events.batch_pipeline import record_pipelined
from app.services.events.validation import conflict_error, is_same_event, validate_batch
from app.services.runtime.context import ServiceContext
from app.services.runtime.matcher_cache import CompiledConfiguration, load_compiled_configuration
from app.services.runtime.submissions import EventKey, EventSubmission, SubmissionResult
from app.store.access import organization_version as cursor
from app.store.events import event_queries as events
from app.store.events import ingest
from app.store.events import metric_restatement as restatements
from app.store.events import retraction as retract
from app.store.events import rollup_overflow as room
from app.store.events.event_queries import StoredEvent
from app.store.playbook import configuration as store
from app.store.sql.database import Connection

MAX_ATTEMPTS: Final = 5


async def ingest_events(
    service: ServiceContext,
    actor: Actor,
    submitted_events: Iterable[Event],
    connectors: Collection[str] = ("api",),
) -> list[SubmissionResult]:
    """Records what is valid and new; answers for each event in the given order.

    A sequence of a single event is recorded together with others that came at the same time.
    Shape: `connectors` are those whose sources take such events.

    Raises: ForbiddenError, UnavailableError.
    """
    actor.require_scope("events:write")
    if isinstance(submitted_events, Sequence) and len(submitted_events) == 1:
        submission = EventSubmission(actor, submitted_events[0], connectors)
        return [
            await service.event_coalescer.submit(
                actor.organization,
                submission,
                partial(_ingest_with_retry, service, actor.organization),
            )
        ]
    submissions = (EventSubmission(actor, event, connectors) for event in submitted_events)
    compiled = service.compiled_configuration_cache.latest(
        actor.organization
    ) or await _load_compiled(service, actor.organization)
    pipelined = await record_pipelined(service, actor.organization, compiled, submissions)
    if pipelined.is_complete:
        return await _build_results(
            service,
            actor.organization,
            pipelined.submissions,
            pipelined.outcomes,
            pipelined.outcomes_by_key,
        )
    return await _ingest_with_retry(service, actor.organization, pipelined.submissions)


async def _ingest_with_retry(
    service: ServiceContext, organization: UUID, submissions: Sequence[EventSubmission]
) -> list[SubmissionResult]:
    outcomes_by_key: dict[EventKey, SubmissionResult] = {}
    compiled = service.compiled_configuration_cache.latest(organization)
    for _ in range(MAX_ATTEMPTS):
        now = service.clock()
        is_reloaded = compiled is None
        compiled = compiled or await _load_compiled(service, organization)
        outcomes = validate_batch(compiled.configuration, submissions, now)
        if not is_reloaded and any(outcome.status == "invalid" for outcome in outcomes):
            # It may be a newer configuration that knows what this one does not.
            previous, compiled = compiled, await _load_compiled(service, organization)
            if compiled.version != previous.version:
                outcomes = validate_batch(compiled.configuration, submissions, now)
        new_events = [
            submission.event
            for submission, outcome in zip(submissions, outcomes, strict=True)
            if outcome.status == "recorded" and submission.key not in outcomes_by_key
        ]
        matched_events = ingest.match_events(new_events, compiled.matcher, now, compiled.time_zone)
        if await _write_batch(service, organization, compiled, matched_events, outcomes_by_key):
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


async def _write_batch(
    service: ServiceContext,
    organization: UUID,
    compiled: CompiledConfiguration,
    matched_events: Sequence[MatchedEvent],
    outcomes_by_key: dict[EventKey, SubmissionResult],
) -> bool:
    """Whether the events were stored against that catalogue; `done` says what became of each, so far as anything did.

    Where a sum would overflow, the events that do not fit are found and refused, and the others are stored.
    """
    now = service.clock()
    day = epoch.to_day_number(to_local_day(now, compiled.time_zone))
    while matched_events:
        try:
            async with service.database.write_transaction() as connection:
                recorded = await ingest.record_events(
                    connection, organization, matched_events, now, day, compiled.version
                )
                if not recorded.uids:
                    await (
                        connection.rollback()
                    )  # nothing was new, so the organization's version stays
                elif compiled.is_restating:
                    await restatements.invalidate_days(
                        connection, organization, [matched.day for matched in matched_events]
                    )
        except BucketFullError as error:
            fitting_events = await _reject_overflowing(
                service, organization, matched_events, day, error, outcomes_by_key
            )
            if len(fitting_events) == len(matched_events):
                # Each fits and their sum does not: halves of it do, or in the end a single one does not.
                middle = len(fitting_events) // 2
                is_first_half_written = await _write_batch(
                    service, organization, compiled, fitting_events[:middle], outcomes_by_key
                )
                return is_first_half_written and await _write_batch(
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


async def _reject_overflowing(
    service: ServiceContext,
    organization: UUID,
    matched_events: Sequence[MatchedEvent],
    day: int,
    error: BucketFullError,
    outcomes_by_key: dict[EventKey, SubmissionResult],
) -> Sequence[MatchedEvent]:
    """Those that are new and fit; the ones that do not are refused in `done`, and `_settle` tells of the recorded."""
    async with service.database.read_transaction() as connection:
        recorded_events = await events.find_events_by_key(
            connection, organization, [_event_key(matched) for matched in matched_events]
        )
        new_events = [
            matched for matched in matched_events if _event_key(matched) not in recorded_events
        ]
        overflowing_uids = await room.find_overflowing_events(
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
    """The answers: what was not new is a duplicate or a conflict of what is recorded."""
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
            recorded_events = await events.find_events_by_key(
                connection, organization, sorted(set(lookup_keys))
            )
    final_outcomes = []
    for submission, outcome in zip(submissions, outcomes, strict=True):
        event_key, event = submission.key, submission.event
        if outcome.status == "recorded" and event_key in outcomes_by_key:
            final_outcomes.append(outcomes_by_key[event_key])
        elif (
            isinstance(outcome.problem, InvalidError)
            and event_key in recorded_events
            and is_same_event(service.vault, recorded_events[event_key], event)
        ):
            # Sent again after its team was archived, say: it stands, and sending it again changes nothing.
            final_outcomes.append(SubmissionResult("duplicate", recorded_events[event_key].uid))
        elif (
            outcome.status in ("recorded", "duplicate", "conflict") and event_key in recorded_events
        ):
            is_same = is_same_event(service.vault, recorded_events[event_key], event)
            error = conflict_error(
                event, is_retracted=recorded_events[event_key].retracted_at is not None
            )
            final_outcomes.append(
                SubmissionResult("duplicate", recorded_events[event_key].uid)
                if is_same
                else SubmissionResult("conflict", recorded_events[event_key].uid, error)
            )
        else:
            # The repetition in one batch of an event that could not be stored fails as that one did.
            final_outcomes.append(
                outcomes_by_key.get(event_key, outcome)
                if outcome.status in ("duplicate", "conflict")
                else outcome
            )
    return final_outcomes


async def get_recorded_event(
    service: ServiceContext, organization: UUID, outcome: SubmissionResult
) -> StoredEvent:
    """The recorded event that an item tells of: what was recorded just now is not read again.

    Raises: NotFoundError when it is not there.
    """
    if outcome.newly_recorded is not None:
        return _to_stored_event(*outcome.newly_recorded)
    async with service.database.read_transaction() as connection:
        stored_event = (
            None
            if outcome.uid is None
            else await events.find_event(connection, organization, outcome.uid)
        )
    if stored_event is None:
        raise NotFoundError("There is no such event.")
    return stored_event


def _to_stored_event(matched: MatchedEvent, recorded_at: datetime) -> StoredEvent:
    """The event as it reads once it was recorded at that instant."""
    metrics = tuple(match.metric for match in matched.matches)
    return StoredEvent(
        matched.event, matched.uid, recorded_at, metrics, None, None, matched.fingerprint
    )


async def retract_event(
    service: ServiceContext, actor: Actor, uid: UUID, reason: str
) -> tuple[StoredEvent, bool]:
    """The event does not stand any more; whether it did until now.

    Raises: NotFoundError, ForbiddenError, SourceIsConnectedError.
    """
    actor.require_scope("events:write")
    now = service.clock()
    async with service.database.write_transaction() as connection:
        # The cursor's row is locked first: neither the metrics nor the event can change under the retraction.
        zone = await cursor.time_zone(connection, actor.organization)
        position = await cursor.advance_version(
            connection, actor.organization, now, zone, changes_configuration=False
        )
        stored_event = await _load_retractable(connection, actor, uid)
        if stored_event.retracted_at is not None:
            await connection.rollback()  # nothing changes, so the organization's version stays
            return stored_event, False
        compiled = await load_compiled_configuration(
            connection, actor.organization, service.compiled_configuration_cache
        )
        await retract.retract_events(
            connection,
            actor.organization,
            {uid: reason},
            position,
            actor.name,
            compiled.matcher,
            zone,
        )
        retracted_event = await events.find_event(connection, actor.organization, uid)
    if retracted_event is None:
        raise NotFoundError("There is no such event.")
    return retracted_event, True


async def _load_retractable(connection: Connection, actor: Actor, uid: UUID) -> StoredEvent:
    stored_event = await events.find_event(connection, actor.organization, uid)
    if stored_event is None:
        raise NotFoundError("There is no such event.")
    if actor.team is not None and stored_event.event.team != actor.team:
        raise ForbiddenError(f"This key is bound to the team '{actor.team}'.")
    if actor.source is not None and stored_event.event.source != actor.source:
        raise ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    source = await store.find_resource(
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
