"""Parsing: the changes and the events that a stored delivery reports, without any I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.connectors import registry
from app.connectors.connector import Delivery, ElementRejection, Translation
from app.domain.events.events import MAX_FUTURE_HOURS, Event
from app.domain.primitives import strict_json
from app.domain.primitives.errors import ForbiddenError, MalformedError, SightlineError
from app.domain.sources import record_import
from app.domain.sources.crm.changes import Change
from app.domain.sources.mapping import mapping_parser
from app.domain.sources.mapping.mapping import DealMapping
from app.domain.sources.sources import Source
from app.store.sources.deliveries import StoredDelivery

# A delivery reports changes of CRM records, from which the service derives events, or it carries
# events in Sightline's own format. An EventReader builds an event of the second kind from its JSON
# element.
EventReader = Callable[[Mapping[str, object]], Event]
# Events with the index of their element in the delivery.
IndexedEvents = list[tuple[int, Event]]
# Each with the `index` of an element and the `problem` in it.
Problems = list[Mapping[str, object]]


@dataclass(frozen=True, slots=True)
class ParsedDelivery:
    """The content of a delivery."""

    changes: Sequence[Change] = ()
    # Events in Sightline's own format, with the index of their element.
    events: Sequence[tuple[int, Event]] = ()
    # The elements that were set aside: `index` and `problem` of each.
    problems: Sequence[Mapping[str, object]] = ()
    # How many elements were understood and report nothing that the mapping reads.
    ignored_count: int = 0
    # Whether the delivery has exactly one own event or unreadable element. Changes of records are
    # not counted.
    is_single: bool = False
    # Why nothing of the delivery can be used; None when it can be.
    unreadable_reason: str | None = None
    error: SightlineError | None = None


def parse_source_mapping(source: Source) -> DealMapping:
    """Parse the mapping in force of a source. Raises: InvalidError."""
    connector = registry.get_connector(source.connector)
    return mapping_parser.parse_mapping(
        source.mapping, connector.default_mapping, connector.mapping_form
    )


def parse_delivery(
    source: Source,
    deal_mapping: DealMapping,
    stored: StoredDelivery,
    method: str,
    read_event: EventReader,
    now: datetime,
) -> ParsedDelivery:
    """Parse a stored delivery, or a stored import of records, under a mapping.

    Changes that lie in the future as of `now` are set aside.
    """
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
    import_changes = record_import.parse_record_import(
        body, deal_mapping, stored.received_at, registry.RECORD_ID_PROPERTIES
    )
    return Translation(
        changes=tuple(change for _, change in import_changes.changes),
        rejects=tuple(
            ElementRejection(index, problem) for index, problem in import_changes.problems
        ),
        change_indexes=tuple(index for index, _ in import_changes.changes),
        ignored=import_changes.ignored_count,
    )


def _drop_future_changes(translation: Translation, now: datetime) -> tuple[list[Change], Problems]:
    """Return the changes that can have happened, and the problems of the future ones."""
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
    """Build the events in Sightline's own format. Return them, and the problems of the others."""
    parsed_events: IndexedEvents = []
    problems: Problems = []
    source_fields = {"source": source.key} | ({} if source.team is None else {"team": source.team})
    for index, element in zip(translation.event_indexes, translation.events, strict=True):
        try:
            parsed_events.append((index, read_event({**source_fields, **element})))
        except SightlineError as error:
            problems.append({"index": index, "problem": error.detail})
    return parsed_events, problems
