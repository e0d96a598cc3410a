"""Ingest of CloudEvents with an API key: the source's mapping turns them into events."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.connectors import registry
from app.connectors.connector import Delivery, Translation
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.playbook.configuration import missing_message
from app.domain.primitives.errors import (
    Fault,
    ForbiddenError,
    InvalidError,
    MalformedError,
    SightlineError,
    SourceIsConnectedError,
)
from app.domain.sources.mapping import mapping_parser
from app.domain.sources.sources import Source
from app.services.events import ingestion
from app.services.runtime.context import ServiceContext
from app.services.runtime.submissions import SubmissionResult
from app.store.playbook import configuration as configuration_store

CLOUDEVENTS_CONNECTOR: Final = "cloudevents"
ACCEPTED_CONNECTORS: Final = frozenset({"api", CLOUDEVENTS_CONNECTOR})
MAX_EVENTS: Final = 10_000
EventReader = Callable[[Mapping[str, object]], Event]


@dataclass(frozen=True, slots=True)
class CloudEventResult:
    """The outcome of one CloudEvent."""

    # The event's fields, as far as the mapping could read them.
    event_fields: Mapping[str, object]
    outcome: SubmissionResult


async def ingest_cloudevents(
    service: ServiceContext,
    actor: Actor,
    delivery: Delivery,
    source_key: str | None,
    read_event: EventReader,
) -> list[CloudEventResult]:
    """Record the events of a request. Return their outcomes in the order of the request.

    Without `source_key`, the source is the one to which the API key is bound.

    Raises: ForbiddenError, InvalidError, SourceIsConnectedError; MalformedError for an unreadable
    request.
    """
    actor.require_scope("events:write")
    event_source = await _resolve_source(service, actor, source_key)
    connector = registry.get_connector(CLOUDEVENTS_CONNECTOR)
    custom_mapping = event_source.mapping if event_source.connector == CLOUDEVENTS_CONNECTOR else {}
    mapping_rules = mapping_parser.parse_mapping(
        custom_mapping, connector.default_mapping, connector.mapping_form
    )
    translation = connector.translate(delivery, None, mapping_rules)
    if len(translation.events) + len(translation.rejects) > MAX_EVENTS:
        raise InvalidError(
            f"A batch may have at most {MAX_EVENTS} events.",
            [Fault("", f"more than {MAX_EVENTS} events")],
        )
    fields_by_index, parsed_by_index = _parse_events(event_source, translation, read_event)
    valid_events = [event for event in parsed_by_index.values() if isinstance(event, Event)]
    outcomes = iter(
        await ingestion.ingest_events(service, actor, valid_events, ACCEPTED_CONNECTORS)
        if valid_events
        else []
    )
    outcomes_by_index = {
        index: next(outcomes)
        if isinstance(event, Event)
        else SubmissionResult("invalid", None, event)
        for index, event in parsed_by_index.items()
    }
    outcomes_by_index |= {
        reject.index: SubmissionResult("invalid", None, MalformedError(reject.problem))
        for reject in translation.rejects
    }
    return [
        CloudEventResult(fields_by_index.get(index, {}), outcomes_by_index[index])
        for index in sorted(outcomes_by_index)
    ]


async def _resolve_source(
    service: ServiceContext, actor: Actor, requested_key: str | None
) -> Source:
    """Return the requested source, or else the one to which the key is bound."""
    if requested_key is not None and actor.source is not None and requested_key != actor.source:
        raise ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    key = requested_key or actor.source
    if key is None:
        detail = "The key is bound to no source: name one with the parameter 'source'."
        raise InvalidError(detail, [Fault("source", detail)])
    async with service.database.read_transaction() as connection:
        configuration = await configuration_store.load_configuration(
            connection, actor.organization, ("source",)
        )
    if key not in configuration.sources:
        raise InvalidError(
            missing_message(configuration, "source", key),
            [Fault("source", missing_message(configuration, "source", key))],
        )
    event_source = configuration.sources[key]
    if event_source.connector not in ACCEPTED_CONNECTORS:
        raise SourceIsConnectedError(
            f"The source '{key}' takes its events from its {event_source.connector} hook only."
        )
    return event_source


def _parse_events(
    source: Source, translation: Translation, read_event: EventReader
) -> tuple[dict[int, Mapping[str, object]], dict[int, Event | SightlineError]]:
    """Return each event's fields, and the parsed event or its error, by index in the request."""
    source_fields = {"source": source.key} | ({} if source.team is None else {"team": source.team})
    fields_by_index: dict[int, Mapping[str, object]] = {
        index: {**source_fields, **element}
        for index, element in zip(translation.event_indexes, translation.events, strict=True)
    }
    parsed_by_index: dict[int, Event | SightlineError] = {}
    for index, element in fields_by_index.items():
        try:
            parsed_by_index[index] = read_event(element)
        except SightlineError as error:
            parsed_by_index[index] = error
    return fields_by_index, parsed_by_index
