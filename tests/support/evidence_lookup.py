"""What an organization can look up at the address of some evidence, read as the API reads it."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from pydantic import TypeAdapter

from app.api.events import event_filters as api
from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration
from app.scoring.evidence_links import EvidenceQuery
from app.services.alignment.evidence_urls import to_url
from app.store.events import event_queries as events
from app.store.events.event_queries import EventFilter
from app.store.sql.database import Connection

EventNames = set[tuple[str, str]]
PAGE_SIZE = 7  # small, so that most lists have several pages
FILTER_PARTS = (api._AttributeFilters, api._MatchFilters, api._TimeFilters)


async def read_event_filter(query: str) -> EventFilter:
    """The filter as the API reads it; a parameter that it would quietly ignore is a mistake."""
    pairs = parse_qsl(query, strict_parsing=True)
    parameters = dict(pairs)
    assert len(parameters) == len(pairs), query
    aliases = {"first": "from", "last": "to"}
    supported_names = {aliases.get(name, name) for part in FILTER_PARTS for name in part.__slots__}
    assert parameters.keys() <= supported_names, query
    return await api._build_filter(
        *(TypeAdapter(part).validate_python(parameters) for part in FILTER_PARTS)  # type: ignore[arg-type]  # in order
    )


class EvidenceLookup:
    """What an organization can look up at an address; `known` is its configuration at the end of a day, or now."""

    def __init__(
        self,
        connection: Connection,
        actor: Actor,
        load_configuration: Callable[[date | None], Awaitable[Configuration]],
    ) -> None:
        self.connection, self.actor, self.load_configuration = connection, actor, load_configuration

    async def list_events(self, query: str) -> EventNames:
        """The events of all pages at that address; none twice, newest first."""
        event_filter, last_position = await read_event_filter(query), None
        configuration = await self.load_configuration(
            event_filter.configuration_from or event_filter.as_of
        )
        stored_events: list[events.StoredEvent] = []
        while True:
            page = await events.list_events(
                self.connection,
                self.actor.organization,
                configuration,
                event_filter,
                last_position,
                PAGE_SIZE,
            )
            stored_events += page
            if len(page) < PAGE_SIZE:
                break
            last_position = get_position(page[-1])
        assert [get_position(stored_event) for stored_event in stored_events] == sorted(
            {get_position(stored_event) for stored_event in stored_events}, reverse=True
        )
        return {
            (stored_event.event.source, stored_event.event.id) for stored_event in stored_events
        }

    async def is_existing_list(self, path: str, query: str) -> bool:
        """Whether the address is one of a list of something that exists."""
        segments, parameters = path.split("/")[2:], dict(parse_qsl(query))
        configuration = await self.load_configuration(date.fromisoformat(parameters["as_of"]))
        if segments == ["key-results"]:
            return (
                parameters.keys() == {"objective", "as_of"}
                and parameters["objective"] in configuration.objectives
            )
        resource, key, subresource = segments
        parents = {"playbooks": configuration.playbooks, "objectives": configuration.objectives}
        return key in parents[resource] and (resource, subresource) in {
            ("playbooks", "signoffs"),
            ("playbooks", "contributions"),
            ("objectives", "responsibilities"),
        }

    async def matches_evidence(
        self, evidence: EvidenceQuery, expected_events: EventNames | None
    ) -> bool:
        """Whether the address lists those events; None: whether it is one of something else, that exists."""
        url = urlsplit(to_url(evidence))
        if expected_events is None:
            return await self.is_existing_list(url.path, url.query)
        return url.path == "/v1/events" and await self.list_events(url.query) == expected_events


def get_position(stored_event: events.StoredEvent) -> tuple[datetime, UUID]:
    return stored_event.event.time, stored_event.uid
