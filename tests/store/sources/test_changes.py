"""Changes are stored once and found by their records."""

from dataclasses import replace
from uuid import uuid4

from app.domain.access.actor import Actor
from app.domain.sources.crm.changes import Change
from app.store.sources import changes
from app.store.sources.changes import SourceGeneration
from tests.support.service_harness import NOW, ServiceHarness


def make_change(entity: str, key: str, linked_entity: str | None = None) -> Change:
    return Change(entity, key, NOW, "set", {"amount": "12", "seen": None}, linked_entity)


async def add_record_changes(
    harness: ServiceHarness, actor: Actor, *record_changes: Change
) -> frozenset[str]:
    async with harness.service.database.write_transaction() as writer:
        source_generation = SourceGeneration(actor.organization, "billing")
        return (
            await changes.add_changes(writer, source_generation, 1, [(uuid4(), record_changes)])
        )[0]


async def test_a_change_is_stored_once_and_the_first_stays(harness: ServiceHarness):
    actor = await harness.create_organization()
    assert await add_record_changes(
        harness,
        actor,
        make_change("deal:1", "a"),
        make_change("deal:1", "b"),
        make_change("deal:1", "b"),
    ) == {"a", "b"}
    assert await add_record_changes(
        harness, actor, make_change("deal:9", "b"), make_change("deal:2", "c")
    ) == {"c"}
    async with harness.service.database.read_transaction() as reader:
        source_generation = SourceGeneration(actor.organization, "billing")
        changes_by_record = (
            await changes.load_changes(reader, source_generation, ["deal:1", "deal:2", "deal:9"])
        ).changes
        other_source_changes = (
            await changes.load_changes(
                reader, SourceGeneration(actor.organization, "other"), ["deal:1"]
            )
        ).changes
        next_generation_changes = (
            await changes.load_changes(reader, replace(source_generation, generation=2), ["deal:1"])
        ).changes
    assert {
        entity: sorted(record_change.key for record_change in record_changes)
        for entity, record_changes in changes_by_record.items()
    } == {
        "deal:1": ["a", "b"],
        "deal:2": ["c"],
        "deal:9": [],
    }
    assert changes_by_record["deal:2"] == [make_change("deal:2", "c")]
    assert other_source_changes == next_generation_changes == {"deal:1": []}


async def test_a_change_of_concurrent_deliveries_belongs_to_the_first_one(harness: ServiceHarness):
    actor = await harness.create_organization()
    await add_record_changes(harness, actor, make_change("deal:1", "a"))
    delivered_changes = [
        (uuid4(), [make_change("deal:1", key) for key in keys])
        for keys in (("a", "b"), (), ("b", "c", "c"), ("c", "d"))
    ]
    async with harness.service.database.write_transaction() as writer:
        source_generation = SourceGeneration(actor.organization, "billing")
        assert await changes.add_changes(writer, source_generation, 1, delivered_changes) == [
            {"b"},
            set(),
            {"c"},
            {"d"},
        ]
        for (uid, _), keys in zip(delivered_changes, ({"b"}, set(), {"c"}, {"d"}), strict=True):
            assert {
                record_change.key
                for record_change in await changes.changes_first_seen_in(
                    writer, source_generation, [uid]
                )
            } == keys


async def test_activities_are_linked_to_every_deal_they_ever_named(harness: ServiceHarness):
    actor = await harness.create_organization()
    await add_record_changes(
        harness,
        actor,
        make_change("call:1", "a", "deal:1"),
        make_change("call:1", "b", "deal:2"),
        make_change("call:2", "c"),
    )
    deals = ["deal:1", "deal:2", "deal:3"]
    async with harness.service.database.read_transaction() as reader:
        linked = await changes.load_changes(
            reader, SourceGeneration(actor.organization, "billing"), [], deals
        )
    assert linked.changes == {}
    assert linked.links == {"deal:1": [("call:1", "a")], "deal:2": [("call:1", "b")], "deal:3": []}
