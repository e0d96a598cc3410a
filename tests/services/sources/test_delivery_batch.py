"""Deliveries that arrive together are processed under the current configuration, and fail alone."""

from asyncio import gather
from collections.abc import Callable, Mapping
from uuid import UUID

import pytest

from app.domain.events.events import Event
from app.domain.primitives.errors import NotAuthenticError, UnavailableError
from app.domain.sources.sources import Source
from app.services.playbook import configuration as configuration_service
from app.services.sources import inbound_webhooks
from app.services.sources import sources as sources_service
from app.services.sources.delivery_batch import VerifiedDelivery, process_batch
from app.store.sources import deliveries
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.hubspot_source import (
    DAY,
    MAPPING,
    SECRET,
    connect_hubspot,
    fail_on_read,
    list_live_events,
    make_deal_changes,
)
from tests.support.relay_source import Relay, parse_relay_event
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_hubspot_delivery,
    make_property_change,
)


async def process_after_interruption(
    harness: ServiceHarness,
    hook: str,
    elements: list[dict[str, object]],
    interrupt: Callable[..., object],
) -> None:
    """Run `interrupt` after a delivery was verified and before its transaction begins."""
    cached_hook = await inbound_webhooks._get_hook(harness.service, hook, NOW)
    await interrupt()  # type: ignore[misc]  # a coroutine function
    verified_delivery = VerifiedDelivery(
        cached_hook,
        make_hubspot_delivery(hook, SECRET, elements, NOW),
        UUID(int=1),
        NOW,
        fail_on_read,
    )
    await process_batch(harness.service, cached_hook.organization, [verified_delivery])


async def test_a_delivery_is_parsed_with_the_mapping_of_the_time_it_is_processed(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)

    async def remap() -> None:
        new_mapping = {**MAPPING, "value": {"property": "arr_value"}}
        source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", new_mapping)
        await sources_service.put_source(harness.service, crm_admin, source, None)

    await process_after_interruption(
        harness,
        hook,
        [
            *make_deal_changes(NOW - 10 * DAY),
            make_property_change(42, "arr_value", "7", NOW - 5 * DAY),
        ],
        remap,
    )
    won = next(e for e in await list_live_events(harness, crm_admin) if e.event.type == "deal.won")
    assert won.event.value == 7 * SCALE


async def test_a_delivery_of_a_source_archived_in_the_meantime_stores_nothing(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)

    async def archive() -> None:
        await configuration_service.archive_resource(
            harness.service, crm_admin, "source", "hubspot"
        )

    with pytest.raises(NotAuthenticError):
        await process_after_interruption(harness, hook, make_deal_changes(NOW - 10 * DAY), archive)
    async with harness.service.database.read_transaction() as reader:
        assert (
            await deliveries.list_deliveries(
                reader, crm_admin.organization, "hubspot", None, None, 10
            )
            == []
        )
    assert await list_live_events(harness, crm_admin) == []


async def test_concurrent_deliveries_are_stored_as_one_batch_and_a_failure_stays_isolated(
    relay: Relay,
):
    def fragile(element: Mapping[str, object]) -> Event:
        if element["id"] == "poison":
            raise RuntimeError
        return parse_relay_event(element)

    names = ["a", "b", "poison", "c", "a"]
    arriving = [
        relay.deliver([{"id": name}], fragile, f"msg_{index}") for index, name in enumerate(names)
    ]
    receipts = await gather(*arriving)
    assert [receipt.state for receipt in receipts] == [
        "processed",
        "processed",
        "failed",
        "processed",
        "processed",
    ]
    assert len({receipt.uid for receipt in receipts}) == len(names)
    assert sorted(
        stored_event.event.id
        for stored_event in await list_live_events(relay.harness, relay.actor, "relay")
    ) == [
        "a",
        "b",
        "c",
    ]
    assert await has_consistent_rollups(relay.harness, relay.actor)


async def test_all_concurrent_deliveries_are_unavailable_when_none_can_be_stored(
    relay: Relay, monkeypatch: pytest.MonkeyPatch
):
    async def busy(*_: object) -> None:
        raise UnavailableError("The database cannot be reached or is busy; try again shortly.")

    monkeypatch.setattr(deliveries, "add_deliveries", busy)
    arriving = [relay.deliver([{"id": name}], parse_relay_event, f"msg_{name}") for name in "abc"]
    answers = await gather(*arriving, return_exceptions=True)
    assert [type(answer) for answer in answers] == [UnavailableError] * 3
    assert await list_live_events(relay.harness, relay.actor, "relay") == []
