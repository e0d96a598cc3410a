"""A service on the test's own database, with a settable clock and an organization."""

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
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.objectives import KeyResult, Objective, Responsibility
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.sources.sources import Source
from app.scoring.snapshot import Snapshot, SourceMeasure
from app.security.vault import Vault
from app.services.access import organizations
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.runtime.context import ServiceContext
from app.services.runtime.submissions import SubmissionResult
from app.store.sql.database import connect

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PUBLIC_URL = "https://sightline.example"
SCALE = 10_000


@dataclass
class FakeClock:
    """A clock that shows the instant it is set to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@dataclass
class ServiceHarness:
    """A service and its organizations."""

    service: ServiceContext
    clock: FakeClock
    actors: dict[str, Actor] = field(default_factory=dict)

    async def create_organization(self, key: str = "acme", time_zone: str = "UTC") -> Actor:
        """Create an organization. Return an actor with all rights in it."""
        await organizations.create_organization(
            self.service, Organization(key, key.title(), time_zone)
        )
        organization_id = await organizations.find_organization(self.service, key)
        self.actors[key] = Actor(organization_id, "tester", frozenset({"admin"}))
        return self.actors[key]


@asynccontextmanager
async def open_harness(url: str) -> AsyncIterator[ServiceHarness]:
    """Open a service on the database until the block ends."""
    clock = FakeClock()
    secret = bytes(range(32))
    pepper = bytes(range(1, 33))
    service = ServiceContext(connect(url), clock, Vault({"k1": secret}, {"p1": pepper}), PUBLIC_URL)
    try:
        yield ServiceHarness(service, clock)
    finally:
        await service.database.close()


async def seed_playbook(harness: ServiceHarness, actor: Actor) -> None:
    """Write a published playbook with one objective for both teams of the organization."""
    nouns: tuple[Resource, ...] = (
        Team("sales", "Sales", "sales", 12 * SCALE),
        Team("marketing", "Marketing", "marketing", 6 * SCALE),
        Source("billing", "Billing"),
        make_metric(),
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
        KeyResult("arr-2m", "win", "2M of ARR", "arr", 0, 2000 * SCALE),
        Responsibility("win", "sales", "accountable", SCALE, "accepted"),
        Responsibility("win", "marketing", "responsible", SCALE, "accepted"),
    )
    await configuration_service.write_configuration(
        harness.service, actor, lambda current: reduce(Configuration.with_resource, nouns, current)
    )


def make_metric(key: str = "arr", **overrides: object) -> Metric:
    """Make a metric of won deals in the enterprise segment, and of the work on them."""
    fields: dict[str, object] = {
        "key": key,
        "name": key,
        "events": ("deal.won", "invoice.paid"),
        "aggregation": "sum",
        "activities": ("call.held",),
        "where": (Condition("data.segment", "eq", "enterprise"),),
        **overrides,
    }
    return Metric(**fields)  # type: ignore[arg-type]  # a builder takes any of a metric's fields


def make_event(event_id: str, **overrides: object) -> Event:
    """Make an event: an invoice of the enterprise segment, paid today."""
    fields: dict[str, object] = {
        "id": event_id,
        "source": "billing",
        "type": "invoice.paid",
        "time": NOW - timedelta(hours=1),
        "team": "sales",
        "value": 100 * SCALE,
        "data": {"segment": "enterprise"},
        **overrides,
    }
    return Event(**fields)  # type: ignore[arg-type]  # a builder takes any of an event's fields


async def record_events(
    harness: ServiceHarness, actor: Actor, *submitted: Event
) -> list[SubmissionResult]:
    """Record the events. Return the outcome of each."""
    return await ingestion.ingest_events(harness.service, actor, submitted)


def make_hubspot_delivery(
    hook_id: str, secret: str, elements: Sequence[Mapping[str, object]] | bytes, sent_at: datetime
) -> Delivery:
    """Make a delivery with HubSpot's signature, version 3."""
    body = elements if isinstance(elements, bytes) else json.dumps(elements).encode()
    timestamp = str(int(sent_at.timestamp() * 1000))
    url = f"{PUBLIC_URL}/hooks/{hook_id}"
    signed_text = f"POST{url}".encode() + body + timestamp.encode()
    signature = base64.b64encode(
        hmac.new(secret.encode(), signed_text, hashlib.sha256).digest()
    ).decode()
    headers = {
        "content-type": "application/json",
        "x-hubspot-signature-v3": signature,
        "x-hubspot-request-timestamp": timestamp,
    }
    return Delivery("POST", url, headers, body)


def make_deal_creation(deal_id: int, occurred_at: datetime) -> dict[str, object]:
    """Make the element by which HubSpot reports a new deal."""
    return _make_element(occurred_at, {"subscriptionType": "deal.creation", "objectId": deal_id})


def make_property_change(
    deal_id: int, name: str, value: str, occurred_at: datetime
) -> dict[str, object]:
    """Make the element by which HubSpot reports a changed property of a deal."""
    fields = {
        "subscriptionType": "deal.propertyChange",
        "objectId": deal_id,
        "propertyName": name,
        "propertyValue": value,
    }
    return _make_element(occurred_at, fields)


def _make_element(occurred_at: datetime, fields: Mapping[str, object]) -> dict[str, object]:
    timestamp_ms = int(occurred_at.timestamp() * 1000)
    return {
        "eventId": 1,
        "subscriptionId": 7,
        "portalId": 4242001,
        "appId": 9,
        "occurredAt": timestamp_ms,
        **fields,
    }


def measures_by_metric(snapshot: Snapshot) -> dict[tuple[str, str], SourceMeasure]:
    """Return the measure of each metric and source. All key results must have the same window."""
    return {
        (window[0], source): measure
        for window, reading in snapshot.readings.items()
        for source, measure in reading.sources.items()
    }
