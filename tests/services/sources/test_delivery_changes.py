"""A change counts for the delivery that reports it first; erased records report nothing."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.connectors.connector import Delivery
from app.domain.sources.crm.changes import Change
from app.services.sources.delivery_changes import drop_erased_changes, store_changes
from app.services.sources.delivery_outcome import new_delivery_record
from app.services.sources.delivery_parsing import ParsedDelivery
from app.services.sources.source_transaction import begin_source_transaction
from app.store.operations import erasure as erasure_store
from app.store.sources.deliveries import StoredDelivery
from tests.support.hubspot_source import connect_hubspot
from tests.support.service_harness import NOW, ServiceHarness


def make_change(entity: str) -> Change:
    return Change(entity, f"key-of-{entity}", NOW, "created")


def make_deliveries(
    *entities_by_delivery: Sequence[str],
) -> tuple[list[StoredDelivery], list[ParsedDelivery]]:
    stored_deliveries = [
        new_delivery_record(UUID(int=number), "hubspot", Delivery("POST", "", {}, b""), NOW)
        for number, _ in enumerate(entities_by_delivery, 1)
    ]
    parsed_deliveries = [
        ParsedDelivery([make_change(entity) for entity in entities])
        for entities in entities_by_delivery
    ]
    return stored_deliveries, parsed_deliveries


async def test_a_change_counts_for_the_first_delivery_that_reports_it(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    stored_deliveries, parsed_deliveries = make_deliveries(["deal:1"], ["deal:1", "deal:2"], [])
    async with harness.service.database.write_transaction() as writer:
        transaction, _ = await begin_source_transaction(
            harness.service, writer, crm_admin, "hubspot", ""
        )
        delivery_changes = await store_changes(transaction, stored_deliveries, parsed_deliveries)
        replayed_changes = await store_changes(
            replace(transaction, reason="replay"), stored_deliveries, parsed_deliveries
        )
    assert [set(reported.entities) for reported in delivery_changes] == [
        {"deal:1"},
        {"deal:2"},
        set(),
    ]
    assert delivery_changes[0].reason == f"delivery {UUID(int=1)}"
    assert [(reported.new_keys, reported.reason) for reported in replayed_changes] == [
        (frozenset(), "replay")
    ] * 3


async def test_changes_of_an_erased_record_are_dropped(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    stored_deliveries, parsed_deliveries = make_deliveries(["deal:1", "deal:2"], ["deal:2"])
    async with harness.service.database.write_transaction() as writer:
        transaction, _ = await begin_source_transaction(
            harness.service, writer, crm_admin, "hubspot", ""
        )
        await store_changes(transaction, stored_deliveries, parsed_deliveries)
        await erasure_store.erase_changes(
            writer,
            transaction.source_generation,
            {"deal:1"},
            transaction.position,
            UUID(int=9),
        )
        filtered_deliveries = await drop_erased_changes(transaction, parsed_deliveries)
    assert [change.entity for change in filtered_deliveries[0].changes] == ["deal:2"]
    assert filtered_deliveries[1] is parsed_deliveries[1]
