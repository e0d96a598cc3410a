"""What deliveries said is kept once, and found by its records."""

from dataclasses import replace
from uuid import uuid4

from app.domain.access.actor import Actor
from app.domain.sources.crm.changes import Change
from app.store.sources import changes
from app.store.sources.changes import Told
from tests.support.services import NOW, House


def change(entity: str, key: str, other: str | None = None) -> Change:
    return Change(entity, key, NOW, "set", {"amount": "12", "seen": None}, other)


async def add(built: House, actor: Actor, *found: Change) -> frozenset[str]:
    async with built.service.database.writing() as connection:
        told = Told(actor.organization, "billing")
        return (await changes.add_changes(connection, told, 1, [(uuid4(), found)]))[0]


async def test_a_change_is_kept_once_and_the_first_stands(built: House):
    actor = await built.organization()
    assert await add(
        built, actor, change("deal:1", "a"), change("deal:1", "b"), change("deal:1", "b")
    ) == {"a", "b"}
    assert await add(built, actor, change("deal:9", "b"), change("deal:2", "c")) == {"c"}
    async with built.service.database.reading() as connection:
        told = Told(actor.organization, "billing")
        found = (await changes.known_of(connection, told, ["deal:1", "deal:2", "deal:9"])).changes
        elsewhere = (
            await changes.known_of(connection, Told(actor.organization, "other"), ["deal:1"])
        ).changes
        later = (
            await changes.known_of(connection, replace(told, generation=2), ["deal:1"])
        ).changes
    assert {entity: sorted(one.key for one in some) for entity, some in found.items()} == {
        "deal:1": ["a", "b"],
        "deal:2": ["c"],
        "deal:9": [],
    }
    assert found["deal:2"] == [change("deal:2", "c")]
    assert elsewhere == later == {"deal:1": []}


async def test_of_deliveries_at_once_the_first_one_told_a_change(built: House):
    actor = await built.organization()
    await add(built, actor, change("deal:1", "a"))
    said = [
        (uuid4(), [change("deal:1", key) for key in keys])
        for keys in (("a", "b"), (), ("b", "c", "c"), ("c", "d"))
    ]
    async with built.service.database.writing() as connection:
        told = Told(actor.organization, "billing")
        assert await changes.add_changes(connection, told, 1, said) == [{"b"}, set(), {"c"}, {"d"}]
        for (uid, _), keys in zip(said, ({"b"}, set(), {"c"}, {"d"}), strict=True):
            assert {
                one.key for one in await changes.changes_told_by(connection, told, [uid])
            } == keys


async def test_activities_are_linked_to_every_deal_they_ever_named(built: House):
    actor = await built.organization()
    await add(
        built,
        actor,
        change("call:1", "a", "deal:1"),
        change("call:1", "b", "deal:2"),
        change("call:2", "c"),
    )
    deals = ["deal:1", "deal:2", "deal:3"]
    async with built.service.database.reading() as connection:
        found = await changes.known_of(connection, Told(actor.organization, "billing"), [], deals)
    assert found.changes == {}
    assert found.links == {"deal:1": [("call:1", "a")], "deal:2": [("call:1", "b")], "deal:3": []}
