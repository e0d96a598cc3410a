"""A record's slots are those of its own events, and of no record whose id begins alike."""

from app.domain.sources.crm.reconciliation import Slot
from app.services.events import ingestion as events
from app.store.sources.event_slots import slots_of
from tests.support.services import ONE, House, event, furnish, record


async def test_a_slot_counts_all_it_ever_had_and_shows_the_live_one(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    names = ("deal/1/won/1", "deal/1/won/2", "deal/1/moved/proposal/1", "deal/10/won/1")
    items = await record(
        built, actor, *(event(name, value=n * ONE) for n, name in enumerate(names))
    )
    for item in (items[0], items[2]):
        assert item.uid is not None
        await events.retract_event(built.service, actor, item.uid, "a mistake")
    async with built.service.database.reading() as connection:
        slots, uids = await slots_of(
            connection, actor.organization, "billing", ["deal:1", "deal:2"]
        )
    won = slots["deal:1"]["deal/1/won"]
    assert (won.recorded, won.live is not None and won.live.value) == (2, ONE)
    assert slots["deal:1"]["deal/1/moved/proposal"] == Slot(1, None)
    assert (set(slots["deal:1"]), slots["deal:2"]) == ({"deal/1/won", "deal/1/moved/proposal"}, {})
    assert uids == {"deal/1/won/2": items[1].uid}
