"""Deliveries are kept raw, and what they said is kept once."""

from datetime import timedelta
from itertools import product
from uuid import UUID, uuid4

from app.domain.access import Actor
from app.domain.changes import Change
from app.domain.desired import Slot
from app.flows import events
from app.store import deliveries
from app.store.deliveries import StoredDelivery, Told
from tests.store.test_sources import delivery
from tests.support.services import NOW, ONE, House, event, furnish, record

MINUTE = timedelta(minutes=1)


def change(entity: str, key: str, other: str | None = None) -> Change:
    return Change(entity, key, NOW, "set", {"amount": "12", "seen": None}, other)


async def add(built: House, actor: Actor, *found: Change) -> frozenset[str]:
    async with built.service.database.writing() as connection:
        return await deliveries.add_changes(connection, Told(actor.organization, "billing"), uuid4(), 1, found)


async def test_a_delivery_is_found_with_its_raw_body_by_its_own_source_alone(built: House):
    actor, other = await built.organization(), await built.organization("other")
    kept = delivery(NOW, body=b"\xff\x00{", rejects=({"index": 1, "problem": "no"},), problem="no", state="failed")
    async with built.service.database.writing() as connection:
        await deliveries.add(connection, actor.organization, kept)
    async with built.service.database.reading() as connection:
        found = await deliveries.find(connection, actor.organization, "billing", kept.uid)
        assert found is not None
        assert (found.body, found.headers, list(found.rejects)) == (kept.body, kept.headers, list(kept.rejects))
        assert (found.received_at, found.state, found.problem) == (NOW, "failed", "no")
        assert await deliveries.find(connection, actor.organization, "other", kept.uid) is None
        assert await deliveries.find(connection, other.organization, "billing", kept.uid) is None


async def test_pages_are_newest_first_and_complete(built: House):
    actor = await built.organization()
    kept = [delivery(NOW + n // 2 * MINUTE, state=("failed", "processed")[n % 3 == 0]) for n in range(6)]
    async with built.service.database.writing() as connection:
        for one in kept:
            await deliveries.add(connection, actor.organization, one)
    for limit, state in product((1, 2, 9), (None, "failed")):
        some = sorted((one for one in kept if state in (None, one.state)), key=lambda one: (one.received_at, one.uid))
        assert await paged(built, actor, state, limit) == [one.uid for one in reversed(some)]


async def paged(built: House, actor: Actor, state: str | None, limit: int) -> list[UUID]:
    """The uids of all pages, one after the other."""
    found: list[StoredDelivery] = []
    async with built.service.database.reading() as connection:
        while True:
            after = (found[-1].received_at, found[-1].uid) if found else None
            page = await deliveries.page(connection, actor.organization, "billing", state, after, limit)
            found += page
            if len(page) < limit:
                return [one.uid for one in found]


async def test_a_change_is_kept_once_and_the_first_stands(built: House):
    actor = await built.organization()
    assert await add(built, actor, change("deal:1", "a"), change("deal:1", "b"), change("deal:1", "b")) == {"a", "b"}
    assert await add(built, actor, change("deal:9", "b"), change("deal:2", "c")) == {"c"}
    async with built.service.database.reading() as connection:
        found = await deliveries.changes_of(
            connection, Told(actor.organization, "billing"), ["deal:1", "deal:2", "deal:9"]
        )
        elsewhere = await deliveries.changes_of(connection, Told(actor.organization, "other"), ["deal:1"])
    assert {entity: sorted(one.key for one in some) for entity, some in found.items()} == {
        "deal:1": ["a", "b"],
        "deal:2": ["c"],
        "deal:9": [],
    }
    assert found["deal:2"] == [change("deal:2", "c")]
    assert elsewhere == {"deal:1": []}


async def test_activities_are_linked_to_every_deal_they_ever_named(built: House):
    actor = await built.organization()
    await add(built, actor, change("call:1", "a", "deal:1"), change("call:1", "b", "deal:2"), change("call:2", "c"))
    async with built.service.database.reading() as connection:
        for deal, calls in (("deal:1", {"call:1"}), ("deal:2", {"call:1"}), ("deal:3", set())):
            assert await deliveries.linked(connection, Told(actor.organization, "billing"), [deal]) == calls


async def test_a_slot_counts_all_it_ever_had_and_shows_the_live_one(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    names = ("deal/1/won/1", "deal/1/won/2", "deal/1/moved/proposal/1", "deal/10/won/1")
    items = await record(built, actor, *(event(name, value=n * ONE) for n, name in enumerate(names)))
    for item in (items[0], items[2]):
        assert item.uid is not None
        await events.retract_event(built.service, actor, item.uid, "a mistake")
    async with built.service.database.reading() as connection:
        slots, uids = await deliveries.slots_of(connection, actor.organization, "billing", ["deal:1", "deal:2"])
    won = slots["deal:1"]["deal/1/won"]
    assert (won.recorded, won.live is not None and won.live.value) == (2, ONE)
    assert slots["deal:1"]["deal/1/moved/proposal"] == Slot(1, None)
    assert (set(slots["deal:1"]), slots["deal:2"]) == ({"deal/1/won", "deal/1/moved/proposal"}, {})
    assert uids == {"deal/1/won/2": items[1].uid}


async def test_the_first_body_under_an_id_stands_for_its_own_source_and_organization(built: House):
    actor, other = await built.organization(), await built.organization("other")
    async with built.service.database.writing() as connection:
        for digest in ("first", "second"):
            await deliveries.keep_message(connection, actor.organization, "relay", "msg_1", digest)
        asked = (connection, actor.organization, "relay")
        assert [await deliveries.digest_of(*asked, id_) for id_ in ("msg_1", "msg_2")] == ["first", None]
        assert await deliveries.digest_of(connection, actor.organization, "billing", "msg_1") is None
        assert await deliveries.digest_of(connection, other.organization, "relay", "msg_1") is None
