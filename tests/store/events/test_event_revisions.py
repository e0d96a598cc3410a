"""A replay under another mapping records changed events as new revisions and repeats none."""

import json
from collections.abc import Mapping
from datetime import timedelta

from app.api.events.event_parsing import parse_event
from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.services.events import ingestion
from app.services.sources import inbound_webhooks
from app.services.sources import replay as replay_service
from app.services.sources import sources as sources_service
from app.services.sources.inbound_webhooks import DeliveryReceipt
from app.services.sources.replay import ReplayResult
from app.store.events.event_filters_sql import EventFilter
from app.store.events.event_queries import StoredEvent, list_events
from app.store.playbook import configuration as configuration_store
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.service_harness import NOW, SCALE, ServiceHarness, seed_playbook

HOUR = timedelta(hours=1)
DATA = {"data": {"segment": {"property": "/data/segment"}}}
BY_VALUE = {"value": {"property": "/data/value"}, **DATA}
BY_NET = {"value": {"property": "/data/net"}, **DATA}


async def connect_erp(harness: ServiceHarness) -> tuple[Actor, str, str]:
    """Create an organization with a CloudEvents source. Return its hook and its secret."""
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    connected = await sources_service.put_source(
        harness.service, actor, make_source(BY_VALUE), None
    )
    return actor, connected.hook_id or "", connected.secret or ""


def make_source(mapping: Mapping[str, object]) -> Source:
    return Source("erp", "ERP", "cloudevents", None, "sales", mapping)


def make_cloudevent(id_: str, value: int, net: int) -> Mapping[str, object]:
    attributes = {
        "specversion": "1.0",
        "id": id_,
        "source": "s",
        "type": "invoice.paid",
        "time": "2026-11-20T12:00:00Z",
    }
    return {**attributes, "data": {"value": value, "net": net, "segment": "enterprise"}}


async def deliver_cloudevents(
    harness: ServiceHarness, hook: str, secret: str, *cloudevents: Mapping[str, object]
) -> DeliveryReceipt:
    headers = {
        "content-type": "application/cloudevents-batch+json",
        "authorization": f"Bearer {secret}",
    }
    delivery = Delivery("POST", "", headers, json.dumps(list(cloudevents)).encode())
    return await inbound_webhooks.receive_delivery(harness.service, hook, delivery, parse_event)


async def change_mapping(
    harness: ServiceHarness, actor: Actor, mapping: Mapping[str, object]
) -> None:
    await sources_service.put_source(harness.service, actor, make_source(mapping), None)


async def replay_all(harness: ServiceHarness, actor: Actor) -> tuple[ReplayResult, dict[str, int]]:
    """Replay everything. Return the replay, and the values of the live events by id."""
    replayed = await replay_service.replay_deliveries(
        harness.service, actor, "erp", NOW - HOUR, parse_event
    )
    assert await has_consistent_rollups(harness, actor)
    return replayed, {
        live_event.event.id: (live_event.event.value or 0) // SCALE
        for live_event in await list_live_events(harness, actor)
    }


async def list_live_events(harness: ServiceHarness, actor: Actor) -> list[StoredEvent]:
    async with harness.service.database.read_transaction() as reader:
        current_configuration = await configuration_store.load_configuration(
            reader, actor.organization
        )
        return await list_events(
            reader,
            actor.organization,
            current_configuration,
            EventFilter(source="erp"),
            None,
            200,
        )


async def test_an_event_with_a_changed_mapping_is_retracted_and_recorded_as_a_new_revision(
    harness: ServiceHarness,
):
    erp_admin, hook, secret = await connect_erp(harness)
    await deliver_cloudevents(
        harness, hook, secret, make_cloudevent("a", 10, 8), make_cloudevent("b", 5, 5)
    )
    await change_mapping(harness, erp_admin, BY_NET)
    harness.clock.advance(hours=2)
    replayed, values_by_id = await replay_all(harness, erp_admin)
    assert (dict(replayed.state_counts), replayed.recorded_count, replayed.retracted_count) == (
        {"processed": 1},
        1,
        1,
    )
    assert values_by_id == {"s a~2": 8, "s b": 5}
    replayed, _ = await replay_all(harness, erp_admin)
    assert (dict(replayed.state_counts), replayed.recorded_count, replayed.retracted_count) == (
        {"processed": 1},
        0,
        0,
    )
    receipt = await deliver_cloudevents(
        harness, hook, secret, make_cloudevent("a", 10, 8)
    )  # the sender repeats it
    assert (receipt.state, receipt.problem) == ("processed", None)
    await change_mapping(harness, erp_admin, BY_VALUE)
    assert (await replay_all(harness, erp_admin))[1] == {"s a~3": 10, "s b": 5}


async def test_replaying_one_delivery_corrects_its_own_events(harness: ServiceHarness):
    erp_admin, hook, secret = await connect_erp(harness)
    receipt = await deliver_cloudevents(harness, hook, secret, make_cloudevent("a", 10, 8))
    await change_mapping(harness, erp_admin, BY_NET)
    replayed_delivery = await replay_service.replay_delivery(
        harness.service, erp_admin, "erp", receipt.uid, parse_event
    )
    assert (replayed_delivery.state, replayed_delivery.recorded, replayed_delivery.retracted) == (
        "processed",
        2,
        1,
    )
    assert [live_event.event.id for live_event in await list_live_events(harness, erp_admin)] == [
        "s a~2"
    ]


async def test_the_event_of_an_earlier_delivery_stays(harness: ServiceHarness):
    erp_admin, hook, secret = await connect_erp(harness)
    await deliver_cloudevents(harness, hook, secret, make_cloudevent("a", 10, 8))
    harness.clock.advance(minutes=5)
    second_receipt = await deliver_cloudevents(
        harness, hook, secret, make_cloudevent("a", 11, 9), make_cloudevent("c", 1, 1)
    )
    assert "other content" in str(second_receipt.problem)
    for _ in range(2):
        replayed, values_by_id = await replay_all(harness, erp_admin)
        assert (replayed.recorded_count, replayed.retracted_count, values_by_id) == (
            0,
            0,
            {"s a": 10, "s c": 1},
        )
    replayed_delivery = await replay_service.replay_delivery(
        harness.service, erp_admin, "erp", second_receipt.uid, parse_event
    )
    assert (replayed_delivery.state, len(replayed_delivery.rejects)) == ("processed", 1)
    await change_mapping(harness, erp_admin, BY_NET)
    assert (await replay_all(harness, erp_admin))[1] == {"s a~2": 8, "s c": 1}


async def test_an_event_that_was_retracted_by_hand_is_not_revived(harness: ServiceHarness):
    erp_admin, hook, secret = await connect_erp(harness)
    await deliver_cloudevents(harness, hook, secret, make_cloudevent("a", 10, 8))
    (live_event,) = await list_live_events(harness, erp_admin)
    await ingestion.retract_event(harness.service, erp_admin, live_event.uid, "a mistake")
    await change_mapping(harness, erp_admin, BY_NET)
    replayed, values_by_id = await replay_all(harness, erp_admin)
    assert (dict(replayed.state_counts), replayed.recorded_count, values_by_id) == (
        {"failed": 1},
        0,
        {},
    )


async def test_an_id_too_long_for_a_revision_suffix_keeps_its_event(harness: ServiceHarness):
    erp_admin, hook, secret = await connect_erp(harness)
    await deliver_cloudevents(harness, hook, secret, make_cloudevent("a" * 198, 10, 8))
    await change_mapping(harness, erp_admin, BY_NET)
    replayed, values_by_id = await replay_all(harness, erp_admin)
    assert (dict(replayed.state_counts), values_by_id) == ({"failed": 1}, {f"s {'a' * 198}": 10})


async def test_an_event_that_cannot_be_parsed_any_more_stays(harness: ServiceHarness):
    erp_admin, hook, secret = await connect_erp(harness)
    await deliver_cloudevents(harness, hook, secret, make_cloudevent("a", 10, 8))
    await change_mapping(harness, erp_admin, {**BY_NET, "effort": {"property": "/data/segment"}})
    replayed, values_by_id = await replay_all(harness, erp_admin)
    assert (dict(replayed.state_counts), replayed.retracted_count, values_by_id) == (
        {"failed": 1},
        0,
        {"s a": 10},
    )


async def test_a_senders_own_id_that_looks_like_a_version_is_an_event_of_its_own(
    harness: ServiceHarness,
):
    erp_admin, hook, secret = await connect_erp(harness)
    await deliver_cloudevents(harness, hook, secret, make_cloudevent("a", 10, 8))
    (live_event,) = await list_live_events(harness, erp_admin)
    harness.clock.advance(minutes=1)
    await ingestion.retract_event(
        harness.service, erp_admin, live_event.uid, "a mistake, a~2 is sent for it"
    )
    harness.clock.advance(minutes=1)
    await deliver_cloudevents(
        harness,
        hook,
        secret,
        make_cloudevent("a~2", 12, 12),
        make_cloudevent("b", 10, 8),
        make_cloudevent("b~2", 1, 1),
        make_cloudevent("b~x", 1, 1),
    )
    assert (
        await deliver_cloudevents(harness, hook, secret, make_cloudevent("a", 10, 8))
    ).problem is None
    harness.clock.advance(minutes=1)
    await change_mapping(harness, erp_admin, BY_NET)
    for _ in range(2):
        assert (await replay_all(harness, erp_admin))[1] == {
            "s a~2": 12,
            "s b~2": 1,
            "s b~3": 8,
            "s b~x": 1,
        }
