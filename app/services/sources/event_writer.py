"""Events of a delivery: those that it holds are compared with what stands, recorded and retracted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.events.events import MAX_FUTURE_HOURS, Event, fingerprint
from app.domain.playbook.configuration import Configuration
from app.domain.primitives import epoch
from app.domain.primitives.errors import ConflictError, Fault, InvalidError, unknown_key_message
from app.domain.sources.sources import Source
from app.security.vault import Vault
from app.services.events.validation import is_same_event
from app.services.runtime.matcher_cache import CompiledConfiguration
from app.store.access.organization_version import WritePosition
from app.store.events import event_revisions as versions
from app.store.events import ingest
from app.store.events import metric_restatement as restatements
from app.store.events import retraction as retract
from app.store.events.event_revisions import EventRevisions
from app.store.sources.changes import SourceGeneration
from app.store.sql.database import Connection


@dataclass(frozen=True, slots=True)
class SourceTransaction:
    """The transaction in which deliveries of a source are worked on; the cursor's row is locked."""

    connection: Connection
    organization: UUID
    source: Source
    compiled: CompiledConfiguration
    position: WritePosition
    vault: Vault
    generation: int = 1
    reason: str = ""

    @property
    def source_generation(self) -> SourceGeneration:
        """The source's changes that are in force."""
        return SourceGeneration(self.organization, self.source.key, self.generation)


async def retract_events(transaction: SourceTransaction, reasons: Mapping[UUID, str]) -> None:
    """These events do not stand any more."""
    scope, compiled = (transaction.connection, transaction.organization), transaction.compiled
    actor = f"source {transaction.source.key}"
    await retract.retract_events(
        *scope, reasons, transaction.position, actor, compiled.matcher, compiled.time_zone
    )


async def record_new_events(
    transaction: SourceTransaction, new_events: Sequence[Event], now: datetime
) -> tuple[Mapping[str, UUID], int]:
    """The events are recorded; returns the uids of those that are new, by id, and the version they came with."""
    if not new_events:
        return {}, transaction.position.seq
    matched_events = ingest.match_events(
        new_events, transaction.compiled.matcher, now, transaction.compiled.time_zone
    )
    day = epoch.to_day_number(transaction.position.day)
    recorded = await ingest.record_events(
        transaction.connection,
        transaction.organization,
        matched_events,
        now,
        day,
        transaction.compiled.version,
    )
    if transaction.compiled.is_restating:
        await restatements.invalidate_days(
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
    """The event as it can be recorded: one for an archived team goes to the default team. Raises: InvalidError."""
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
    """The places of events that are recorded as they are told, or as they were rerouted to the default team then.

    Such a one changes nothing, whatever has been archived since. And whether any of all these events was erased.
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
    return await versions.latest_revisions(
        transaction.connection, transaction.organization, transaction.source.key, event_ids
    )


async def supersede_events(
    transaction: SourceTransaction,
    indexed_events: Sequence[tuple[int, Event]],
    received_at: datetime,
    now: datetime,
) -> tuple[frozenset[int], int]:
    """Own events that a delivery was the first to tell, and tells otherwise now, are retracted and recorded anew.

    Those stay as they are that were recorded before `since`, when it came: another delivery told them; and those that
    were retracted by hand. Returns the places of those that were corrected, and how many events that are.
    """
    revisions_by_id = await _load_revisions(transaction, indexed_events)
    superseded_indexes: set[int] = set()
    replacements: dict[str, Event] = {}
    retraction_reasons: dict[UUID, str] = {}
    for index, event in indexed_events:
        revisions = revisions_by_id.get(event.id)
        if (
            revisions is None
            or revisions.latest.retracted_at is not None
            or revisions.first.recorded_at < received_at
        ):
            continue
        if revisions.latest.event.erased is not None:
            continue
        revision_id = revisions.next_id
        if len(revision_id) > versions.MAX_ID_LENGTH or (
            revision_id in replacements
            and fingerprint(replacements[revision_id]) != fingerprint(event)
        ):
            continue
        superseded_indexes.add(index)
        replacements.setdefault(revision_id, event._replace(id=revision_id))
        retraction_reasons[revisions.latest.uid] = transaction.reason
    await retract_events(transaction, retraction_reasons)
    await record_new_events(transaction, list(replacements.values()), now)
    return frozenset(superseded_indexes), len(replacements)


async def record_delivered_events(
    transaction: SourceTransaction, indexed_events: Sequence[tuple[int, Event]], now: datetime
) -> tuple[int, list[Mapping[str, object]]]:
    """Records our own events out of a delivery; how many were new, and the problems of those that conflict.

    Shape: each event with its place in the delivery.
    """
    delivered_events = [event for _, event in indexed_events]
    if not delivered_events:
        return 0, []
    first_by_id: dict[str, Event] = {}
    for event in delivered_events:
        first_by_id.setdefault(event.id, event)
    new_uids, _ = await record_new_events(transaction, list(first_by_id.values()), now)
    revisions_by_id = await _load_revisions(transaction, indexed_events)
    problems: list[Mapping[str, object]] = []
    for index, event in indexed_events:
        if not is_same_event(transaction.vault, revisions_by_id[event.id].latest, event):
            error = ConflictError(
                f"The event '{event.id}' was recorded with other content, which stands."
            )
            problems.append({"index": index, "problem": error.detail})
    return len(new_uids), problems
