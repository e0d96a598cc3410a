"""A record has the slots of its own events, without those of records with a similar id."""

from app.domain.sources.crm.reconciliation import Slot
from app.services.events import ingestion
from app.store.sources.event_slots import load_event_slots
from tests.support.service_harness import (
    SCALE,
    ServiceHarness,
    make_event,
    record_events,
    seed_playbook,
)


async def test_a_slot_counts_all_recorded_events_and_shows_the_live_one(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    names = ("deal/1/won/1", "deal/1/won/2", "deal/1/moved/proposal/1", "deal/10/won/1")
    outcomes = await record_events(
        harness, actor, *(make_event(name, value=n * SCALE) for n, name in enumerate(names))
    )
    for outcome in (outcomes[0], outcomes[2]):
        assert outcome.uid is not None
        await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
    async with harness.service.database.read_transaction() as reader:
        slots, uids = await load_event_slots(
            reader, actor.organization, "billing", ["deal:1", "deal:2"]
        )
    won = slots["deal:1"]["deal/1/won"]
    assert (won.recorded_count, won.live is not None and won.live.value) == (2, SCALE)
    assert slots["deal:1"]["deal/1/moved/proposal"] == Slot(1, None)
    assert (set(slots["deal:1"]), slots["deal:2"]) == ({"deal/1/won", "deal/1/moved/proposal"}, {})
    assert uids == {"deal/1/won/2": outcomes[1].uid}
