"""CloudEvents that come with an API key: read by their source's mapping, and recorded as any events are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.connectors import registry
from app.connectors.connector import Delivery, Translation
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.playbook.configuration import missing
from app.domain.primitives.errors import (
    Fault,
    ForbiddenError,
    InvalidError,
    MalformedError,
    SightlineError,
    SourceIsConnectedError,
)
from app.domain.sources.mapping import mapping
from app.domain.sources.sources import Source
from app.services.events import ingestion as events
from app.services.events.validation import Item
from app.services.runtime.context import Service
from app.store.playbook import configuration as store

CONNECTOR: Final = "cloudevents"
CONNECTORS: Final = frozenset({"api", CONNECTOR})
MOST: Final = 10_000
Reader = Callable[[Mapping[str, object]], Event]


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one of the events. Shape: `given` is the event as ours, as far as it could be read."""

    given: Mapping[str, object]
    item: Item


async def record(
    service: Service, actor: Actor, delivery: Delivery, source: str | None, read_event: Reader
) -> list[Answered]:
    """Records the events of a request; answers for each in the given order.

    None when the key is bound to a source: `source`.
    Raises: ForbiddenError, InvalidError, SourceIsConnectedError; MalformedError for a request that cannot be read.
    """
    actor.require("events:write")
    own = await _source(service, actor, source)
    connector = registry.get(CONNECTOR)
    said = own.mapping if own.connector == CONNECTOR else {}
    rules = mapping.parse(said, connector.default_mapping, connector.form)
    translation = connector.translate(delivery, None, rules)
    if len(translation.events) + len(translation.rejects) > MOST:
        raise InvalidError(
            f"A batch may have at most {MOST} events.", [Fault("", f"more than {MOST} events")]
        )
    given, read = _read(own, translation, read_event)
    valid = [event for event in read.values() if isinstance(event, Event)]
    items = iter(await events.record(service, actor, valid, CONNECTORS) if valid else [])
    answers = {
        index: next(items) if isinstance(event, Event) else Item("invalid", None, event)
        for index, event in read.items()
    }
    answers |= {
        one.index: Item("invalid", None, MalformedError(one.problem)) for one in translation.rejects
    }
    return [Answered(given.get(index, {}), answers[index]) for index in sorted(answers)]


async def _source(service: Service, actor: Actor, named: str | None) -> Source:
    """The source that the events are of: the one named, else the key's own."""
    if named is not None and actor.source is not None and named != actor.source:
        raise ForbiddenError(f"This key is bound to the source '{actor.source}'.")
    key = named or actor.source
    if key is None:
        detail = "The key is bound to no source: name one with the parameter 'source'."
        raise InvalidError(detail, [Fault("source", detail)])
    async with service.database.reading() as connection:
        known = await store.load(connection, actor.organization, ("source",))
    if key not in known.sources:
        raise InvalidError(
            missing(known, "source", key), [Fault("source", missing(known, "source", key))]
        )
    found = known.sources[key]
    if found.connector not in CONNECTORS:
        raise SourceIsConnectedError(
            f"The source '{key}' takes its events from its {found.connector} hook only."
        )
    return found


def _read(
    source: Source, translation: Translation, read_event: Reader
) -> tuple[dict[int, Mapping[str, object]], dict[int, Event | SightlineError]]:
    """The events by their places in the request, as they are given and as they are read."""
    own = {"source": source.key} | ({} if source.team is None else {"team": source.team})
    given: dict[int, Mapping[str, object]] = {
        index: {**own, **element}
        for index, element in zip(translation.event_places, translation.events, strict=True)
    }
    read: dict[int, Event | SightlineError] = {}
    for index, element in given.items():
        try:
            read[index] = read_event(element)
        except SightlineError as error:
            read[index] = error
    return given, read
