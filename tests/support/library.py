"""What an organization can look up at the address of some evidence, read as the API reads it."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from pydantic import TypeAdapter

from app.api.events import event_filters as api
from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration
from app.scoring.evidence_links import Evidence, address
from app.store.events import event_queries as events
from app.store.events.event_queries import EventFilter
from app.store.sql.database import Connection

Names = set[tuple[str, str]]
PAGE = 7  # small, so that most lists have several pages
PARTS = (api._Names, api._Meanings, api._Days)


async def read(query: str) -> EventFilter:
    """The filter as the API reads it; a parameter that it would quietly ignore is a mistake."""
    given = parse_qsl(query, strict_parsing=True)
    values = dict(given)
    assert len(values) == len(given), query
    aliases = {"first": "from", "last": "to"}
    known = {aliases.get(name, name) for part in PARTS for name in part.__slots__}
    assert values.keys() <= known, query
    return await api._filter(*(TypeAdapter(part).validate_python(values) for part in PARTS))  # type: ignore[arg-type]  # in order


class Library:
    """What an organization can look up at an address; `known` is its configuration at the end of a day, or now."""

    def __init__(
        self,
        connection: Connection,
        actor: Actor,
        known: Callable[[date | None], Awaitable[Configuration]],
    ) -> None:
        self.connection, self.actor, self.known = connection, actor, known

    async def listed(self, query: str) -> Names:
        """The events of all pages at that address; none twice, newest first."""
        wanted, after = await read(query), None
        known = await self.known(wanted.configuration_from or wanted.as_of)
        found: list[events.StoredEvent] = []
        while True:
            some = await events.page(
                self.connection, self.actor.organization, known, wanted, after, PAGE
            )
            found += some
            if len(some) < PAGE:
                break
            after = position(some[-1])
        assert [position(e) for e in found] == sorted({position(e) for e in found}, reverse=True)
        return {(e.event.source, e.event.id) for e in found}

    async def holds(self, path: str, query: str) -> bool:
        """Whether the address is one of a list of something that exists."""
        found, values = path.split("/")[2:], dict(parse_qsl(query))
        known = await self.known(date.fromisoformat(values["as_of"]))
        if found == ["key-results"]:
            return (
                values.keys() == {"objective", "as_of"} and values["objective"] in known.objectives
            )
        noun, key, part = found
        parents = {"playbooks": known.playbooks, "objectives": known.objectives}
        return key in parents[noun] and (noun, part) in {
            ("playbooks", "signoffs"),
            ("playbooks", "contributions"),
            ("objectives", "responsibilities"),
        }

    async def right(self, evidence: Evidence, wanted: Names | None) -> bool:
        """Whether the address lists those events; None: whether it is one of something else, that exists."""
        where = urlsplit(address(evidence))
        if wanted is None:
            return await self.holds(where.path, where.query)
        return where.path == "/v1/events" and await self.listed(where.query) == wanted


def position(stored: events.StoredEvent) -> tuple[datetime, UUID]:
    return stored.event.time, stored.uid
