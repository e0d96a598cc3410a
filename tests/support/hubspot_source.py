"""A connected HubSpot source: its set-up, the changes it delivers, and what they made."""

from datetime import datetime, timedelta

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.sources.sources import Source
from app.services.sources import inbound_webhooks
from app.services.sources import sources as sources_service
from app.store.events import event_queries
from app.store.events.event_filters_sql import EventFilter
from app.store.events.event_queries import StoredEvent
from app.store.playbook import configuration as configuration_store
from app.store.sources.source_health import SourceHealthReport
from tests.support.service_harness import (
    NOW,
    ServiceHarness,
    make_deal_creation,
    make_hubspot_delivery,
    make_property_change,
    seed_playbook,
)

SECRET = "a-client-secret-of-the-app"


DAY = timedelta(days=1)


MAPPING = {
    "team": {"property": "pipeline", "map": {"default": "sales"}},
    "data": {"segment": {"property": "customer_segment"}},
    "rates": [{"from": "USD", "to": "EUR", "rate": 0.5, "valid_from": "2026-01-01"}],
}


async def connect_hubspot(
    harness: ServiceHarness, mapping: dict[str, object] | None = None
) -> tuple[Actor, str]:
    """Create an organization with a HubSpot source. Return its actor and the id of the hook."""
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", mapping or MAPPING)
    connected_source = await sources_service.put_source(harness.service, actor, source, SECRET)
    assert connected_source.hook_id is not None
    return actor, connected_source.hook_id


def fail_on_read(_raw: object) -> Event:
    raise AssertionError("HubSpot sends no events of ours")


async def deliver_changes(
    harness: ServiceHarness, hook: str, elements: object, secret: str = SECRET
) -> inbound_webhooks.DeliveryReceipt:
    delivery = make_hubspot_delivery(hook, secret, elements, harness.clock.now)  # type: ignore[arg-type]  # a list of elements, or bytes
    return await inbound_webhooks.receive_delivery(harness.service, hook, delivery, fail_on_read)


async def get_hubspot_health(harness: ServiceHarness, actor: Actor) -> SourceHealthReport:
    async with harness.service.database.read_transaction() as connection:
        stored = await configuration_store.find_resource(
            connection, actor.organization, "source", "hubspot"
        )
    assert stored is not None
    assert isinstance(stored.resource, Source)
    return (await sources_service.get_health(harness.service, actor, [stored.resource]))[0][
        "hubspot"
    ]


async def list_live_events(
    harness: ServiceHarness, actor: Actor, source: str = "hubspot"
) -> list[StoredEvent]:
    async with harness.service.database.read_transaction() as connection:
        current_configuration = await configuration_store.load_configuration(
            connection, actor.organization
        )
        return await event_queries.list_events(
            connection,
            actor.organization,
            current_configuration,
            EventFilter(source=source),
            None,
            200,
        )


def make_deal_changes(occurred_at: datetime) -> list[dict[str, object]]:
    """Build the changes of a deal that is created, moved, won and corrected."""
    return [
        make_deal_creation(42, occurred_at),
        make_property_change(42, "pipeline", "default", occurred_at),
        make_property_change(42, "dealstage", "qualifiedtobuy", occurred_at),
        make_property_change(
            42, "customer_segment", "enterprise", occurred_at + timedelta(hours=1)
        ),
        make_property_change(42, "dealstage", "contractsent", occurred_at + DAY),
        make_property_change(42, "dealstage", "closedwon", occurred_at + 2 * DAY),
        make_property_change(42, "amount", "1200.50", occurred_at + 2 * DAY),
        make_property_change(42, "amount", "1300", occurred_at + 3 * DAY),
    ]


def summarize_events(stored_events: list[StoredEvent]) -> list[tuple[object, ...]]:
    """Return the content of events, without their ids."""
    return sorted(
        (e.event.type, e.event.time, e.event.team, e.event.value, str(e.event.data), e.metrics)
        for e in stored_events
    )


CALL = "0-48"
DEAL = "0-3"


START = NOW - 10 * DAY


def make_crm_change(occurred_at: datetime, **fields: object) -> dict[str, object]:
    occurred = int(occurred_at.timestamp() * 1000)
    return {
        "eventId": 1,
        "subscriptionId": 7,
        "portalId": 4242001,
        "appId": 9,
        "occurredAt": occurred,
        **fields,
    }


def make_call_change(name: str, value: str, occurred_at: datetime) -> dict[str, object]:
    return make_crm_change(
        occurred_at,
        subscriptionType="object.propertyChange",
        objectTypeId=CALL,
        objectId=7,
        propertyName=name,
        propertyValue=value,
    )


def make_call_association(
    deal: int, occurred_at: datetime, *, removed: bool = False
) -> dict[str, object]:
    return make_crm_change(
        occurred_at,
        subscriptionType="object.associationChange",
        fromObjectTypeId=CALL,
        toObjectTypeId=DEAL,
        fromObjectId=7,
        toObjectId=deal,
        associationRemoved=removed,
    )


def make_held_call(occurred_at: datetime) -> list[dict[str, object]]:
    stamp = str(int(occurred_at.timestamp() * 1000))
    return [
        make_call_change("hs_timestamp", stamp, occurred_at),
        make_call_change("hs_call_status", "COMPLETED", occurred_at),
    ]


LINE_ITEM_MAPPING = {
    **MAPPING,
    "line_items": {
        "offering": {"property": "hs_sku", "map": {"SKU-1": "onboarding-plus", "SKU-2": "care"}}
    },
}


async def change_mapping(harness: ServiceHarness, actor: Actor, mapping: dict[str, object]) -> None:
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", mapping)
    await sources_service.put_source(harness.service, actor, source, None)


def make_merge(primary: int, absorbed: int, new: int, occurred_at: object) -> dict[str, object]:
    fields = {"primaryObjectId": primary, "mergedObjectIds": [absorbed], "newObjectId": new}
    return make_crm_change(occurred_at, subscriptionType="deal.merge", **fields)  # type: ignore[arg-type]  # an instant


def make_line_item_change(
    number: int, name: str, value: str, occurred_at: object
) -> dict[str, object]:
    fields = {
        "objectTypeId": "0-8",
        "objectId": number,
        "propertyName": name,
        "propertyValue": value,
    }
    return make_crm_change(occurred_at, subscriptionType="object.propertyChange", **fields)  # type: ignore[arg-type]  # an instant


def make_line_item_association(
    number: int, deal: int, occurred_at: object, *, removed: bool = False
) -> dict[str, object]:
    fields = {"fromObjectId": deal, "toObjectId": number, "associationRemoved": removed}
    return make_crm_change(
        occurred_at,  # type: ignore[arg-type]  # an instant
        subscriptionType="deal.associationChange",
        associationType="DEAL_TO_LINE_ITEM",
        **fields,
    )


async def list_won_deals(harness: ServiceHarness, actor: Actor) -> dict[str, object]:
    return {
        e.event.subject or "": e.event
        for e in await list_live_events(harness, actor)
        if e.event.type == "deal.won"
    }
