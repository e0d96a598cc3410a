"""A source's hook, its sealed secrets, and what it says that nobody mapped."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.security import identifiers as ids
from app.store.sources import source_health as health
from app.store.sources import sources
from app.store.sources.deliveries import StoredDelivery
from app.store.sources.source_health import Health
from app.store.sources.sources import Hook, Sealed
from tests.support.services import NOW, House, furnish

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


BILLING = Source("billing", "Billing")


async def well(built: House, actor: Actor) -> Health:
    async with built.service.database.reading() as connection:
        return (await health.health(connection, actor.organization, [BILLING], NOW))["billing"]


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
        await sources.keep_hook(
            connection, actor.organization, Hook("billing", "abc", (Sealed("one", None),))
        )
        await sources.keep_hook(
            connection, actor.organization, Hook("billing", "other", (Sealed("two", None),))
        )
    async with built.service.database.reading() as connection:
        found = await sources.hook_of(connection, actor.organization, "billing")
    assert found == Hook("billing", "abc", (Sealed("two", None),))


async def test_unmapped_values_are_those_seen_last_of_each_entity(built: House):
    actor = await built.organization()
    await furnish(built, actor)

    async def note(found: dict[str, list[tuple[str, str]]]) -> None:
        async with built.service.database.writing() as connection:
            await sources.note_unmapped(connection, actor.organization, "billing", found)

    await note(
        {"deal:1": [("stage", "x"), ("stage", "x"), ("pipeline", "p")], "deal:2": [("stage", "x")]}
    )
    assert (await well(built, actor)).unmapped == (("stage", "x", 2), ("pipeline", "p", 1))
    await note({"deal:1": [("stage", "y" * 600)]})
    assert (await well(built, actor)).unmapped == (("stage", "x", 1), ("stage", "y" * 512, 1))
    await note({"deal:1": [], "deal:2": []})
    await note({})
    assert (await well(built, actor)).unmapped == ()


async def test_a_replay_may_concern_more_records_than_a_statement_has_room_for(built: House):
    actor = await built.organization()
    async with built.service.database.writing() as connection:
        many = {f"deal:{number}": () for number in range(33_000)}
        await sources.note_unmapped(
            connection, actor.organization, "crm", {"deal:9": [("stage", "x")]}
        )
        await sources.note_unmapped(connection, actor.organization, "crm", many)
        left = select(func.count()).select_from(sources.unmapped)
        assert (
            await connection.execute(
                left.where(sources.unmapped.c.organization_id == actor.organization)
            )
        ).scalar() == 0
