"""Imported records become events once, dated by their own properties."""

import json

import pytest

from app.domain.primitives.errors import MalformedError
from app.services.sources import replay as replay_service
from app.services.sources.record_import import import_records
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.hubspot_source import (
    DAY,
    LINE_ITEM_MAPPING,
    START,
    change_mapping,
    connect_hubspot,
    deliver_changes,
    fail_on_read,
    get_hubspot_health,
    list_live_events,
    list_won_deals,
)
from tests.support.service_harness import NOW, SCALE, ServiceHarness, make_property_change

STAGE_FIELDS = {"hs_lastmodifieddate": "2026-10-20T10:00:00Z", "dealstage": "closedwon"}
DATES = {"createdate": "2026-08-01", "closedate": "2026-10-05T10:00:00Z"}
RECORDS = [
    {
        "id": "7",
        "amount": "900",
        "pipeline": "default",
        "customer_segment": "enterprise",
        **STAGE_FIELDS,
        **DATES,
    },
    {"id": "8", "properties": {"amount": "", **STAGE_FIELDS}},
    {"id": "a/b"},
]


async def test_earlier_deals_are_imported_once_with_the_dates_of_their_records(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    body = json.dumps({"records": RECORDS}).encode()
    imported = (
        await import_records(harness.service, crm_admin, "hubspot", body, fail_on_read)
    ).stored_delivery
    assert (imported.state, imported.origin, imported.changes, len(imported.rejects)) == (
        "processed",
        "records",
        2,
        1,
    )
    won_deals = await list_won_deals(harness, crm_admin)
    assert won_deals["deal/7"].time.isoformat() == "2026-10-05T10:00:00+00:00"  # type: ignore[attr-defined]  # an event
    assert won_deals["deal/8"].value is None  # type: ignore[attr-defined]  # an event
    assert (
        len(
            [
                e
                for e in await list_live_events(harness, crm_admin)
                if e.event.type == "deal.created"
            ]
        )
        == 1
    )
    repeated_import = await import_records(
        harness.service, crm_admin, "hubspot", body, fail_on_read
    )
    repeated_delivery = repeated_import.stored_delivery
    assert repeated_import.deals_without_amount == ["8"]
    assert (repeated_delivery.changes, repeated_delivery.recorded, repeated_delivery.retracted) == (
        0,
        0,
        0,
    )
    await deliver_changes(
        harness, hook, [make_property_change(7, "dealstage", "contractsent", NOW - DAY)]
    )  # the deal is reopened
    assert set(await list_won_deals(harness, crm_admin)) == {"deal/8"}
    health = await get_hubspot_health(harness, crm_admin)
    assert health.wins_without_amount == 1
    assert await has_consistent_rollups(harness, crm_admin)
    with pytest.raises(MalformedError):
        await import_records(harness.service, crm_admin, "hubspot", b"[]", fail_on_read)


async def test_an_imported_deal_has_line_items_and_an_unreadable_date_waits_for_a_mapping(
    harness: ServiceHarness,
):
    crm_admin, _ = await connect_hubspot(
        harness, {**LINE_ITEM_MAPPING, "closed_at": {"property": "closedate", "format": "rfc3339"}}
    )
    line_items = [
        {"id": 1, "hs_sku": "SKU-1", "amount": "1000"},
        {"id": 2, "hs_sku": "SKU-2", "amount": "20.5"},
    ]
    closed = {"dealstage": "closedwon", "amount": "900"}
    records = [
        {"id": "7", **closed, "closedate": "2026-10-05", "line_items": line_items},
        {"id": "8", **closed, "closedate": "1759658400000"},
    ]
    body = json.dumps({"records": records, "taken_at": "2026-11-01T00:00:00Z"}).encode()
    imported = (
        await import_records(harness.service, crm_admin, "hubspot", body, fail_on_read)
    ).stored_delivery
    assert [
        (reject["index"], "closedate" in str(reject["problem"])) for reject in imported.rejects
    ] == [(1, True)]
    won_deals = await list_won_deals(harness, crm_admin)
    assert set(won_deals) == {"deal/7"}, "no win is dated by its import"
    assert won_deals["deal/7"].offerings == (("care", 205_000), ("onboarding-plus", 1000 * SCALE))  # type: ignore[attr-defined]  # an event
    await change_mapping(harness, crm_admin, LINE_ITEM_MAPPING)
    await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read
    )
    won_deals = await list_won_deals(harness, crm_admin)
    assert won_deals["deal/8"].time.isoformat() == "2025-10-05T10:00:00+00:00"  # type: ignore[attr-defined]  # an event
    assert await has_consistent_rollups(harness, crm_admin)
