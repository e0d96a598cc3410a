"""Activities and their deals, reported in any order, end in the events they should have."""

from datetime import datetime, timedelta
from itertools import permutations

from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.services.playbook import configuration as configuration_service
from app.services.sources import sources as sources_service
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.hubspot_source import (
    DAY,
    MAPPING,
    SECRET,
    START,
    connect_hubspot,
    deliver_changes,
    list_live_events,
    make_call_association,
    make_deal_changes,
    make_held_call,
)
from tests.support.service_harness import ServiceHarness, make_property_change, seed_playbook


async def list_held_calls(
    harness: ServiceHarness, actor: Actor
) -> list[tuple[str, object, str | None, datetime]]:
    call_events = [
        stored_event.event
        for stored_event in await list_live_events(harness, actor)
        if stored_event.event.type == "call.held"
    ]
    return [
        (call_event.id, call_event.data.get("segment"), call_event.subject, call_event.time)
        for call_event in call_events
    ]


async def test_a_call_inherits_its_deal_s_fields_in_any_order_of_deliveries(
    harness: ServiceHarness,
):
    expected_fields = None
    for number, order in enumerate(permutations(("deal", "call", "link"))):
        if number == 0:
            actor, hook = await connect_hubspot(harness)
        else:
            actor = await harness.create_organization(f"o{number}")
            await seed_playbook(harness, actor)
            source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING)
            hook = (
                await sources_service.put_source(harness.service, actor, source, SECRET)
            ).hook_id or ""
        changes_by_part = {
            "deal": make_deal_changes(START),
            "call": make_held_call(START + DAY),
            "link": [make_call_association(42, START + DAY)],
        }
        for part in order:
            await deliver_changes(harness, hook, changes_by_part[part])
        (held_call,) = await list_held_calls(harness, actor)
        assert held_call[1:] == ("enterprise", "deal/42", START + DAY), order
        expected_fields = expected_fields or held_call[1:]
        assert await has_consistent_rollups(harness, actor)
    assert expected_fields is not None


async def test_a_call_without_a_deal_belongs_to_none(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, make_held_call(START))
    assert await list_held_calls(harness, crm_admin) == [("call/7/held/1", None, None, START)]


async def test_a_change_of_the_deal_is_a_change_of_its_calls(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(
        harness,
        hook,
        [
            *make_deal_changes(START),
            *make_held_call(START + DAY),
            make_call_association(42, START + DAY),
        ],
    )
    await deliver_changes(
        harness,
        hook,
        [make_property_change(42, "customer_segment", "small", START + timedelta(hours=2))],
    )
    assert await list_held_calls(harness, crm_admin) == [
        ("call/7/held/2", "small", "deal/42", START + DAY)
    ]
    await deliver_changes(
        harness, hook, [make_property_change(42, "customer_segment", "tiny", START + 5 * DAY)]
    )
    assert await list_held_calls(harness, crm_admin) == [
        ("call/7/held/2", "small", "deal/42", START + DAY)
    ]
    assert await has_consistent_rollups(harness, crm_admin)


async def test_a_call_that_leaves_its_deal_loses_what_it_inherited(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(
        harness,
        hook,
        [
            *make_deal_changes(START),
            *make_held_call(START + DAY),
            make_call_association(42, START + DAY),
        ],
    )
    await deliver_changes(harness, hook, [make_call_association(42, START + 2 * DAY, removed=True)])
    assert await list_held_calls(harness, crm_admin) == [("call/7/held/2", None, None, START + DAY)]
    await deliver_changes(
        harness,
        hook,
        [make_property_change(42, "customer_segment", "small", START + timedelta(hours=2))],
    )
    assert await list_held_calls(harness, crm_admin) == [("call/7/held/2", None, None, START + DAY)]
    assert await has_consistent_rollups(harness, crm_admin)


async def test_a_repeated_delivery_records_and_retracts_nothing(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    elements = [
        *make_deal_changes(START),
        *make_held_call(START + DAY),
        make_call_association(42, START + DAY),
    ]
    await deliver_changes(harness, hook, elements)
    before = await list_live_events(harness, crm_admin)
    await deliver_changes(harness, hook, elements)
    assert await list_live_events(harness, crm_admin) == before


async def test_a_new_event_of_an_archived_team_goes_to_the_default_team_and_recorded_ones_stay(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, make_deal_changes(START)[:4])
    assert {
        stored_event.event.team for stored_event in await list_live_events(harness, crm_admin)
    } == {"sales"}
    await configuration_service.write_configuration(
        harness.service,
        crm_admin,
        lambda current: current.with_archived("responsibility", "win/sales").with_archived(
            "team", "sales"
        ),
    )
    await deliver_changes(harness, hook, make_deal_changes(START)[4:])
    teams = {
        stored_event.event.type: stored_event.event.team
        for stored_event in await list_live_events(harness, crm_admin)
    }
    assert (teams["deal.created"], teams["deal.won"]) == ("sales", "marketing")
