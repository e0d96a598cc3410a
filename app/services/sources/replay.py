"""Deliveries read again under the mapping that a source has now, deals imported, and samples tried out."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor, require_configuration
from app.domain.events.events import Event
from app.domain.playbook.configuration import missing_message
from app.domain.primitives.errors import ConflictError, InvalidError, MalformedError, NotFoundError
from app.domain.sources.crm.changes import Change
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.services.runtime.context import ServiceContext
from app.services.runtime.matcher_cache import load_compiled_configuration
from app.services.sources import message_ids as messages
from app.services.sources.delivery_processing import (
    DeliveryOutcome,
    EventReader,
    ParsedDelivery,
    drop_erased_changes,
    new_delivery_record,
    parse_delivery,
    parse_source_mapping,
    process_deliveries,
    record_events,
    with_outcome,
)
from app.services.sources.event_writer import SourceTransaction
from app.services.sources.reconciliation import DeliveryChanges, reconcile
from app.services.sources.record_graph import DEAL_PREFIX, project_events, record_set_from
from app.store.access import organization_version as cursor
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import RecordedAction
from app.store.sources import changes, deliveries, sources
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection

MAX_REPLAYED: Final = 2_000
MAX_IMPORTED_RECORDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What came of a replay.

    Shape: `states` counts the deliveries that were read again by their new state; `without_body` those that are kept
    without their body: their changes stand as they were read.
    None when all were read: `continue_from`; else the time of the first that was not.
    """

    state_counts: Mapping[str, int]
    without_body_count: int
    recorded_count: int
    retracted_count: int
    continue_from: datetime | None


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of imported records, and what they alone, whatever else the source knows, leave unsaid.

    Shape: `reads` are the properties that the mapping reads of a record; `unmapped` are property and value with the ids
    of the records that have it, the most frequent first; `without_amount` the ids of won deals whose amount no record
    says.
    """

    stored_delivery: StoredDelivery
    mapped_properties: Sequence[str]
    unmapped_values: Sequence[tuple[tuple[str, str], Sequence[str]]]
    deals_without_amount: Sequence[str]


@dataclass(frozen=True, slots=True)
class MappingPreview:
    """What a sample would make. Shape: `events` by our own events and by those of deals; `unmapped` as in a fold."""

    parsed: ParsedDelivery
    deal_events: Sequence[DesiredEvent]
    own_events: Sequence[Event]
    unmapped_values: Sequence[tuple[str, str]]


async def replay_delivery(
    service: ServiceContext, actor: Actor, key: str, uid: UUID, read_event: EventReader
) -> StoredDelivery:
    """One delivery is read again. Raises: NotFoundError, ConflictError when its body is kept no longer."""
    require_configuration(actor, "admin")
    async with service.database.write_transaction() as connection:
        transaction, now = await _begin_transaction(
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


async def replay_deliveries(  # a replay is all of these
    service: ServiceContext,
    actor: Actor,
    key: str,
    since: datetime | date | None,
    read_event: EventReader,
    *,
    dry_run: bool = False,
) -> ReplayResult:
    """The failed deliveries (None), or all since an instant or a day, are read again: at most 2,000, oldest first.

    Events that change are retracted and recorded anew; none doubles. With `dry_run` it is only told what would come of
    it. Raises: NotFoundError, ConflictError.
    """
    require_configuration(actor, "admin")
    async with service.database.write_transaction() as connection:
        transaction, now = await _begin_transaction(service, connection, actor, key, "replay")
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
            await _journal_replay(
                transaction,
                actor,
                replayed,
                {"since": None if since is None else since.isoformat()},
            )
    return dataclasses.replace(replayed, continue_from=next_received_at)


async def _journal_replay(
    transaction: SourceTransaction,
    actor: Actor,
    replayed: ReplayResult,
    selection: Mapping[str, object],
) -> None:
    """The replay is in the journal."""
    journaled_content = {
        **selection,
        **replayed.state_counts,
        "recorded": replayed.recorded_count,
        "retracted": replayed.retracted_count,
    }
    act = RecordedAction(
        actor.name, "source", transaction.source.key, "replay", None, journaled_content
    )
    await journal.add_action(
        transaction.connection, transaction.organization, transaction.position, act
    )


async def _begin_transaction(
    service: ServiceContext, connection: Connection, actor: Actor, key: str, reason: str
) -> tuple[SourceTransaction, datetime]:
    """The work on a source under its lock. Raises: NotFoundError, ConflictError for one that takes no deliveries."""
    now = service.clock()
    zone = await cursor.time_zone(connection, actor.organization)
    position = await cursor.advance_version(
        connection, actor.organization, now, zone, changes_configuration=False
    )
    source = await _load_source(connection, actor, key)
    compiled = await load_compiled_configuration(
        connection, actor.organization, service.compiled_configuration_cache
    )
    generation = await sources.load_generation(connection, actor.organization, key)
    return SourceTransaction(
        connection,
        actor.organization,
        source,
        compiled,
        position,
        service.vault,
        generation,
        reason,
    ), now


async def _load_source(connection: Connection, actor: Actor, key: str) -> Source:
    stored_source = await store.find_resource(connection, actor.organization, "source", key)
    if (
        stored_source is None
        or stored_source.is_archived
        or not isinstance(stored_source.resource, Source)
    ):
        configuration = await store.load_configuration(connection, actor.organization, ("source",))
        raise NotFoundError(missing_message(configuration, "source", key))
    if stored_source.resource.connector == "api":
        raise ConflictError(
            f"The source '{key}' has no deliveries: its events come with an API key."
        )
    return stored_source.resource


async def _reprocess(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    read_event: EventReader,
    now: datetime,
) -> ReplayResult:
    """These deliveries say what they say under the present mapping, and nothing else of them stands.

    Where they said anything else before, the source's changes begin a new generation.
    """
    deal_mapping, stored_by_uid = (
        parse_source_mapping(transaction.source),
        {parsed.uid: parsed for parsed in stored_deliveries},
    )
    accounts = await journal.load_account_history(
        transaction.connection, transaction.organization, transaction.source.key
    )
    parsed_by_uid = await _parse_again(
        transaction,
        [parsed for parsed in stored_deliveries if parsed.body is not None],
        accounts,
        read_event,
        now,
    )
    bodiless_changes = await changes.changes_first_seen_in(
        transaction.connection,
        transaction.source_generation,
        stored_by_uid.keys() - parsed_by_uid.keys(),
    )
    previous_changes = await changes.changes_first_seen_in(
        transaction.connection, transaction.source_generation, parsed_by_uid.keys()
    )
    current_changes: dict[str, Change] = {}
    for change in (change for parsed in parsed_by_uid.values() for change in parsed.changes):
        current_changes.setdefault(change.key, change)
    previous_generation = transaction.source_generation
    if any(current_changes.get(change.key) != change for change in previous_changes):
        transaction = dataclasses.replace(transaction, generation=transaction.generation + 1)
    changes_by_delivery = [(uid, parsed.changes) for uid, parsed in parsed_by_uid.items()]
    new_keys_by_delivery = await changes.add_changes(
        transaction.connection,
        transaction.source_generation,
        transaction.position.seq,
        changes_by_delivery,
    )
    new_key_counts = {
        uid: len(new_keys)
        for uid, new_keys in zip(parsed_by_uid, new_keys_by_delivery, strict=True)
    }
    if transaction.source_generation != previous_generation:
        await changes.copy_to_next_generation(
            transaction.connection, previous_generation, parsed_by_uid.keys()
        )
        await sources.begin_generation(
            transaction.connection,
            transaction.organization,
            transaction.source.key,
            transaction.generation,
        )
    affected_entities = {
        change.entity
        for change in (*bodiless_changes, *previous_changes, *current_changes.values())
    }
    ((recorded_count, retracted_count),) = await reconcile(
        transaction, [DeliveryChanges(affected_entities, transaction.reason)], deal_mapping, now
    )
    state_counts: Counter[str] = Counter()
    for uid, parsed in parsed_by_uid.items():
        # Only a delivery that recorded its events may correct them: what another one told stands.
        event_outcome = await record_events(
            transaction,
            parsed,
            now,
            stored_by_uid[uid].received_at if stored_by_uid[uid].recorded else None,
        )
        recorded_count, retracted_count = (
            recorded_count + event_outcome.recorded_count,
            retracted_count + event_outcome.retracted_count,
        )
        state_counts[event_outcome.state] += 1
        # What its events came to is told of all deliveries together: a deal's changes come from several.
        change_count = new_key_counts[uid] + (
            stored_by_uid[uid].changes
            if transaction.source_generation == previous_generation
            else 0
        )
        event_counts = (
            stored_by_uid[uid].recorded + event_outcome.recorded_count,
            stored_by_uid[uid].retracted + event_outcome.retracted_count,
        )
        delivery_outcome = DeliveryOutcome(
            event_outcome.state, change_count, *event_counts, event_outcome.problems
        )
        updated_delivery = with_outcome(
            stored_by_uid[uid], event_outcome.state, parsed.unreadable_reason, delivery_outcome
        )
        await deliveries.update_outcome(
            transaction.connection, transaction.organization, updated_delivery
        )
        await messages.remember_ids(transaction, [updated_delivery])
    return ReplayResult(
        state_counts, len(stored_by_uid) - len(parsed_by_uid), recorded_count, retracted_count, None
    )


async def _parse_again(
    transaction: SourceTransaction,
    stored_deliveries: Sequence[StoredDelivery],
    accounts: Sequence[tuple[datetime, str | None]],
    read_event: EventReader,
    now: datetime,
) -> dict[UUID, ParsedDelivery]:
    """What deliveries say now, but of what was erased, by uid."""
    deal_mapping = parse_source_mapping(transaction.source)
    parsed_deliveries = []
    for stored in stored_deliveries:
        candidate_sources = [
            dataclasses.replace(transaction.source, account=parsed)
            for parsed in _candidate_accounts(transaction.source, stored, accounts)
        ]
        attempts = [
            parse_delivery(source, deal_mapping, stored, "POST", read_event, now)
            for source in candidate_sources
        ]
        parsed_deliveries.append(
            min(
                attempts,
                key=lambda parsed: (parsed.unreadable_reason is not None, len(parsed.problems)),
            )
        )
    parsed_deliveries = await drop_erased_changes(
        transaction,
        await messages.reject_conflicting_ids(
            transaction, list(zip(stored_deliveries, parsed_deliveries, strict=True))
        ),
    )
    return {
        stored.uid: parsed
        for stored, parsed in zip(stored_deliveries, parsed_deliveries, strict=True)
    }


def _candidate_accounts(
    source: Source, stored: StoredDelivery, accounts: Sequence[tuple[datetime, str | None]]
) -> Sequence[str | None]:
    """The accounts under which a delivery may be read again, each once.

    Whose a delivery is was asked when it came in: one that was taken is so under any account that the source has had
    since; one that failed is read under the present account alone.
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


async def import_records(
    service: ServiceContext, actor: Actor, key: str, body: bytes, read_event: EventReader
) -> ImportResult:
    """Deals that existed before connecting are in the source's fold; kept like a delivery, unless it says nothing new.

    Raises: NotFoundError, ConflictError, MalformedError, InvalidError.
    """
    require_configuration(actor, "admin")
    async with service.database.write_transaction() as connection:
        transaction, now = await _begin_transaction(service, connection, actor, key, "import")
        deal_mapping = parse_source_mapping(transaction.source)
        if not deal_mapping.properties():
            raise ConflictError(f"The source '{key}' takes events as they are, and no deals.")
        delivery = Delivery("POST", "", {"content-type": "application/json"}, body)
        stored_delivery = new_delivery_record(ids.new_uuid7(now), key, delivery, now, "records")
        parsed = parse_delivery(
            transaction.source, deal_mapping, stored_delivery, "POST", read_event, now
        )
        if parsed.unreadable_reason is not None:
            raise MalformedError(parsed.unreadable_reason)
        deal_count = sum(change.entity.startswith(DEAL_PREFIX) for change in parsed.changes)
        if deal_count + len(parsed.problems) + parsed.ignored_count > MAX_IMPORTED_RECORDS:
            raise InvalidError(
                f"There are more than {MAX_IMPORTED_RECORDS} records: send them in several requests."
            )
        (delivery_outcome,) = await process_deliveries(
            transaction, [(stored_delivery, parsed)], deal_mapping, now
        )
        stored_delivery = with_outcome(
            stored_delivery, delivery_outcome.state, None, delivery_outcome
        )
        if delivery_outcome.change_count or parsed.problems:
            await deliveries.add_deliveries(connection, transaction.organization, stored_delivery)
        else:
            await connection.rollback()
    return _build_import_result(transaction.source, deal_mapping, parsed, stored_delivery)


def _build_import_result(
    source: Source,
    deal_mapping: DealMapping,
    parsed: ParsedDelivery,
    stored_delivery: StoredDelivery,
) -> ImportResult:
    record_set = record_set_from(parsed.changes)
    ids_by_value: dict[tuple[str, str], list[str]] = {}
    deals_without_amount: list[str] = []
    for entity in sorted(record_set.changes):
        projected, record_id = (
            project_events(entity, record_set, deal_mapping, source.team or ""),
            entity.partition(":")[2],
        )
        for property_value in projected.unmapped_values:
            ids_by_value.setdefault(property_value, []).append(record_id)
        deals_without_amount += [record_id] if projected.has_unknown_amount else []
    unmapped_values = sorted(
        ids_by_value.items(),
        key=lambda value_with_ids: (-len(value_with_ids[1]), value_with_ids[0]),
    )
    return ImportResult(
        stored_delivery, sorted(deal_mapping.properties()), unmapped_values, deals_without_amount
    )


async def preview_mapping(  # a sample is all of these
    service: ServiceContext,
    actor: Actor,
    key: str,
    sample: Delivery,
    trial_mapping: Mapping[str, object] | None,
    read_event: EventReader,
) -> MappingPreview:
    """What a sample would make of an empty source, under the source's mapping or under one that is tried out.

    Nothing is stored. Raises: NotFoundError, ConflictError, InvalidError.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        source = await _load_source(connection, actor, key)
    if trial_mapping is not None:
        source = dataclasses.replace(source, mapping=trial_mapping)
    deal_mapping = parse_source_mapping(source)
    parsed = parse_delivery(
        source,
        deal_mapping,
        new_delivery_record(ids.new_uuid7(now), key, sample, now),
        sample.method,
        read_event,
        now,
    )
    record_set = record_set_from(parsed.changes)
    projections = [
        project_events(entity, record_set, deal_mapping, source.team or "")
        for entity in sorted(record_set.changes)
    ]
    deal_events = [event for projected in projections for event in projected.events]
    unmapped_values = sorted(
        {
            property_value
            for projected in projections
            for property_value in projected.unmapped_values
        }
    )
    return MappingPreview(
        parsed, deal_events, [event for _, event in parsed.events], unmapped_values
    )
