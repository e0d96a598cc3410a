"""What a delivery says under a mapping, and what is kept of it: read without a look at the database, then performed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Final
from uuid import UUID

from app.connectors import registry
from app.connectors.connector import Delivery, ElementRejection, Translation
from app.domain.events.events import MAX_FUTURE_HOURS, Event
from app.domain.playbook.configuration import Configuration
from app.domain.primitives import strict_json
from app.domain.primitives.errors import (
    EventConflictError,
    ForbiddenError,
    MalformedError,
    SightlineError,
)
from app.domain.sources import record_import as imports
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping import mapping
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.services.sources import event_writer
from app.services.sources.event_writer import SourceTransaction
from app.services.sources.reconciliation import DeliveryChanges, reconcile
from app.store.operations import erasure as erasures
from app.store.sources import changes, deliveries
from app.store.sources.deliveries import StoredDelivery

STORED_HEADERS: Final = (
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-hubspot-request-timestamp",
)
# A delivery that says nothing but nonsense shall not make its own list unreadable.
MAX_LISTED_PROBLEMS: Final = 1_000
MAX_PROBLEM_LENGTH: Final = 1_000
MAX_HEADER_LENGTH: Final = 500
MAX_ENCODED_HEADER_LENGTH: Final = (
    4_000  # a percent-encoded attribute of a CloudEvent: up to nine letters for one
)
EventReader = Callable[[Mapping[str, object]], Event]
IndexedEvents = list[tuple[int, Event]]
Problems = list[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """What a delivery says.

    None when it can be read: `unreadable`, and `refusal`. Shape: `single` says that it holds one element.
    """

    changes: Sequence[Change] = ()
    events: Sequence[tuple[int, Event]] = ()
    problems: Sequence[Mapping[str, object]] = ()
    ignored_count: int = 0
    is_single: bool = False
    unreadable_reason: str | None = None
    error: SightlineError | None = None


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What came of a delivery.

    Shape: `changes` counts those that it was the first to tell; `conflicts` its events that stand with other content;
    `erased` says that it tells of what was erased: then its body is not kept.
    """

    state: str
    change_count: int
    recorded_count: int
    retracted_count: int
    problems: Sequence[Mapping[str, object]]
    conflict_count: int = 0
    mentions_erased: bool = False


def parse_source_mapping(source: Source) -> DealMapping:
    """The mapping in force of a source. Raises: InvalidError."""
    connector = registry.get_connector(source.connector)
    return mapping.parse_mapping(source.mapping, connector.default_mapping, connector.mapping_form)


def parse_delivery(  # a delivery is read in the light of all of these
    source: Source,
    deal_mapping: DealMapping,
    stored: StoredDelivery,
    method: str,
    read_event: EventReader,
    now: datetime,
) -> ParsedDelivery:
    """What a kept delivery says under a mapping; the records of an import are told by its body too."""
    try:
        if stored.origin == "records":
            translation = _parse_import(stored, deal_mapping)
        else:
            delivery = Delivery(method, "", stored.headers, stored.body or b"")
            translation = registry.get_connector(source.connector).translate(
                delivery, source.account, deal_mapping
            )
    except (MalformedError, ForbiddenError) as error:
        return ParsedDelivery(unreadable_reason=error.detail, error=error)
    problems: Problems = [
        {"index": reject.index, "problem": reject.problem} for reject in translation.rejects
    ]
    past_changes, future_problems = _drop_future_changes(translation, now)
    events, event_problems = _parse_events(source, translation, read_event)
    is_single = len(translation.events) + len(translation.rejects) == 1
    return ParsedDelivery(
        past_changes,
        events,
        problems + future_problems + event_problems,
        translation.ignored,
        is_single,
    )


def _parse_import(stored: StoredDelivery, deal_mapping: DealMapping) -> Translation:
    body = strict_json.loads(stored.body or b"")
    import_changes = imports.parse_record_import(body, deal_mapping, stored.received_at)
    return Translation(
        changes=tuple(change for _, change in import_changes.changes),
        rejects=tuple(
            ElementRejection(index, problem) for index, problem in import_changes.problems
        ),
        change_indexes=tuple(index for index, _ in import_changes.changes),
        ignored=import_changes.ignored_count,
    )


async def process_deliveries(
    transaction: SourceTransaction,
    parsed_pairs: Sequence[tuple[StoredDelivery, ParsedDelivery]],
    deal_mapping: DealMapping,
    now: datetime,
) -> list[DeliveryOutcome]:
    """All that the deliveries say is done, with the same numbers and reasons as if it were done one by one."""
    delivery_uids, parsed_deliveries = (
        [stored.uid for stored, _ in parsed_pairs],
        [parsed for _, parsed in parsed_pairs],
    )
    filtered_deliveries = await drop_erased_changes(transaction, parsed_deliveries)
    changes_by_delivery = [
        (delivery_uid, parsed.changes)
        for delivery_uid, parsed in zip(delivery_uids, filtered_deliveries, strict=True)
    ]
    new_keys_by_delivery = await changes.add_changes(
        transaction.connection,
        transaction.source_generation,
        transaction.position.seq,
        changes_by_delivery,
    )
    delivery_changes = [
        DeliveryChanges(
            {
                event_outcome.entity
                for event_outcome in filtered_changes
                if event_outcome.key in new_keys
            },
            transaction.reason or f"delivery {delivery_uid}",
            new_keys,
        )
        for (delivery_uid, filtered_changes), new_keys in zip(
            changes_by_delivery, new_keys_by_delivery, strict=True
        )
    ]
    event_counts = await reconcile(transaction, delivery_changes, deal_mapping, now)
    delivery_outcomes = []
    for parsed, filtered, new_keys, (recorded_count, retracted_count) in zip(
        parsed_deliveries, filtered_deliveries, new_keys_by_delivery, event_counts, strict=True
    ):
        event_outcome = await record_events(transaction, parsed, now)
        mentions_erased = event_outcome.mentions_erased or filtered is not parsed
        delivery_outcomes.append(
            replace(
                event_outcome,
                change_count=len(new_keys),
                recorded_count=recorded_count + event_outcome.recorded_count,
                retracted_count=retracted_count,
                mentions_erased=mentions_erased,
            )
        )
    return delivery_outcomes


async def drop_erased_changes(
    transaction: SourceTransaction, parsed_deliveries: Sequence[ParsedDelivery]
) -> list[ParsedDelivery]:
    """What deliveries say but of the records that were erased: of these nothing is taken any more."""
    erased_entities = await erasures.find_erased_records(
        transaction.connection,
        transaction.source_generation,
        {change.entity for parsed in parsed_deliveries for change in parsed.changes},
    )
    return [
        parsed
        if erased_entities.isdisjoint(change.entity for change in parsed.changes)
        else replace(
            parsed,
            changes=[change for change in parsed.changes if change.entity not in erased_entities],
        )
        for parsed in parsed_deliveries
    ]


async def record_events(
    transaction: SourceTransaction,
    parsed: ParsedDelivery,
    now: datetime,
    received_at: datetime | None = None,
) -> DeliveryOutcome:
    """The events that a delivery holds as our own are recorded; its changes are the caller's to settle.

    None when what is recorded stands, whatever the delivery says: `told_since`; else when the delivery came, in a
    replay: an event that was recorded since then is corrected.
    """
    if parsed.unreadable_reason is not None:
        return DeliveryOutcome("failed", 0, 0, 0, ())
    already_recorded, mentions_erased = await event_writer.find_already_recorded(
        transaction, parsed.events
    )
    new_events = [(index, event) for index, event in parsed.events if index not in already_recorded]
    normalized_events, invalid_problems = _normalize_events(
        transaction.compiled.configuration, transaction.source, new_events, now
    )
    superseded_indexes: frozenset[int] = frozenset()
    superseded_count = 0
    if received_at is not None:
        superseded_indexes, superseded_count = await event_writer.supersede_events(
            transaction, normalized_events, received_at, now
        )
    new_count, conflict_problems = await event_writer.record_delivered_events(
        transaction,
        [
            indexed_event
            for indexed_event in normalized_events
            if indexed_event[0] not in superseded_indexes
        ],
        now,
    )
    problems = [*parsed.problems, *invalid_problems, *conflict_problems]
    understood_count = (
        len(parsed.changes)
        + len(already_recorded)
        + len(normalized_events)
        - len(conflict_problems)
    )
    state = (
        "failed"
        if problems and not understood_count
        else "processed"
        if understood_count
        else "ignored"
    )
    return DeliveryOutcome(
        state,
        0,
        new_count + superseded_count,
        superseded_count,
        problems,
        len(conflict_problems),
        mentions_erased,
    )


def _drop_future_changes(translation: Translation, now: datetime) -> tuple[list[Change], Problems]:
    """The changes that can have happened, and the problems of those that say they will."""
    latest_time = now + timedelta(hours=MAX_FUTURE_HOURS)
    future_problems: Problems = [
        {
            "index": index,
            "problem": f"A change of {change.entity} says that it happened in the future.",
        }
        for index, change in zip(translation.change_indexes, translation.changes, strict=True)
        if change.at > latest_time
    ]
    return [change for change in translation.changes if change.at <= latest_time], future_problems


def _parse_events(
    source: Source, translation: Translation, read_event: EventReader
) -> tuple[IndexedEvents, Problems]:
    """Our own events out of a delivery with their places in it, and the problems of those that are not."""
    parsed_events: IndexedEvents = []
    problems: Problems = []
    source_fields = {"source": source.key} | ({} if source.team is None else {"team": source.team})
    for index, element in zip(translation.event_indexes, translation.events, strict=True):
        try:
            parsed_events.append((index, read_event({**source_fields, **element})))
        except SightlineError as error:
            problems.append({"index": index, "problem": error.detail})
    return parsed_events, problems


def _normalize_events(
    configuration: Configuration,
    source: Source,
    indexed_events: Sequence[tuple[int, Event]],
    now: datetime,
) -> tuple[IndexedEvents, Problems]:
    """The events as they can be recorded, and the problems of those that cannot."""
    normalized_events: IndexedEvents = []
    problems: Problems = []
    for index, event in indexed_events:
        try:
            normalized_events.append(
                (index, event_writer.normalize_event(configuration, source, event, now))
            )
        except SightlineError as error:
            problems.append({"index": index, "problem": error.detail})
    return normalized_events, problems


def new_delivery_record(
    uid: UUID, source_key: str, delivery: Delivery, received_at: datetime, origin: str = "hook"
) -> StoredDelivery:
    """What is kept of a delivery before anything is known of it."""
    # What a connector reads of the headers is kept: a replay reads it again.
    headers = {
        header_name: header[
            : MAX_ENCODED_HEADER_LENGTH if header_name.startswith("ce-") else MAX_HEADER_LENGTH
        ]
        for header_name, header in delivery.headers.items()
        if header_name in STORED_HEADERS or header_name.startswith("ce-")
    }
    return StoredDelivery(
        uid=uid,
        source=source_key,
        received_at=received_at,
        content_type=headers.get("content-type", ""),
        headers=headers,
        body=delivery.body,
        state="ignored",
        problem=None,
        rejects=(),
        changes=0,
        recorded=0,
        retracted=0,
        origin=origin,
    )


def with_outcome(
    stored: StoredDelivery,
    state: str,
    problem: str | None,
    delivery_outcome: DeliveryOutcome | None = None,
) -> StoredDelivery:
    """The delivery with what became of it."""
    problems = () if delivery_outcome is None else delivery_outcome.problems
    ordered_problems = sorted(
        (
            {**element_problem, "problem": truncate(str(element_problem["problem"]))}
            for element_problem in problems
        ),
        key=itemgetter("index"),
    )
    problem = (
        str(ordered_problems[0]["problem"]) if ordered_problems else problem and truncate(problem)
    )
    if len(ordered_problems) > MAX_LISTED_PROBLEMS:
        problem = f"{problem} {len(ordered_problems)} elements were set aside; the first {MAX_LISTED_PROBLEMS} are listed."
    updated = replace(
        stored, state=state, problem=problem, rejects=tuple(ordered_problems[:MAX_LISTED_PROBLEMS])
    )
    if delivery_outcome is None:
        return updated
    if delivery_outcome.mentions_erased:
        updated = replace(
            updated,
            body=None,
            headers={},
            problem=updated.problem or deliveries.ERASED_BODY_PROBLEM,
        )
    return replace(
        updated,
        changes=delivery_outcome.change_count,
        recorded=delivery_outcome.recorded_count,
        retracted=delivery_outcome.retracted_count,
    )


def delivery_error(
    stored: StoredDelivery, parsed: ParsedDelivery, delivery_outcome: DeliveryOutcome
) -> SightlineError | None:
    """What is wrong with a delivery as a whole. None when something of it was understood, or it is several."""
    if parsed.unreadable_reason is not None:
        return parsed.error
    if stored.state != "failed" or not parsed.is_single:
        return None
    error_class = EventConflictError if delivery_outcome.conflict_count else MalformedError
    return error_class(stored.problem or "The delivery cannot be read.")


def truncate(problem: str) -> str:
    """The sentence, short enough to be listed."""
    return (
        problem if len(problem) <= MAX_PROBLEM_LENGTH else f"{problem[: MAX_PROBLEM_LENGTH - 1]}…"
    )
