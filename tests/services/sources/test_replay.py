"""A replay retracts and records what the mapping changes, and records nothing twice."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.access.actor import Actor
from app.domain.primitives.errors import (
    ConflictError,
    ForbiddenError,
)
from app.domain.sources.sources import Source
from app.services.alignment import alignment
from app.services.sources import replay as replay_service
from app.services.sources import sources as sources_service
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from app.store.sources import deliveries
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.hubspot_source import (
    DAY,
    LINE_ITEM_MAPPING,
    MAPPING,
    SECRET,
    START,
    change_mapping,
    connect_hubspot,
    deliver_changes,
    fail_on_read,
    list_live_events,
    list_won_deals,
    make_call_association,
    make_crm_change,
    make_deal_changes,
    make_held_call,
    make_line_item_association,
    make_line_item_change,
    make_merge,
    summarize_events,
)
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_deal_creation,
    make_property_change,
    open_harness,
    seed_playbook,
)


async def test_an_absorbed_deal_has_no_events_and_its_calls_follow(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    other_changes = [
        make_property_change(43, "dealstage", "closedwon", START + DAY),
        make_property_change(43, "amount", "5", START + DAY),
    ]
    await deliver_changes(
        harness,
        hook,
        [
            *make_deal_changes(START),
            *other_changes,
            *make_held_call(START + DAY),
            make_call_association(43, START + DAY),
        ],
    )
    assert set(await list_won_deals(harness, crm_admin)) == {"deal/42", "deal/43"}
    await deliver_changes(harness, hook, [make_merge(42, 43, 42, START + 5 * DAY)])
    assert set(await list_won_deals(harness, crm_admin)) == {"deal/42"}
    (call,) = [
        e.event for e in await list_live_events(harness, crm_admin) if e.event.type == "call.held"
    ]
    assert (call.subject, call.data["segment"]) == ("deal/42", "enterprise")
    await deliver_changes(
        harness, hook, [make_property_change(43, "amount", "6", START + 2 * DAY)]
    )  # a late report
    assert set(await list_won_deals(harness, crm_admin)) == {"deal/42"}
    assert await has_consistent_rollups(harness, crm_admin)


async def test_a_deal_merged_under_a_new_id_has_one_win(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(
        harness, hook, [*make_deal_changes(START), make_merge(42, 43, 99, START + 5 * DAY)]
    )
    await deliver_changes(
        harness,
        hook,
        [make_crm_change(START + 5 * DAY, subscriptionType="deal.deletion", objectId=42)],
    )
    await deliver_changes(
        harness, hook, [make_property_change(99, "amount", "1400", START + 6 * DAY)]
    )
    won_deals = await list_won_deals(harness, crm_admin)
    assert set(won_deals) == {"deal/99"}
    assert won_deals["deal/99"].value == 1400 * SCALE  # type: ignore[attr-defined]  # an event
    assert await has_consistent_rollups(harness, crm_admin)


async def test_line_items_are_what_was_sold(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness, LINE_ITEM_MAPPING)
    await deliver_changes(
        harness,
        hook,
        [
            *make_deal_changes(START),
            make_line_item_association(1, 42, START),
            make_line_item_association(2, 42, START),
            make_line_item_association(3, 42, START),
        ],
    )
    await deliver_changes(
        harness,
        hook,
        [
            make_line_item_change(1, "hs_sku", "SKU-1", START),
            make_line_item_change(1, "amount", "1000", START),
        ],
    )
    await deliver_changes(
        harness,
        hook,
        [
            make_line_item_change(2, "hs_sku", "SKU-2", START),
            make_line_item_change(2, "price", "100.5", START),
            make_line_item_change(2, "quantity", "2", START),
        ],
    )
    await deliver_changes(
        harness,
        hook,
        [
            make_line_item_change(3, "hs_sku", "SKU-1", START),
            make_line_item_change(3, "amount", "7", START),
        ],
    )
    won_event = (await list_won_deals(harness, crm_admin))["deal/42"]
    assert won_event.offerings == (("care", 201 * SCALE), ("onboarding-plus", 1007 * SCALE))  # type: ignore[attr-defined]  # an event
    await deliver_changes(
        harness, hook, [make_line_item_association(3, 42, START + DAY, removed=True)]
    )
    won_event = (await list_won_deals(harness, crm_admin))["deal/42"]
    assert won_event.offerings == (("care", 201 * SCALE), ("onboarding-plus", 1000 * SCALE))  # type: ignore[attr-defined]  # an event
    assert await has_consistent_rollups(harness, crm_admin)


async def test_a_failed_delivery_is_processed_by_a_replay_after_the_source_is_corrected(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    source = Source("hubspot", "HubSpot", "hubspot", "1", "marketing", MAPPING)
    await sources_service.put_source(harness.service, crm_admin, source, None)
    receipt = await deliver_changes(harness, hook, make_deal_changes(START))
    assert (receipt.state, await list_live_events(harness, crm_admin)) == ("failed", [])
    await change_mapping(harness, crm_admin, MAPPING)
    replayed_delivery = await replay_service.replay_delivery(
        harness.service, crm_admin, "hubspot", receipt.uid, fail_on_read
    )
    assert (replayed_delivery.state, replayed_delivery.problem, replayed_delivery.changes) == (
        "processed",
        None,
        8,
    )
    assert set(await list_won_deals(harness, crm_admin)) == {"deal/42"}
    replayed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", None, fail_on_read
    )
    assert (dict(replayed.state_counts), replayed.recorded_count, replayed.retracted_count) == (
        {},
        0,
        0,
    )


async def test_a_replay_under_a_new_mapping_retracts_what_changes_and_doubles_nothing(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    value_change = make_property_change(42, "arr_value", "7", START + 2 * DAY)
    await deliver_changes(harness, hook, [*make_deal_changes(START), value_change])
    before = {e.event.id for e in await list_live_events(harness, crm_admin)}
    await change_mapping(harness, crm_admin, {**MAPPING, "value": {"property": "arr_value"}})
    replayed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read
    )
    assert (dict(replayed.state_counts), replayed.recorded_count, replayed.retracted_count) == (
        {"processed": 1},
        1,
        1,
    )
    after = {e.event.id: e.event for e in await list_live_events(harness, crm_admin)}
    assert after["deal/42/won/2"].value == 7 * SCALE
    assert before - after.keys() == {"deal/42/won/1"}
    repeated = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read
    )
    assert (repeated.recorded_count, repeated.retracted_count) == (0, 0)
    await deliver_changes(
        harness, hook, [*make_deal_changes(START), value_change]
    )  # still a repetition in the new generation
    assert {e.event.id for e in await list_live_events(harness, crm_admin)} == set(after)
    assert await has_consistent_rollups(harness, crm_admin)


async def test_a_changed_account_retracts_nothing_received_under_the_previous_one(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, make_deal_changes(START))
    harness.clock.advance(days=1)
    await sources_service.put_source(
        harness.service,
        crm_admin,
        Source("hubspot", "HubSpot", "hubspot", "1", "marketing", MAPPING),
        None,
    )
    foreign = await deliver_changes(
        harness, hook, [make_property_change(42, "amount", "7", START + 2 * DAY)]
    )
    assert foreign.state == "failed"
    before = {e.event.id for e in await list_live_events(harness, crm_admin)}
    replayed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START.date(), fail_on_read
    )
    assert (dict(replayed.state_counts), replayed.recorded_count, replayed.retracted_count) == (
        {"processed": 1, "failed": 1},
        0,
        0,
    )
    assert {e.event.id for e in await list_live_events(harness, crm_admin)} == before


async def test_a_replay_is_journaled_and_a_dry_run_is_only_reported(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    receipt = await deliver_changes(harness, hook, make_deal_changes(START))
    await change_mapping(harness, crm_admin, {**MAPPING, "stages": {"contractsent": "won"}})
    previewed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read, dry_run=True
    )
    assert (previewed.recorded_count, await list_replay_entries(harness, crm_admin)) == (1, [])
    replayed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read
    )
    assert replayed == previewed
    await replay_service.replay_delivery(
        harness.service, crm_admin, "hubspot", receipt.uid, fail_on_read
    )
    await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", None, fail_on_read
    )  # no failed delivery
    counts = {"processed": 1, "recorded": 0, "retracted": 0}
    assert await list_replay_entries(harness, crm_admin) == [
        ("tester", "hubspot", {"delivery": str(receipt.uid), **counts}),
        (
            "tester",
            "hubspot",
            {
                "since": START.isoformat(),
                **counts,
                "recorded": 1,
                "retracted": replayed.retracted_count,
            },
        ),
    ]


async def list_replay_entries(
    harness: ServiceHarness, actor: Actor
) -> list[tuple[str, str, Mapping[str, object] | None]]:
    """List the replays in the journal."""
    async with harness.service.database.read_transaction() as reader:
        journal_entries = await journal.list_journal_records(
            reader, actor.organization, JournalFilter(kind="source"), None, 200
        )
    return [
        (journal_entry.actor, journal_entry.key, journal_entry.after)
        for journal_entry in journal_entries
        if journal_entry.action == "replay"
    ]


async def test_a_day_is_one_of_the_organization_s_zone(harness: ServiceHarness):
    actor = await harness.create_organization("oslo", "Europe/Oslo")
    await seed_playbook(harness, actor)
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING)
    hook = (await sources_service.put_source(harness.service, actor, source, SECRET)).hook_id or ""
    harness.clock.now = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # 00:30 on the 24th in Oslo
    await deliver_changes(harness, hook, make_deal_changes(START))
    for day, expected_states in ((24, {"processed": 1}), (25, {})):
        replayed = await replay_service.replay_deliveries(
            harness.service, actor, "hubspot", date(2026, 11, day), fail_on_read, dry_run=True
        )
        assert dict(replayed.state_counts) == expected_states


async def test_changes_of_a_delivery_without_body_remain_and_are_projected_again(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    receipt = await deliver_changes(harness, hook, make_deal_changes(START))
    async with harness.service.database.write_transaction() as writer:
        assert await deliveries.empty_bodies(writer, crm_admin.organization, NOW + DAY, 9) == 1
        assert await deliveries.empty_bodies(writer, crm_admin.organization, NOW + DAY, 9) == 0
    with pytest.raises(ConflictError, match="kept no longer"):
        await replay_service.replay_delivery(
            harness.service, crm_admin, "hubspot", receipt.uid, fail_on_read
        )
    await change_mapping(harness, crm_admin, {**MAPPING, "stages": {"contractsent": "won"}})
    replayed = await replay_service.replay_deliveries(
        harness.service, crm_admin, "hubspot", START, fail_on_read
    )
    assert (replayed.without_body_count, replayed.recorded_count) == (1, 1)
    assert (await list_won_deals(harness, crm_admin))["deal/42"].time == START + DAY  # type: ignore[attr-defined]  # an event


DEAL_CHANGES = [
    *make_deal_changes(START),
    make_property_change(43, "dealstage", "closedwon", START + DAY),
    make_property_change(43, "amount", "5", START + DAY),
    *make_held_call(START + DAY),
    make_call_association(43, START + DAY),
    make_line_item_association(1, 42, START),
    make_line_item_change(1, "hs_sku", "SKU-1", START),
    make_line_item_change(1, "amount", "1000", START),
    make_merge(42, 43, 99, START + 5 * DAY),
    make_crm_change(START + 6 * DAY, subscriptionType="deal.deletion", objectId=99),
    make_crm_change(START + 7 * DAY, subscriptionType="deal.restore", objectId=99),
    make_property_change(99, "amount", "1400", START + 8 * DAY),
    make_deal_creation(44, START),
    make_crm_change(START + timedelta(hours=1), subscriptionType="deal.deletion", objectId=44),
]


ORGANIZATION_NUMBERS = (
    count()
)  # the examples of a law share a database, so each needs organizations of its own


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.permutations(range(len(DEAL_CHANGES))),
    st.lists(st.integers(0, len(DEAL_CHANGES) - 1), max_size=6),
    st.data(),
)
async def test_any_order_repetition_and_splitting_of_deal_changes_ends_in_the_same_events(
    database_url: str, order: list[int], repeated_indexes: list[int], data: st.DataObject
):
    indexes = [*order, *repeated_indexes]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(indexes) - 1), max_size=5)))
    async with open_harness(database_url) as harness:
        summaries = []
        for portions in (
            [list(range(len(DEAL_CHANGES)))],
            [indexes[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)],
        ):
            actor = await harness.create_organization(f"o{next(ORGANIZATION_NUMBERS)}")
            await seed_playbook(harness, actor)
            source = Source(
                "hubspot", "HubSpot", "hubspot", "4242001", "marketing", LINE_ITEM_MAPPING
            )
            hook = (
                await sources_service.put_source(harness.service, actor, source, SECRET)
            ).hook_id or ""
            for portion in portions:
                await deliver_changes(harness, hook, [DEAL_CHANGES[index] for index in portion])
            assert await has_consistent_rollups(harness, actor)
            answer = await alignment.get_alignment(harness.service, actor)
            summaries.append(
                (
                    summarize_events(await list_live_events(harness, actor)),
                    answer.alignment.score,
                    answer.alignment.losses,
                )
            )
    assert summaries[0] == summaries[1]
    assert any("deal.won" in event_fields for event_fields in summaries[0][0])


async def test_only_an_admin_replays(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    reader = Actor(crm_admin.organization, "reader", frozenset({"read"}))
    with pytest.raises(ForbiddenError):
        await replay_service.replay_deliveries(
            harness.service, reader, "hubspot", None, fail_on_read
        )
