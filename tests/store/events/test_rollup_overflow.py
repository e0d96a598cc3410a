"""Of a batch that would overflow, the events that do not fit are told apart, in the order in which they come."""

from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Matcher
from app.store.events import rollup_overflow as room
from app.store.events.ingest import prepare
from app.store.events.rollups import BOUND
from app.store.sql.column_types import day_number
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

LARGEST = 10**12 * ONE
FULL = BOUND // LARGEST


async def misfits(built: House, actor: Actor, *found: Event) -> list[str]:
    prepared = prepare(found, Matcher({"arr": metric()}), NOW, "UTC")
    async with built.service.database.reading() as connection:
        refused = await room.misfits(
            connection, actor.organization, prepared, day_number(NOW.date())
        )
    names: dict[UUID, str] = {one.uid: one.event.id for one in prepared}
    return sorted(names[uid] for uid in refused)


async def test_what_does_not_fit_beside_what_is_kept_is_told_apart(built: House):
    actor, other = await built.organization(), await built.organization("other")
    for one in (actor, other):
        await furnish(built, one)
    await record(built, actor, *(event(f"kept-{n}", value=LARGEST) for n in range(FULL - 1)))
    batch = [
        event("a", value=LARGEST),
        event("b", value=LARGEST),
        event("c", value=ONE),
        event("d", value=-LARGEST),
    ]
    batch += [event("e", value=LARGEST), event("elsewhere", value=LARGEST, type="noise")]
    assert await misfits(built, actor, *batch) == ["b"]
    assert await misfits(built, other, *batch) == []


async def test_effort_and_sales_overflow_too(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    worked = [
        event(f"w{n:04}", effort=LARGEST, type="noise", team="sales") for n in range(FULL + 2)
    ]
    assert await misfits(built, actor, *worked) == [f"w{FULL:04}", f"w{FULL + 1:04}"]
    sold = [
        event(f"s{n:04}", effort=0, value=None, offerings=(("x", LARGEST),))
        for n in range(FULL + 1)
    ]
    assert await misfits(built, actor, *sold) == [f"s{FULL:04}"]
