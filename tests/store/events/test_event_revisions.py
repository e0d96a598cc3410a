"""Own events of a hook, read again under another mapping: what changes is recorded anew, and nothing doubles."""

import json
from collections.abc import Mapping
from datetime import timedelta

from app.api.events.event_parsing import read_event
from app.connectors.connector import Delivery
from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.services.events import ingestion as events
from app.services.sources import inbound_webhooks as deliveries
from app.services.sources import replay as replays
from app.services.sources import sources
from app.services.sources.inbound_webhooks import Taken
from app.services.sources.replay import Replayed
from app.store.events.event_queries import EventFilter, StoredEvent, page
from app.store.playbook import configuration as store
from tests.flows.test_events import clean
from tests.support.services import NOW, ONE, House, furnish

HOUR = timedelta(hours=1)
DATA = {"data": {"segment": {"property": "/data/segment"}}}
BY_VALUE = {"value": {"property": "/data/value"}, **DATA}
BY_NET = {"value": {"property": "/data/net"}, **DATA}


async def connect(built: House) -> tuple[Actor, str, str]:
    """An organization with a CloudEvents source, its hook and its secret."""
    actor = await built.organization()
    await furnish(built, actor)
    made = await sources.put(built.service, actor, source(BY_VALUE), None)
    return actor, made.hook_id or "", made.secret or ""


def source(mapping: Mapping[str, object]) -> Source:
    return Source("erp", "ERP", "cloudevents", None, "sales", mapping)


def told(id_: str, value: int, net: int) -> Mapping[str, object]:
    named = {
        "specversion": "1.0",
        "id": id_,
        "source": "s",
        "type": "invoice.paid",
        "time": "2026-11-20T12:00:00Z",
    }
    return {**named, "data": {"value": value, "net": net, "segment": "enterprise"}}


async def deliver(built: House, hook: str, secret: str, *found: Mapping[str, object]) -> Taken:
    headers = {
        "content-type": "application/cloudevents-batch+json",
        "authorization": f"Bearer {secret}",
    }
    delivery = Delivery("POST", "", headers, json.dumps(list(found)).encode())
    return await deliveries.take(built.service, hook, delivery, read_event)


async def remap(built: House, actor: Actor, mapping: Mapping[str, object]) -> None:
    await sources.put(built.service, actor, source(mapping), None)


async def again(built: House, actor: Actor) -> tuple[Replayed, dict[str, int]]:
    """A replay of everything, and the values that then stand, by id."""
    done = await replays.replay(built.service, actor, "erp", NOW - HOUR, read_event)
    assert await clean(built, actor)
    return done, {one.event.id: (one.event.value or 0) // ONE for one in await live(built, actor)}


async def live(built: House, actor: Actor) -> list[StoredEvent]:
    async with built.service.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        return await page(
            connection, actor.organization, known, EventFilter(source="erp"), None, 200
        )


async def test_an_event_that_is_read_otherwise_is_retracted_and_recorded_anew(built: House):
    actor, hook, secret = await connect(built)
    await deliver(built, hook, secret, told("a", 10, 8), told("b", 5, 5))
    await remap(built, actor, BY_NET)
    built.clock.forward(hours=2)
    done, found = await again(built, actor)
    assert (dict(done.states), done.recorded, done.retracted) == ({"processed": 1}, 1, 1)
    assert found == {"s a~2": 8, "s b": 5}
    done, _ = await again(built, actor)
    assert (dict(done.states), done.recorded, done.retracted) == ({"processed": 1}, 0, 0)
    taken = await deliver(built, hook, secret, told("a", 10, 8))  # its sender repeats it
    assert (taken.state, taken.problem) == ("processed", None)
    await remap(built, actor, BY_VALUE)
    assert (await again(built, actor))[1] == {"s a~3": 10, "s b": 5}


async def test_one_delivery_read_again_corrects_its_own_events(built: House):
    actor, hook, secret = await connect(built)
    taken = await deliver(built, hook, secret, told("a", 10, 8))
    await remap(built, actor, BY_NET)
    found = await replays.replay_one(built.service, actor, "erp", taken.uid, read_event)
    assert (found.state, found.recorded, found.retracted) == ("processed", 2, 1)
    assert [one.event.id for one in await live(built, actor)] == ["s a~2"]


async def test_what_another_delivery_told_first_stands(built: House):
    actor, hook, secret = await connect(built)
    await deliver(built, hook, secret, told("a", 10, 8))
    built.clock.forward(minutes=5)
    other = await deliver(built, hook, secret, told("a", 11, 9), told("c", 1, 1))
    assert "other content" in str(other.problem)
    for _ in range(2):
        done, found = await again(built, actor)
        assert (done.recorded, done.retracted, found) == (0, 0, {"s a": 10, "s c": 1})
    failed = await replays.replay_one(built.service, actor, "erp", other.uid, read_event)
    assert (failed.state, len(failed.rejects)) == ("processed", 1)
    await remap(built, actor, BY_NET)
    assert (await again(built, actor))[1] == {"s a~2": 8, "s c": 1}


async def test_an_event_that_was_retracted_by_hand_is_not_revived(built: House):
    actor, hook, secret = await connect(built)
    await deliver(built, hook, secret, told("a", 10, 8))
    (one,) = await live(built, actor)
    await events.retract_event(built.service, actor, one.uid, "a mistake")
    await remap(built, actor, BY_NET)
    done, found = await again(built, actor)
    assert (dict(done.states), done.recorded, found) == ({"failed": 1}, 0, {})


async def test_an_id_that_has_no_room_for_another_version_keeps_its_event(built: House):
    actor, hook, secret = await connect(built)
    await deliver(built, hook, secret, told("a" * 198, 10, 8))
    await remap(built, actor, BY_NET)
    done, found = await again(built, actor)
    assert (dict(done.states), found) == ({"failed": 1}, {f"s {'a' * 198}": 10})


async def test_an_event_that_cannot_be_read_any_more_stands(built: House):
    actor, hook, secret = await connect(built)
    await deliver(built, hook, secret, told("a", 10, 8))
    await remap(built, actor, {**BY_NET, "effort": {"property": "/data/segment"}})
    done, found = await again(built, actor)
    assert (dict(done.states), done.retracted, found) == ({"failed": 1}, 0, {"s a": 10})


async def test_a_senders_own_id_that_looks_like_a_version_is_an_event_of_its_own(built: House):
    actor, hook, secret = await connect(built)
    await deliver(built, hook, secret, told("a", 10, 8))
    (one,) = await live(built, actor)
    built.clock.forward(minutes=1)
    await events.retract_event(built.service, actor, one.uid, "a mistake, a~2 is sent for it")
    built.clock.forward(minutes=1)
    await deliver(
        built,
        hook,
        secret,
        told("a~2", 12, 12),
        told("b", 10, 8),
        told("b~2", 1, 1),
        told("b~x", 1, 1),
    )
    assert (await deliver(built, hook, secret, told("a", 10, 8))).problem is None
    built.clock.forward(minutes=1)
    await remap(built, actor, BY_NET)
    for _ in range(2):
        assert (await again(built, actor))[1] == {"s a~2": 12, "s b~2": 1, "s b~3": 8, "s b~x": 1}
