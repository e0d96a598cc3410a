"""A service on a test's own database, with a clock that stands where it is put, and an organization to work in."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import reduce

from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Condition, Metric
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.sources.sources import Source
from app.scoring.snapshot import Measure, Snapshot
from app.security.vault import Vault
from app.services.access import organizations
from app.services.events import ingestion as events
from app.services.events.validation import Item
from app.services.playbook import configuration
from app.services.runtime.context import Service
from app.store.sql.database import connect

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLIC = "https://sightline.example"
ONE = 10_000


@dataclass
class Clock:
    """A clock that stands where it is put."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass
class House:
    """A service and its organizations."""

    service: Service
    clock: Clock
    actors: dict[str, Actor] = field(default_factory=dict)

    async def organization(self, key: str = "acme", time_zone: str = "UTC") -> Actor:
        """Who may do everything in a new organization."""
        await organizations.create(self.service, Organization(key, key.title(), time_zone))
        identity = await organizations.find(self.service, key)
        self.actors[key] = Actor(identity, "tester", frozenset({"admin"}))
        return self.actors[key]


@asynccontextmanager
async def house(url: str) -> AsyncIterator[House]:
    """A service on that database."""
    clock = Clock()
    secret, pepper = bytes(range(32)), bytes(range(1, 33))
    service = Service(connect(url), clock, Vault({"k1": secret}, {"p1": pepper}), PUBLIC)
    try:
        yield House(service, clock)
    finally:
        await service.database.close()


async def furnish(found: House, actor: Actor) -> None:
    """Two teams, one source, one metric, one published playbook with one objective that both teams bear."""
    nouns: tuple[Noun, ...] = (
        Team("sales", "Sales", "sales", 12 * ONE),
        Team("marketing", "Marketing", "marketing", 6 * ONE),
        Source("billing", "Billing"),
        metric(),
        Playbook(
            "q4",
            "Win the enterprise",
            "",
            date(2026, 10, 1),
            date(2026, 12, 31),
            "published",
            1,
            NOW,
        ),
        Objective("win", "q4", "Win"),
        KeyResult("arr-2m", "win", "2M of ARR", "arr", 0, 2000 * ONE),
        Responsibility("win", "sales", "accountable", ONE, "accepted"),
        Responsibility("win", "marketing", "responsible", ONE, "accepted"),
    )
    await configuration.write(
        found.service, actor, lambda known: reduce(Configuration.put, nouns, known)
    )


def metric(key: str = "arr", **more: object) -> Metric:
    """Won deals of the enterprise segment, and the work towards them."""
    values: dict[str, object] = {
        "key": key,
        "name": key,
        "events": ("deal.won", "invoice.paid"),
        "aggregation": "sum",
        "activities": ("call.held",),
        "where": (Condition("data.segment", "eq", "enterprise"),),
        **more,
    }
    return Metric(**values)  # type: ignore[arg-type]  # a builder takes any of a metric's fields


def event(name: str, **more: object) -> Event:
    """An invoice of the enterprise segment, paid today."""
    values: dict[str, object] = {
        "id": name,
        "source": "billing",
        "type": "invoice.paid",
        "time": NOW - timedelta(hours=1),
        "team": "sales",
        "value": 100 * ONE,
        "data": {"segment": "enterprise"},
        **more,
    }
    return Event(**values)  # type: ignore[arg-type]  # a builder takes any of an event's fields


async def record(found: House, actor: Actor, *wanted: Event) -> list[Item]:
    """What became of the events."""
    return await events.record(found.service, actor, wanted)


def hubspot(
    hook: str, secret: str, elements: Sequence[Mapping[str, object]] | bytes, at: datetime
) -> Delivery:
    """A delivery as HubSpot signs it, version 3."""
    body = elements if isinstance(elements, bytes) else json.dumps(elements).encode()
    stamp = str(int(at.timestamp() * 1000))
    url = f"{PUBLIC}/hooks/{hook}"
    text = f"POST{url}".encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    headers = {
        "content-type": "application/json",
        "x-hubspot-signature-v3": signature,
        "x-hubspot-request-timestamp": stamp,
    }
    return Delivery("POST", url, headers, body)


def created(deal: int, at: datetime) -> dict[str, object]:
    """HubSpot says that a deal was made."""
    return _element(at, {"subscriptionType": "deal.creation", "objectId": deal})


def changed(deal: int, name: str, value: str, at: datetime) -> dict[str, object]:
    """HubSpot says that a deal's property changed."""
    more = {
        "subscriptionType": "deal.propertyChange",
        "objectId": deal,
        "propertyName": name,
        "propertyValue": value,
    }
    return _element(at, more)


def _element(at: datetime, more: Mapping[str, object]) -> dict[str, object]:
    occurred = int(at.timestamp() * 1000)
    return {
        "eventId": 1,
        "subscriptionId": 7,
        "portalId": 4242001,
        "appId": 9,
        "occurredAt": occurred,
        **more,
    }


def measures(found: Snapshot) -> dict[tuple[str, str], Measure]:
    """What each source says of a metric of the playbook, all of whose key results have its window."""
    return {
        (place[0], source): said
        for place, one in found.said.items()
        for source, said in one.sources.items()
    }
