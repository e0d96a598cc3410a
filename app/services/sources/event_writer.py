"""The events of a source: recorded, compared with the recorded ones, superseded and retracted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.events.events import MAX_FUTURE_HOURS, Event, fingerprint
from app.domain.playbook.configuration import Configuration
from app.domain.primitives import epoch
from app.domain.primitives.errors import (
    ConflictError,
    Fault,
    InvalidError,
    SightlineError,
    unknown_key_message,
)
from app.domain.sources.sources import Source
from app.services.events.matching import match_events
from app.services.events.validation import is_same_event
from app.services.sources.delivery_outcome import DeliveryOutcome
from app.services.sources.delivery_parsing import IndexedEvents, ParsedDelivery, Problems
from app.services.sources.source_transaction import SourceTransaction
from app.store.events import event_revisions, ingest, retraction
from app.store.events import metric_restatement as metric_restatement_store
from app.store.events.event_revisions import EventRevisions
from app.store.events.ingest_batch import IngestBatch
from app.store.events.retraction import RetractionBatch


async def retract_events(transaction: SourceTransaction, reasons: Mapping[UUID, str]) -> None:
    """Retract events. `reasons` has the reason of each by its uid."""
    batch = RetractionBatch(
        transaction.organization,
        reasons,
        f"source {transaction.source.key}",
        transaction.position,
        transaction.compiled.matcher,
        transaction.compiled.time_zone,
    )
    await retraction.retract_events(transaction.connection, batch)


async def record_new_events(
    transaction: SourceTransaction, new_events: Sequence[Event], now: datetime
) -> tuple[Mapping[str, UUID], int]:
    """Record events, skipping ids that are recorded already.

    Return the uids of the new events by id, and the version of the organization that has them.
    """
    if not new_events:
        return {}, transaction.position.seq
    matched_events = match_events(
        new_events, transaction.compiled.matcher, now, transaction.compiled.time_zone
    )
    day = epoch.to_day_number(transaction.position.day)
    batch = IngestBatch(
        transaction.organization, matched_events, now, day, transaction.compiled.version
    )
    recorded = await ingest.record_events(transaction.connection, batch)
    if transaction.compiled.is_restating:
        await metric_restatement_store.invalidate_days(
            transaction.connection,
            transaction.organization,
            [matched.day for matched in matched_events],
        )
    new_uids = {
        matched.event.id: matched.uid for matched in matched_events if matched.uid in recorded.uids
    }
    return new_uids, transaction.position.seq if recorded.seq is None else recorded.seq


def normalize_event(
    configuration: Configuration, source: Source, event: Event, now: datetime
) -> Event:
    """Return the event as it can be recorded: the source's team replaces an archived one.

    Raises: InvalidError.
    """
    if event.source != source.key:
        raise InvalidError(f"The event '{event.id}' names another source, '{event.source}'.")
    if event.time > now + timedelta(hours=MAX_FUTURE_HOURS):
        raise InvalidError(
            f"The event '{event.id}' lies more than {MAX_FUTURE_HOURS} hours ahead.",
            [Fault("/time", "Lies too far ahead.")],
        )
    if event.objective is not None and event.objective not in configuration.objectives:
        raise InvalidError(
            unknown_key_message("objective", event.objective, configuration.objectives)
        )
    if event.team in configuration.teams:
        return event
    if source.team is None or event.team not in configuration.archived.get("team", {}):
        raise InvalidError(unknown_key_message("team", event.team, configuration.teams))
    return event._replace(team=source.team)


async def find_already_recorded(
    transaction: SourceTransaction, indexed_events: Sequence[tuple[int, Event]]
) -> tuple[frozenset[int], bool]:
    """Find events that are recorded with this content, as sent or rerouted to the default team.

    They count as recorded even when a team has been archived since. Return the indexes of their
    elements, and whether any of all the events was erased.
    """
    revisions_by_id = await _load_revisions(transaction, indexed_events)
    recorded_indexes = set()
    for index, event in indexed_events:
        revisions = (
            revisions_by_id.get(event.id) if event.source == transaction.source.key else None
        )
        rerouted = (
            event
            if transaction.source.team is None
            else event._replace(team=transaction.source.team)
        )
        if revisions is not None and any(
            is_same_event(transaction.vault, revisions.latest, candidate)
            for candidate in (event, rerouted)
        ):
            recorded_indexes.add(index)
    return frozenset(recorded_indexes), any(
        candidate.latest.event.erased is not None for candidate in revisions_by_id.values()
    )


async def _load_revisions(
    transaction: SourceTransaction, indexed_events: Sequence[tuple[int, Event]]
) -> Mapping[str, EventRevisions]:
    event_ids = {event.id for _, event in indexed_events}
    return await event_revisions.load_latest_revisions(
        transaction.connection, transaction.organization, transaction.source.key, event_ids
    )


async def record_delivered_events(
    transaction: SourceTransaction,
    parsed: ParsedDelivery,
    now: datetime,
    received_at: datetime | None = None,
) -> DeliveryOutcome:
    """Record the events that a delivery holds. Its changes are not counted in the outcome.

    Only a replay sets `received_at`, the time at which the delivery was received. Events first
    recorded at or after it are superseded if their content differs. With None, recorded events
    never change.
    """
    if parsed.unreadable_reason is not None:
        return DeliveryOutcome("failed", 0, 0, 0, ())
    recorded_indexes, mentions_erased = await find_already_recorded(transaction, parsed.events)
    normalized_events, invalid_problems = _normalize_events(
        transaction.compiled.configuration,
        transaction.source,
        [(index, event) for index, event in parsed.events if index not in recorded_indexes],
        now,
    )
    superseded_indexes: frozenset[int] = frozenset()
    superseded_count = 0
    if received_at is not None:
        superseded_indexes, superseded_count = await supersede_events(
            transaction, normalized_events, received_at, now
        )
    new_count, conflict_problems = await _record_remaining_events(
        transaction,
        [(index, event) for index, event in normalized_events if index not in superseded_indexes],
        now,
    )
    problems = [*parsed.problems, *invalid_problems, *conflict_problems]
    understood_count = (
        len(parsed.changes)
        + len(recorded_indexes)
        + len(normalized_events)
        - len(conflict_problems)
    )
    return DeliveryOutcome(
        _choose_state(understood_count, len(problems)),
        0,
        new_count + superseded_count,
        superseded_count,
        problems,
        len(conflict_problems),
        mentions_erased,
    )


def _choose_state(understood_count: int, problem_count: int) -> str:
    if understood_count:
        return "processed"
    return "failed" if problem_count else "ignored"


def _normalize_events(
    configuration: Configuration,
    source: Source,
    indexed_events: Sequence[tuple[int, Event]],
    now: datetime,
) -> tuple[IndexedEvents, Problems]:
    """Normalize each event. Return the valid ones, and the problems of the others."""
    normalized_events: IndexedEvents = []
    problems: Problems = []
    for index, event in indexed_events:
        try:
            normalized_events.append((index, normalize_event(configuration, source, event, now)))
        except SightlineError as error:
            problems.append({"index": index, "problem": error.detail})
    return normalized_events, problems


async def supersede_events(
    transaction: SourceTransaction,
    indexed_events: Sequence[tuple[int, Event]],
    received_at: datetime,
    now: datetime,
) -> tuple[frozenset[int], int]:
    """Retract recorded events whose content differs now, and record their next revisions.

    Events recorded before `received_at` came with another delivery and stay. Events that were
    retracted by hand or erased stay too. Return the indexes of the superseded events' elements,
    and the number of new revisions.
    """
    revisions_by_id = await _load_revisions(transaction, indexed_events)
    superseded_indexes: set[int] = set()
    replacements: dict[str, Event] = {}
    retraction_reasons: dict[UUID, str] = {}
    for index, event in indexed_events:
        revisions = revisions_by_id.get(event.id)
        if revisions is None or not _can_supersede(revisions, received_at):
            continue
        revision_id = revisions.next_id
        replacement = replacements.get(revision_id)
        is_id_too_long = len(revision_id) > event_revisions.MAX_ID_LENGTH
        if is_id_too_long or (
            replacement is not None and fingerprint(replacement) != fingerprint(event)
        ):
            continue
        superseded_indexes.add(index)
        replacements.setdefault(revision_id, event._replace(id=revision_id))
        retraction_reasons[revisions.latest.uid] = transaction.reason
    await retract_events(transaction, retraction_reasons)
    await record_new_events(transaction, list(replacements.values()), now)
    return frozenset(superseded_indexes), len(replacements)


def _can_supersede(revisions: EventRevisions, received_at: datetime) -> bool:
    return (
        revisions.latest.retracted_at is None
        and revisions.first.recorded_at >= received_at
        and revisions.latest.event.erased is None
    )


async def _record_remaining_events(
    transaction: SourceTransaction, indexed_events: Sequence[tuple[int, Event]], now: datetime
) -> tuple[int, Problems]:
    """Record events, the first of each id. Return how many are new, and the conflicts."""
    if not indexed_events:
        return 0, []
    first_by_id: dict[str, Event] = {}
    for _, event in indexed_events:
        first_by_id.setdefault(event.id, event)
    new_uids, _ = await record_new_events(transaction, list(first_by_id.values()), now)
    revisions_by_id = await _load_revisions(transaction, indexed_events)
    problems: Problems = []
    for index, event in indexed_events:
        if not is_same_event(transaction.vault, revisions_by_id[event.id].latest, event):
            error = ConflictError(
                f"The event '{event.id}' was recorded with other content, which stands."
            )
            problems.append({"index": index, "problem": error.detail})
    return len(new_uids), problems
