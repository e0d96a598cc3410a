"""Look up the evidence of a loss at its URL, read as the API reads it."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from pydantic import TypeAdapter

from app.api.events import event_filters
from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration
from app.scoring.evidence.evidence_scope import EvidenceQuery
from app.services.alignment.evidence_urls import to_url
from app.store.events import event_queries
from app.store.events.event_filters_sql import EventFilter
from app.store.sql.database import Connection

EventNames = set[tuple[str, str]]
PAGE_SIZE = 7  # small, so that most lists have several pages
FILTER_PARTS = (
    event_filters._AttributeFilters,
    event_filters._MatchFilters,
    event_filters._TimeFilters,
)


async def read_event_filter(query: str) -> EventFilter:
    """Parse the query as the API does. Fail for a parameter that the API would ignore."""
    pairs = parse_qsl(query, strict_parsing=True)
    parameters = dict(pairs)
    assert len(parameters) == len(pairs), query
    aliases = {"first": "from", "last": "to"}
    supported_names = {aliases.get(name, name) for part in FILTER_PARTS for name in part.__slots__}
    assert parameters.keys() <= supported_names, query
    return await event_filters._build_filter(
        *(TypeAdapter(part).validate_python(parameters) for part in FILTER_PARTS)  # type: ignore[arg-type]  # in order
    )


class EvidenceLookup:
    """Lists what an organization finds at the URL of a piece of evidence."""

    def __init__(
        self,
        connection: Connection,
        actor: Actor,
        load_configuration: Callable[[date | None], Awaitable[Configuration]],
    ) -> None:
        self.connection = connection
        self.actor = actor
        # Loads the configuration at the end of a day, or the present one.
        self.load_configuration = load_configuration

    async def list_events(self, query: str) -> EventNames:
        """Return the events of all pages.

        Check that they are distinct and the newest comes first.
        """
        event_filter = await read_event_filter(query)
        last_position = None
        configuration = await self.load_configuration(
            event_filter.configuration_from or event_filter.as_of
        )
        stored_events: list[event_queries.StoredEvent] = []
        while True:
            page = await event_queries.list_events(
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
        """Return True if the URL is that of a list of an existing resource."""
        segments = path.split("/")[2:]
        parameters = dict(parse_qsl(query))
        configuration = await self.load_configuration(date.fromisoformat(parameters["as_of"]))
        if segments == ["key-results"]:
            return (
                parameters.keys() == {"objective", "as_of"}
                and parameters["objective"] in configuration.objectives
            )
        resource, resource_key, subresource = segments
        parents = {"playbooks": configuration.playbooks, "objectives": configuration.objectives}
        return resource_key in parents[resource] and (resource, subresource) in {
            ("playbooks", "signoffs"),
            ("playbooks", "contributions"),
            ("objectives", "responsibilities"),
        }

    async def matches_evidence(
        self, evidence: EvidenceQuery, expected_events: EventNames | None
    ) -> bool:
        """Return True if the URL lists those events.

        Without events, return True if it is the URL of another list that exists.
        """
        url = urlsplit(to_url(evidence))
        if expected_events is None:
            return await self.is_existing_list(url.path, url.query)
        return url.path == "/v1/events" and await self.list_events(url.query) == expected_events


def get_position(stored_event: event_queries.StoredEvent) -> tuple[datetime, UUID]:
    return stored_event.event.time, stored_event.uid
