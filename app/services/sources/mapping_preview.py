"""The preview of a mapping: the events that a sample delivery would make. Nothing is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.sources.crm.reconciliation import DesiredEvent
from app.security import identifiers
from app.services.runtime.context import ServiceContext
from app.services.sources.delivery_outcome import new_delivery_record
from app.services.sources.delivery_parsing import (
    EventReader,
    ParsedDelivery,
    parse_delivery,
    parse_source_mapping,
)
from app.services.sources.record_graph import project_events, record_set_from
from app.services.sources.source_transaction import load_delivering_source


@dataclass(frozen=True, slots=True)
class MappingPreview:
    """The effect of a sample delivery on an empty source."""

    parsed: ParsedDelivery
    # The events that the changes of records imply.
    deal_events: Sequence[DesiredEvent]
    # The events of ours that the sample holds.
    own_events: Sequence[Event]
    # (property, value) pairs that the mapping does not know or cannot read.
    unmapped_values: Sequence[tuple[str, str]]


async def preview_mapping(
    service: ServiceContext,
    actor: Actor,
    key: str,
    sample: Delivery,
    trial_mapping: Mapping[str, object] | None,
    read_event: EventReader,
) -> MappingPreview:
    """Process a sample under a trial mapping, or under the source's own (None).

    Raises: NotFoundError, ConflictError, InvalidError.
    """
    actor.require_scope("read")
    now = service.clock()
    async with service.database.read_transaction() as connection:
        source = await load_delivering_source(connection, actor.organization, key)
    if trial_mapping is not None:
        source = replace(source, mapping=trial_mapping)
    mapping = parse_source_mapping(source)
    stored = new_delivery_record(identifiers.new_uuid7(now), key, sample, now)
    parsed = parse_delivery(source, mapping, stored, sample.method, read_event, now)
    record_set = record_set_from(parsed.changes)
    projections = [
        project_events(entity, record_set, mapping, source.team or "")
        for entity in sorted(record_set.changes)
    ]
    deal_events = [event for projected in projections for event in projected.events]
    own_events = [event for _, event in parsed.events]
    unmapped_values = {pair for projected in projections for pair in projected.unmapped_values}
    return MappingPreview(parsed, deal_events, own_events, sorted(unmapped_values))
