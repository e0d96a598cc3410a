"""Deliveries of a deal end in the same events, whatever their order and however often they come."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from itertools import permutations

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.primitives.errors import NotAuthenticError
from app.domain.sources.sources import Source
from app.services.alignment import alignment
from app.services.playbook import configuration as configuration_service
from app.services.sources import inbound_webhooks
from app.services.sources import sources as sources_service
from app.store.events import event_queries
from app.store.sources import deliveries
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.hubspot_source import (
    DAY,
    MAPPING,
    SECRET,
    connect_hubspot,
    deliver_changes,
    fail_on_read,
    get_hubspot_health,
    list_live_events,
    make_deal_changes,
    summarize_events,
)
from tests.support.relay_source import Relay, parse_relay_event
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_deal_creation,
    make_event,
    make_hubspot_delivery,
    make_metric,
    make_property_change,
    measures_by_metric,
    record_events,
    seed_playbook,
)


async def test_a_won_deal_becomes_events_that_carry_its_fields(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    receipt = await deliver_changes(harness, hook, make_deal_changes(NOW - 10 * DAY))
    events_by_type = {e.event.type: e for e in await list_live_events(harness, crm_admin)}
    assert receipt.state == "processed"
    assert set(events_by_type) == {"deal.created", "deal.moved", "deal.won"}
    won = events_by_type["deal.won"]
    assert (won.event.value, won.event.team, won.event.subject) == (
        1300 * SCALE,
        "sales",
        "deal/42",
    )
    assert (won.event.data["segment"], won.metrics) == ("enterprise", ("arr",))
    assert events_by_type["deal.created"].event.data["segment"] == "enterprise"


async def test_any_order_repetition_and_splitting_ends_in_the_same_events(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    elements = make_deal_changes(NOW - 10 * DAY)
    await deliver_changes(harness, hook, elements)
    expected_events = summarize_events(await list_live_events(harness, crm_admin))
    for number, order in enumerate(list(permutations(range(8)))[:: 40320 // 5]):
        other_actor = await harness.create_organization(f"other-{number}")
        await seed_playbook(harness, other_actor)
        source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing", MAPPING)
        other_hook = (
            await sources_service.put_source(harness.service, other_actor, source, SECRET)
        ).hook_id or ""
        for index in order:
            await deliver_changes(harness, other_hook, [elements[index]])
        await deliver_changes(harness, other_hook, elements[3:6])
        assert summarize_events(await list_live_events(harness, other_actor)) == expected_events
        assert await has_consistent_rollups(harness, other_actor)


async def test_a_correction_retracts_the_win_and_records_a_new_one_at_the_same_time(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    elements = make_deal_changes(NOW - 10 * DAY)
    await deliver_changes(harness, hook, elements[:7])
    before = next(
        e for e in await list_live_events(harness, crm_admin) if e.event.type == "deal.won"
    )
    await deliver_changes(harness, hook, elements[7:])
    after = next(
        e for e in await list_live_events(harness, crm_admin) if e.event.type == "deal.won"
    )
    assert (before.event.id, after.event.id) == ("deal/42/won/1", "deal/42/won/2")
    assert (after.event.time, after.event.value) == (before.event.time, 1300 * SCALE)
    async with harness.service.database.read_transaction() as reader:
        previous = await event_queries.find_event(reader, crm_admin.organization, before.uid)
    assert previous is not None
    assert previous.retracted_at is not None


async def test_a_reopened_deal_retracts_its_win(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, make_deal_changes(NOW - 10 * DAY))
    await deliver_changes(
        harness, hook, [make_property_change(42, "dealstage", "contractsent", NOW - DAY)]
    )
    assert "deal.won" not in {e.event.type for e in await list_live_events(harness, crm_admin)}
    assert (
        measures_by_metric((await alignment.get_alignment(harness.service, crm_admin)).snapshot)
        == {}
    )
    assert await has_consistent_rollups(harness, crm_admin)


async def test_an_amount_in_another_currency_is_converted_at_its_day_s_rate(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    occurred_at = NOW - 10 * DAY
    await deliver_changes(
        harness,
        hook,
        [
            *make_deal_changes(occurred_at),
            make_property_change(42, "deal_currency_code", "USD", occurred_at),
        ],
    )
    won = next(e for e in await list_live_events(harness, crm_admin) if e.event.type == "deal.won")
    assert (won.event.value, won.event.unit) == (650 * SCALE, "EUR")
    assert (won.event.data["original_value"], won.event.data["original_unit"]) == (1300, "USD")


async def test_values_that_the_mapping_does_not_know_are_listed(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(
        harness,
        hook,
        [
            make_deal_creation(7, NOW - DAY),
            make_property_change(7, "dealstage", "1234567", NOW - DAY),
        ],
    )
    health = await get_hubspot_health(harness, crm_admin)
    assert ("dealstage", "1234567", 1) in health.unmapped


async def test_a_win_without_amount_is_counted_and_named_in_the_loss(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    occurred_at = NOW - 10 * DAY
    await deliver_changes(
        harness,
        hook,
        [e for e in make_deal_changes(occurred_at) if e.get("propertyName") != "amount"],
    )
    await record_events(harness, crm_admin, make_event("a", value=SCALE))
    health = await get_hubspot_health(harness, crm_admin)
    answer = await alignment.get_alignment(harness.service, crm_admin)
    loss = next(x for x in answer.alignment.losses if x.key_result == "arr-2m")
    assert health.wins_without_amount == 1
    assert "1 " in loss.detail
    assert [reading.missing_value_count for reading in answer.snapshot.readings.values()] == [1]


async def test_a_win_in_another_currency_is_left_out_counted_and_named_in_the_loss(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    await configuration_service.write_configuration(
        harness.service,
        crm_admin,
        lambda current: current.with_resource(make_metric(events=("deal.won",), unit="EUR")),
    )
    await deliver_changes(
        harness,
        hook,
        [
            *make_deal_changes(NOW - 10 * DAY),
            make_property_change(42, "deal_currency_code", "NOK", NOW - 10 * DAY),
        ],
    )
    won = next(e for e in await list_live_events(harness, crm_admin) if e.event.type == "deal.won")
    assert (won.event.value, won.event.unit) == (1300 * SCALE, "NOK")  # no silent conversion
    answer = await alignment.get_alignment(harness.service, crm_admin)
    assert [reading.other_unit_count for reading in answer.snapshot.readings.values()] == [1]
    await record_events(
        harness, crm_admin, make_event("a", type="deal.won", unit="EUR", value=SCALE)
    )
    answer = await alignment.get_alignment(harness.service, crm_admin)
    loss = next(x for x in answer.alignment.losses if x.key_result == "arr-2m")
    assert loss.detail.endswith("; 1 won deal is left out: in NOK, not in EUR, and no rate")


async def test_a_forged_delivery_is_not_stored_and_rejections_are_noted_once_a_minute(
    harness: ServiceHarness, caplog: pytest.LogCaptureFixture
):
    crm_admin, hook = await connect_hubspot(harness)
    assert (await get_hubspot_health(harness, crm_admin)).last_refused_at is None
    noted = []
    for seconds in (0, 59, 1):
        harness.clock.advance(seconds=seconds)
        with pytest.raises(NotAuthenticError):
            await deliver_changes(
                harness, hook, make_deal_changes(NOW - 10 * DAY), secret="another-client-secret"
            )
        noted.append((await get_hubspot_health(harness, crm_admin)).last_refused_at)
    assert noted == [NOW, NOW, NOW + timedelta(minutes=1)]
    lines = [line.__dict__ for line in caplog.records if line.name == "sightline.deliveries"]
    assert [(line["source"], line["levelname"]) for line in lines] == [("hubspot", "WARNING")] * 2
    async with harness.service.database.read_transaction() as reader:
        assert (
            await deliveries.list_deliveries(
                reader, crm_admin.organization, "hubspot", None, None, 10
            )
            == []
        )


async def test_a_stale_signature_is_refused_and_one_of_exactly_300_seconds_is_not(
    harness: ServiceHarness,
):
    _, hook = await connect_hubspot(harness)
    delivery = make_hubspot_delivery(hook, SECRET, make_deal_changes(NOW - 10 * DAY), NOW)
    harness.clock.advance(seconds=300)
    assert (
        await inbound_webhooks.receive_delivery(harness.service, hook, delivery, fail_on_read)
    ).state == "processed"
    harness.clock.advance(seconds=1)
    with pytest.raises(NotAuthenticError):
        await inbound_webhooks.receive_delivery(harness.service, hook, delivery, fail_on_read)


async def test_an_authentic_body_that_cannot_be_read_is_stored_as_failed(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    receipt = await deliver_changes(harness, hook, b'[{"objectId": NaN}]')
    async with harness.service.database.read_transaction() as reader:
        (stored_delivery,) = await deliveries.list_deliveries(
            reader, crm_admin.organization, "hubspot", None, None, 10
        )
    assert (receipt.state, stored_delivery.state, stored_delivery.body) == (
        "failed",
        "failed",
        b'[{"objectId": NaN}]',
    )
    assert stored_delivery.problem


async def test_elements_of_another_portal_are_set_aside_and_the_others_count(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    foreign_element = {**make_deal_creation(9, NOW - DAY), "portalId": 1}
    await deliver_changes(harness, hook, [foreign_element, make_deal_creation(8, NOW - DAY)])
    async with harness.service.database.read_transaction() as reader:
        (stored_delivery,) = await deliveries.list_deliveries(
            reader, crm_admin.organization, "hubspot", None, None, 10
        )
    assert (stored_delivery.state, [reject["index"] for reject in stored_delivery.rejects]) == (
        "processed",
        [0],
    )


async def test_a_change_of_the_future_is_set_aside(harness: ServiceHarness):
    crm_admin, hook = await connect_hubspot(harness)
    receipt = await deliver_changes(harness, hook, [make_deal_creation(8, NOW + 2 * DAY)])
    assert receipt.state == "failed"
    assert await list_live_events(harness, crm_admin) == []


async def test_a_connected_source_takes_no_events_over_http(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    outcomes = await record_events(harness, crm_admin, make_event("x", source="hubspot"))
    assert [outcome.status for outcome in outcomes] == ["invalid"]
    assert "hubspot hook only" in str(outcomes[0].problem)


async def test_a_rotated_secret_and_the_previous_one_are_both_accepted_for_a_day(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    await sources_service.rotate_secret(
        harness.service, crm_admin, "hubspot", "the-new-client-secret"
    )
    assert (
        await deliver_changes(harness, hook, [make_deal_creation(1, NOW - DAY)])
    ).state == "processed"
    assert (
        await deliver_changes(
            harness, hook, [make_deal_creation(2, NOW - DAY)], secret="the-new-client-secret"
        )
    ).state == "processed"
    harness.clock.advance(hours=24, seconds=1)
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(3, NOW - DAY)])


async def load_only_delivery(
    harness: ServiceHarness, actor: Actor, source: str = "hubspot"
) -> deliveries.StoredDelivery:
    async with harness.service.database.read_transaction() as reader:
        (stored_delivery,) = await deliveries.list_deliveries(
            reader, actor.organization, source, None, None, 10
        )
    return stored_delivery


async def test_a_rejected_element_is_named_by_its_index_in_the_delivery(relay: Relay):
    await relay.deliver(
        [7, {"id": "a"}, {}, {"id": "b"}, 8, {"id": "b", "value": 2 * SCALE}], parse_relay_event
    )
    stored_delivery = await load_only_delivery(relay.harness, relay.actor, "relay")
    assert [reject["index"] for reject in stored_delivery.rejects] == [0, 2, 4, 5]
    assert (stored_delivery.state, stored_delivery.recorded) == ("processed", 2)
    assert "other content" in str(stored_delivery.rejects[3]["problem"])


async def test_a_change_of_the_future_is_named_by_its_index_in_the_delivery(
    harness: ServiceHarness,
):
    crm_admin, hook = await connect_hubspot(harness)
    good = make_deal_creation(8, NOW - DAY)
    await deliver_changes(
        harness, hook, [good, good, {**good, "portalId": 1}, make_deal_creation(9, NOW + 2 * DAY)]
    )
    assert [
        reject["index"] for reject in (await load_only_delivery(harness, crm_admin)).rejects
    ] == [
        2,
        3,
    ]


async def test_the_stored_size_of_an_invalid_delivery_is_bounded(relay: Relay):
    await relay.deliver(
        [{}, *range(1_500)],
        parse_relay_event,
        **{"user-agent": "x" * 30_000, "content-type": "y" * 30_000},
    )
    stored_delivery = await load_only_delivery(relay.harness, relay.actor, "relay")
    assert stored_delivery.state == "failed"
    assert [reject["index"] for reject in stored_delivery.rejects] == list(range(1_000))
    assert len(str(stored_delivery.rejects[0]["problem"])) == 1_000
    assert str(stored_delivery.problem).endswith(
        "1501 elements were set aside; the first 1000 are listed."
    )
    assert {len(stored_delivery.headers["user-agent"]), len(stored_delivery.content_type)} == {500}


async def test_an_unexpected_error_is_logged_without_content_of_the_delivery(
    relay: Relay, caplog: pytest.LogCaptureFixture
):
    def fail(element: Mapping[str, object]) -> Event:
        raise RuntimeError(element["id"])

    with caplog.at_level(logging.ERROR, "sightline.deliveries"):
        receipt = await relay.deliver([{"id": "confidential"}], fail)
    assert (receipt.state, receipt.problem) == ("failed", "Sightline failed on it (RuntimeError).")
    (line,) = [line for line in caplog.records if line.name == "sightline.deliveries"]
    log_fields = vars(line)
    assert (log_fields["delivery"], log_fields["source"], log_fields["error"]) == (
        str(receipt.uid),
        "relay",
        "RuntimeError",
    )
    assert "in _parse_events" in log_fields["stack"]
    assert "confidential" not in str(log_fields)
