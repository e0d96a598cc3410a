"""Deliveries are processed in order, each with its own outcome, or abandoned together."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import InvalidError
from app.services.sources.delivery_outcome import new_delivery_record
from app.services.sources.delivery_parsing import ParsedDelivery
from app.services.sources.delivery_processing import (
    IncomingDelivery,
    ProcessedDelivery,
    process_deliveries,
)
from app.services.sources.source_transaction import begin_source_transaction
from tests.support.hubspot_source import (
    DAY,
    SECRET,
    connect_hubspot,
    fail_on_read,
    list_live_events,
    make_deal_changes,
)
from tests.support.service_harness import (
    NOW,
    ServiceHarness,
    make_deal_creation,
    make_hubspot_delivery,
)


def make_incoming(number: int, elements: list[dict[str, object]]) -> IncomingDelivery:
    delivery = make_hubspot_delivery("hook", SECRET, elements, NOW)
    stored = new_delivery_record(UUID(int=number), "hubspot", delivery, NOW)
    return IncomingDelivery(stored, "POST", fail_on_read, NOW)


def reject_all(_parsed: ParsedDelivery) -> None:
    raise InvalidError("Too much.")


def accept_all(_parsed: ParsedDelivery) -> None:
    return


async def process(
    harness: ServiceHarness,
    actor: Actor,
    *incoming: IncomingDelivery,
    check_parsed: Callable[[ParsedDelivery], None] = accept_all,
) -> list[ProcessedDelivery]:
    async with harness.service.database.write_transaction() as writer:
        transaction, now = await begin_source_transaction(
            harness.service, writer, actor, "hubspot", ""
        )
        return await process_deliveries(transaction, incoming, now, check_parsed)


async def test_each_delivery_has_the_outcome_that_it_would_have_alone(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    changes = make_deal_changes(NOW - 10 * DAY)
    processed_deliveries = await process(
        harness,
        crm_admin,
        make_incoming(1, changes[:7]),
        make_incoming(2, changes),
        make_incoming(3, [{"portalId": 1}]),
    )
    assert [
        (
            processed.stored.state,
            processed.stored.changes,
            processed.stored.recorded,
            processed.stored.retracted,
        )
        for processed in processed_deliveries
    ] == [("processed", 7, 3, 0), ("processed", 1, 1, 1), ("failed", 0, 0, 0)]
    assert [processed.error is None for processed in processed_deliveries] == [True, True, False]


async def test_deliveries_that_the_caller_rejects_store_nothing(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    incoming = make_incoming(1, [make_deal_creation(1, NOW - timedelta(days=1))])
    with pytest.raises(InvalidError):
        await process(harness, crm_admin, incoming, check_parsed=reject_all)
    assert await list_live_events(harness, crm_admin) == []
    (processed,) = await process(harness, crm_admin, incoming)
    assert processed.stored.changes == 1
