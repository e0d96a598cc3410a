"""A source's hook, its sealed secrets, and how it has been doing."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.access import Actor
from app.domain.sources import Source
from app.flows import configuration, events
from app.store import deliveries, ids, sources
from app.store.deliveries import StoredDelivery
from app.store.sources import Health, Hook, Sealed
from tests.support.services import NOW, House, event, furnish, record

HOUR = timedelta(hours=1)


def delivery(at: datetime, **more: object) -> StoredDelivery:
    plain = StoredDelivery(
        uid=ids.uuid7(at),
        source="billing",
        received_at=at,
        content_type="application/json",
        headers={"content-type": "application/json"},
        body=b"\x00{}",
        state="processed",
        problem=None,
        rejects=(),
        changes=0,
        recorded=0,
        retracted=0,
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # any of a delivery's fields


async def health(built: House, actor: Actor) -> Health:
    async with built.service.database.reading() as connection:
        return await sources.health(connection, actor.organization, "billing", NOW)


async def test_a_hook_is_found_by_its_source_and_by_its_id(built: House):
    actor, other = await built.organization(), await built.organization("other")
    await furnish(built, actor)
    hook = Hook("billing", "abc", (Sealed("v1.k.x", None), Sealed("v1.k.y", NOW + HOUR)))
    async with built.service.database.writing() as connection:
        assert await sources.hook_of(connection, actor.organization, "billing") is None
        await sources.keep_hook(connection, actor.organization, hook)
    async with built.service.database.reading() as connection:
        assert await sources.hook_of(connection, actor.organization, "billing") == hook
        assert await sources.hook_named(connection, actor.organization, "abc") == hook
        assert await sources.hook_named(connection, actor.organization, "abd") is None
        assert await sources.hook_named(connection, other.organization, "abc") is None


async def test_a_kept_hook_takes_new_secrets_and_keeps_its_id(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    async with built.service.database.writing() as connection:
        await sources.keep_hook(connection, actor.organization, Hook("billing", "abc", (Sealed("one", None),)))
        await sources.keep_hook(connection, actor.organization, Hook("billing", "other", (Sealed("two", None),)))
    async with built.service.database.reading() as connection:
        found = await sources.hook_of(connection, actor.organization, "billing")
    assert found == Hook("billing", "abc", (Sealed("two", None),))


async def test_health_counts_the_last_day_s_deliveries(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    assert await health(built, actor) == Health(None, 0, 0, False, 0, ())
    async with built.service.database.writing() as connection:
        for hours, state in ((1, "processed"), (2, "failed"), (23, "failed"), (24, "failed"), (90, "processed")):
            await deliveries.add(connection, actor.organization, delivery(NOW - hours * HOUR, state=state))
        await deliveries.add(connection, actor.organization, delivery(NOW, source="other"))
    found = await health(built, actor)
    assert (found.last_delivery_at, found.deliveries_last_day, found.failures_last_day) == (NOW - HOUR, 3, 2)
    assert not found.silent
    async with built.service.database.reading() as connection:
        later = NOW + 67 * HOUR  # the longest gap so far was of 66 hours
        assert (await sources.health(connection, actor.organization, "billing", later)).silent


async def test_health_counts_the_wins_that_stand_without_an_amount(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.put(built.service, actor, Source("other", "Other"))
    items = await record(
        built,
        actor,
        event("a", type="deal.won", value=None),
        event("b", type="deal.won", value=None),
        event("c", type="deal.won", value=0),
        event("d", type="deal.lost", value=None),
        event("e", type="deal.won", value=None, source="other"),
    )
    assert (await health(built, actor)).wins_without_amount == 2
    assert isinstance(items[0].uid, UUID)
    await events.retract_event(built.service, actor, items[0].uid, "a mistake")
    assert (await health(built, actor)).wins_without_amount == 1


async def test_unmapped_values_are_those_seen_last_of_each_entity(built: House):
    actor = await built.organization()
    await furnish(built, actor)

    async def note(found: dict[str, list[tuple[str, str]]]) -> None:
        async with built.service.database.writing() as connection:
            await sources.note_unmapped(connection, actor.organization, "billing", found)

    await note({"deal:1": [("stage", "x"), ("stage", "x"), ("pipeline", "p")], "deal:2": [("stage", "x")]})
    assert (await health(built, actor)).unmapped == (("stage", "x", 2), ("pipeline", "p", 1))
    await note({"deal:1": [("stage", "y" * 600)]})
    assert (await health(built, actor)).unmapped == (("stage", "x", 1), ("stage", "y" * 512, 1))
    await note({"deal:1": [], "deal:2": []})
    await note({})
    assert (await health(built, actor)).unmapped == ()
