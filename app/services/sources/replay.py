"""The replay of stored deliveries under the mapping that a source has now."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.domain.access.actor import Actor, require_configuration
from app.domain.primitives.errors import ConflictError, NotFoundError
from app.domain.sources.crm.changes import Change
from app.domain.sources.sources import Source
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_changes import (
    DeliveryChanges,
    drop_erased_changes,
    store_changes,
)
from app.services.sources.delivery_outcome import DeliveryOutcome, note_outcome
from app.services.sources.delivery_parsing import EventReader, ParsedDelivery, parse_delivery
from app.services.sources.event_writer import record_delivered_events
from app.services.sources.message_ids import reject_conflicting_ids, remember_ids
from app.services.sources.reconciliation import reconcile
from app.services.sources.source_transaction import SourceTransaction, begin_source_transaction
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sources import changes, deliveries
from app.store.sources import sources as sources_store
from app.store.sources.deliveries import StoredDelivery

MAX_REPLAYED: Final = 2_000


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The result of a replay."""

    # How many deliveries were parsed again, by their new state.
    state_counts: Mapping[str, int]
    # How many deliveries have no body any more. Their changes stay as they were parsed.
    without_body_count: int
    recorded_count: int
    retracted_count: int
    # Where to continue: when the first delivery that was left out was received. None when all were
    # replayed.
    continue_from: datetime | None


@dataclass(frozen=True, slots=True)
class _ChangeRevision:
    """The stored changes of a source after its deliveries were parsed again."""

    # The transaction to continue with: it has the new generation if there is one.
    transaction: SourceTransaction
    is_new_generation: bool
    # The records whose events are reconciled.
    affected_entities: Collection[str]
    # How many changes each delivery was the first to report, by its uid.
    new_change_counts: Mapping[UUID, int]


async def replay_delivery(
    service: ServiceContext, actor: Actor, key: str, uid: UUID, read_event: EventReader
) -> StoredDelivery:
    """Replay one delivery. Raises: NotFoundError; ConflictError when its body was deleted."""
    require_configuration(actor, "admin")
    async with service.database.write_transaction() as connection:
        transaction, now = await begin_source_transaction(
            service, connection, actor, key, f"replay of delivery {uid}"
        )
        stored_delivery = await deliveries.find_delivery(connection, actor.organization, key, uid)
        if stored_delivery is None:
            raise NotFoundError("There is no such delivery.")
        if stored_delivery.body is None:
            raise ConflictError(
                "The body of this delivery is kept no longer: it cannot be read again."
            )
        replayed = await _reprocess(transaction, [stored_delivery], read_event, now)
        await _journal_replay(transaction, actor, replayed, {"delivery": str(uid)})
        return (
            await deliveries.find_delivery(connection, actor.organization, key, uid)
            or stored_delivery
        )


async def replay_deliveries(
    service: ServiceContext,
    actor: Actor,
    key: str,
    since: datetime | date | None,
    read_event: EventReader,
    *,
    dry_run: bool = False,
) -> ReplayResult:
    """Replay all deliveries since an instant or a day, or the failed ones (None).

    At most 2,000 are replayed, the oldest first. Events that change are retracted and recorded
    again; no event is recorded twice. With `dry_run` nothing is stored.
    Raises: NotFoundError, ConflictError.
    """
    require_configuration(actor, "admin")
    async with service.database.write_transaction() as connection:
        transaction, now = await begin_source_transaction(service, connection, actor, key, "replay")
        if since is not None and not isinstance(since, datetime):
            since = datetime.combine(since, time.min, ZoneInfo(transaction.compiled.time_zone))
        replayable = await deliveries.list_replayable_deliveries(
            connection, actor.organization, key, since, MAX_REPLAYED + 1
        )
        replayed = await _reprocess(transaction, replayable[:MAX_REPLAYED], read_event, now)
        next_received_at = (
            replayable[MAX_REPLAYED].received_at if len(replayable) > MAX_REPLAYED else None
        )
        if dry_run:
            await connection.rollback()
        elif replayable:
            since_text = None if since is None else since.isoformat()
            await _journal_replay(transaction, actor, replayed, {"since": since_text})
    return replace(replayed, continue_from=next_received_at)


async def _journal_replay(
    transaction: SourceTransaction,
    actor: Actor,
    replayed: ReplayResult,
    selection: Mapping[str, object],
) -> None:
    journaled_content = {
        **selection,
        **replayed.state_counts,
        "recorded": replayed.recorded_count,
        "retracted": replayed.retracted_count,
    }
    action = RecordedAction(
        actor.name, "source", transaction.source.key, "replay", None, journaled_content
    )
    await journal.add_action(
        transaction.connection, transaction.organization, transaction.position, action
    )


async def _reprocess(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    read_event: EventReader,
    now: datetime,
) -> ReplayResult:
    """Parse deliveries again, and replace what they reported before."""
    readable_deliveries = [stored for stored in stored_deliveries if stored.body is not None]
    bodiless_uids = {stored.uid for stored in stored_deliveries if stored.body is None}
    parsed_deliveries = await _parse_again(transaction, readable_deliveries, read_event, now)
    revision = await _revise_changes(
        transaction, readable_deliveries, parsed_deliveries, bodiless_uids
    )
    transaction = revision.transaction
    replayed_changes = DeliveryChanges(revision.affected_entities, transaction.reason)
    ((recorded_count, retracted_count),) = await reconcile(transaction, [replayed_changes], now)
    state_counts: Counter[str] = Counter()
    for stored, parsed in zip(readable_deliveries, parsed_deliveries, strict=True):
        # A delivery that recorded no event supersedes none: another delivery recorded the events
        # with its ids.
        received_at = stored.received_at if stored.recorded else None
        outcome = await record_delivered_events(transaction, parsed, now, received_at)
        recorded_count += outcome.recorded_count
        retracted_count += outcome.retracted_count
        state_counts[outcome.state] += 1
        updated = _note_replay(stored, parsed, outcome, revision)
        await deliveries.update_outcome(transaction.connection, transaction.organization, updated)
        await remember_ids(transaction, [updated])
    return ReplayResult(state_counts, len(bodiless_uids), recorded_count, retracted_count, None)


def _note_replay(
    stored: StoredDelivery,
    parsed: ParsedDelivery,
    event_outcome: DeliveryOutcome,
    revision: _ChangeRevision,
) -> StoredDelivery:
    """Return the delivery with its new outcome.

    Events of records count for no single delivery, because a record's changes come from several.
    """
    previous_change_count = 0 if revision.is_new_generation else stored.changes
    outcome = DeliveryOutcome(
        event_outcome.state,
        previous_change_count + revision.new_change_counts[stored.uid],
        stored.recorded + event_outcome.recorded_count,
        stored.retracted + event_outcome.retracted_count,
        event_outcome.problems,
    )
    return note_outcome(stored, outcome, parsed.unreadable_reason)


async def _revise_changes(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    parsed_deliveries: Sequence[ParsedDelivery],
    bodiless_uids: Collection[UUID],
) -> _ChangeRevision:
    """Store the changes that deliveries report now.

    Begin a new generation of the source's changes when any change of before is different or
    missing. It copies the changes of all other deliveries.
    """
    uids = {stored.uid for stored in stored_deliveries}
    previous_generation = transaction.source_generation
    bodiless_changes = await changes.changes_first_seen_in(
        transaction.connection, previous_generation, bodiless_uids
    )
    previous_changes = await changes.changes_first_seen_in(
        transaction.connection, previous_generation, uids
    )
    current_changes: dict[str, Change] = {}
    for parsed in parsed_deliveries:
        for change in parsed.changes:
            current_changes.setdefault(change.key, change)
    is_new_generation = any(
        current_changes.get(change.key) != change for change in previous_changes
    )
    if is_new_generation:
        transaction = replace(transaction, generation=transaction.generation + 1)
    delivery_changes = await store_changes(transaction, stored_deliveries, parsed_deliveries)
    if is_new_generation:
        await changes.copy_to_next_generation(transaction.connection, previous_generation, uids)
        await sources_store.begin_generation(
            transaction.connection,
            transaction.organization,
            transaction.source.key,
            transaction.generation,
        )
    all_changes = (*bodiless_changes, *previous_changes, *current_changes.values())
    return _ChangeRevision(
        transaction,
        is_new_generation,
        {change.entity for change in all_changes},
        {
            stored.uid: len(reported.new_keys)
            for stored, reported in zip(stored_deliveries, delivery_changes, strict=True)
        },
    )


async def _parse_again(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    read_event: EventReader,
    now: datetime,
) -> list[ParsedDelivery]:
    """Parse deliveries under the account that fits each best, without changes of erased records."""
    accounts = await journal.load_account_history(
        transaction.connection, transaction.organization, transaction.source.key
    )
    parsed_deliveries = []
    for stored in stored_deliveries:
        attempts = [
            parse_delivery(
                replace(transaction.source, account=account),
                transaction.mapping,
                stored,
                "POST",
                read_event,
                now,
            )
            for account in _candidate_accounts(transaction.source, stored, accounts)
        ]
        parsed_deliveries.append(min(attempts, key=_problem_rank))
    parsed_deliveries = await reject_conflicting_ids(
        transaction, stored_deliveries, parsed_deliveries
    )
    return await drop_erased_changes(transaction, parsed_deliveries)


def _problem_rank(parsed: ParsedDelivery) -> tuple[bool, int]:
    return parsed.unreadable_reason is not None, len(parsed.problems)


def _candidate_accounts(
    source: Source, stored: StoredDelivery, accounts: Sequence[tuple[datetime, str | None]]
) -> Sequence[str | None]:
    """Return the accounts under which to parse a delivery, each once.

    An accepted delivery was checked against the account of its time, so every account that the
    source has had since then is allowed. A failed one is checked against the current account only.
    """
    if stored.state == "failed":
        return [source.account]
    earlier_accounts = [
        account for changed_at, account in accounts if changed_at <= stored.received_at
    ]
    later_accounts = [
        account for changed_at, account in accounts if changed_at > stored.received_at
    ]
    return list(dict.fromkeys([*earlier_accounts[-1:], *later_accounts, source.account]))
