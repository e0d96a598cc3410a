"""Changes of activities that an earlier version stored under HubSpot's names stay in force."""

import pytest
from sqlalchemy import select

from app.connectors import hubspot
from app.domain.sources.crm.activity_properties import STORED_NAMES
from app.services.sources import replay as replay_service
from app.store.sources.changes import change_table
from tests.services.sources.test_reconciliation import list_held_calls
from tests.support.hubspot_source import (
    DAY,
    START,
    connect_hubspot,
    deliver_changes,
    fail_on_read,
    list_live_events,
    make_call_association,
    make_call_change,
    make_deal_changes,
    make_held_call,
)
from tests.support.service_harness import ServiceHarness


async def load_stored_changes(harness: ServiceHarness) -> dict[str, frozenset[str]]:
    """Return the names of the fields of every stored change, by its key."""
    async with harness.service.database.read_transaction() as reader:
        rows = await reader.execute(select(change_table.c.key, change_table.c.fields))
        return {change_key: frozenset(fields) for change_key, fields in rows}


async def count_stored_changes(harness: ServiceHarness) -> int:
    async with harness.service.database.read_transaction() as reader:
        return len((await reader.execute(select(change_table.c.key))).all())


async def test_a_replay_of_changes_under_old_names_begins_no_new_generation(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    crm_admin, hook = await connect_hubspot(harness)
    old_names = {
        kind: {property_name: property_name for property_name in names}
        for kind, names in STORED_NAMES.items()
    }
    with monkeypatch.context() as patch:
        patch.setattr(hubspot, "ACTIVITY_PROPERTIES", old_names)
        await deliver_changes(
            harness,
            hook,
            [
                *make_deal_changes(START),
                *make_held_call(START + DAY),
                make_call_association(42, START + DAY),
            ],
        )
    row_count = await count_stored_changes(harness)

    replayed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read
    )

    assert (replayed.recorded_count, replayed.retracted_count) == (0, 0)
    assert await count_stored_changes(harness) == row_count


async def test_a_delivery_stored_under_old_names_records_no_event_when_it_comes_again(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    crm_admin, hook = await connect_hubspot(harness)
    delivery = [
        *make_deal_changes(START),
        *make_held_call(START + DAY),
        make_call_association(42, START + DAY),
    ]
    old_names = {
        kind: {property_name: property_name for property_name in names}
        for kind, names in STORED_NAMES.items()
    }
    with monkeypatch.context() as patch:
        patch.setattr(hubspot, "ACTIVITY_PROPERTIES", old_names)
        await deliver_changes(harness, hook, delivery)
    stored_changes = await load_stored_changes(harness)
    assert {"hs_timestamp", "hs_call_status"} <= frozenset().union(*stored_changes.values())
    events = await list_live_events(harness, crm_admin)
    assert [held_call[0] for held_call in await list_held_calls(harness, crm_admin)] == [
        "call/7/held/1"
    ]

    await deliver_changes(harness, hook, delivery)

    assert await load_stored_changes(harness) == stored_changes
    assert await list_live_events(harness, crm_admin) == events

    await deliver_changes(
        harness, hook, [make_call_change("hs_call_status", "NO_ANSWER", START + 2 * DAY)]
    )
    new_fields = (await load_stored_changes(harness)).items() - stored_changes.items()
    assert [fields for _, fields in new_fields] == [{"activity:status"}]
    assert await list_held_calls(harness, crm_admin) == []
