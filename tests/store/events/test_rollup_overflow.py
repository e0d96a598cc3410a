"""The events of a batch that do not fit are found in their order."""

from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Matcher
from app.domain.primitives.epoch import to_day_number
from app.services.events.matching import match_events
from app.store.events import rollup_overflow
from app.store.events.rollups import MAX_INTEGER
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
    seed_playbook,
)

MAX_EVENT_VALUE = 10**12 * SCALE
MAX_EVENTS_IN_BUCKET = MAX_INTEGER // MAX_EVENT_VALUE


async def list_overflowing_ids(
    harness: ServiceHarness, actor: Actor, *submitted_events: Event
) -> list[str]:
    matched_events = match_events(submitted_events, Matcher({"arr": make_metric()}), NOW, "UTC")
    async with harness.service.database.read_transaction() as reader:
        overflowing_uids = await rollup_overflow.find_overflowing_events(
            reader, actor.organization, matched_events, to_day_number(NOW.date())
        )
    names: dict[UUID, str] = {
        matched_event.uid: matched_event.event.id for matched_event in matched_events
    }
    return sorted(names[uid] for uid in overflowing_uids)


async def test_events_that_overflow_with_the_recorded_ones_are_listed(harness: ServiceHarness):
    actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    for tenant in (actor, other_actor):
        await seed_playbook(harness, tenant)
    await record_events(
        harness,
        actor,
        *(make_event(f"kept-{n}", value=MAX_EVENT_VALUE) for n in range(MAX_EVENTS_IN_BUCKET - 1)),
    )
    batch = [
        make_event("a", value=MAX_EVENT_VALUE),
        make_event("b", value=MAX_EVENT_VALUE),
        make_event("c", value=SCALE),
        make_event("d", value=-MAX_EVENT_VALUE),
    ]
    batch += [
        make_event("e", value=MAX_EVENT_VALUE),
        make_event("elsewhere", value=MAX_EVENT_VALUE, type="noise"),
    ]
    assert await list_overflowing_ids(harness, actor, *batch) == ["b"]
    assert await list_overflowing_ids(harness, other_actor, *batch) == []


async def test_effort_and_sales_overflow_too(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    effort_events = [
        make_event(f"w{n:04}", effort=MAX_EVENT_VALUE, type="noise", team="sales")
        for n in range(MAX_EVENTS_IN_BUCKET + 2)
    ]
    assert await list_overflowing_ids(harness, actor, *effort_events) == [
        f"w{MAX_EVENTS_IN_BUCKET:04}",
        f"w{MAX_EVENTS_IN_BUCKET + 1:04}",
    ]
    sold_events = [
        make_event(f"s{n:04}", effort=0, value=None, offerings=(("x", MAX_EVENT_VALUE),))
        for n in range(MAX_EVENTS_IN_BUCKET + 1)
    ]
    assert await list_overflowing_ids(harness, actor, *sold_events) == [
        f"s{MAX_EVENTS_IN_BUCKET:04}"
    ]
