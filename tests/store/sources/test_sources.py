"""Hooks, encrypted secrets and unmapped values of sources."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.domain.access.actor import Actor
from app.domain.sources.sources import Source
from app.security import identifiers
from app.store.sources import source_health
from app.store.sources import sources as sources_store
from app.store.sources.deliveries import StoredDelivery
from app.store.sources.source_health import SourceHealthReport
from app.store.sources.sources import SealedSecret, StoredHook
from tests.support.service_harness import NOW, ServiceHarness, seed_playbook

HOUR = timedelta(hours=1)


def make_delivery(received_at: datetime, **overrides: object) -> StoredDelivery:
    base_delivery = StoredDelivery(
        uid=identifiers.new_uuid7(received_at),
        source="billing",
        received_at=received_at,
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
    return replace(base_delivery, **overrides)  # type: ignore[arg-type]  # any field of a delivery


BILLING = Source("billing", "Billing")


async def load_billing_health(harness: ServiceHarness, actor: Actor) -> SourceHealthReport:
    async with harness.service.database.read_transaction() as reader:
        return (await source_health.load_source_health(reader, actor.organization, [BILLING], NOW))[
            "billing"
        ]


async def test_a_hook_is_found_by_its_source_and_by_its_id(harness: ServiceHarness):
    actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    await seed_playbook(harness, actor)
    hook = StoredHook(
        "billing", "abc", (SealedSecret("v1.k.x", None), SealedSecret("v1.k.y", NOW + HOUR))
    )
    async with harness.service.database.write_transaction() as connection:
        assert (
            await sources_store.find_hook_of_source(connection, actor.organization, "billing")
            is None
        )
        await sources_store.save_hook(connection, actor.organization, hook)
    async with harness.service.database.read_transaction() as connection:
        assert (
            await sources_store.find_hook_of_source(connection, actor.organization, "billing")
            == hook
        )
        assert await sources_store.find_hook(connection, actor.organization, "abc") == hook
        assert await sources_store.find_hook(connection, actor.organization, "abd") is None
        assert await sources_store.find_hook(connection, other_actor.organization, "abc") is None


async def test_a_stored_hook_accepts_new_secrets_and_keeps_its_id(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    async with harness.service.database.write_transaction() as connection:
        await sources_store.save_hook(
            connection,
            actor.organization,
            StoredHook("billing", "abc", (SealedSecret("one", None),)),
        )
        await sources_store.save_hook(
            connection,
            actor.organization,
            StoredHook("billing", "other", (SealedSecret("two", None),)),
        )
    async with harness.service.database.read_transaction() as connection:
        stored_hook = await sources_store.find_hook_of_source(
            connection, actor.organization, "billing"
        )
    assert stored_hook == StoredHook("billing", "abc", (SealedSecret("two", None),))


async def test_unmapped_values_are_those_seen_last_of_each_entity(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)

    async def note_unmapped(unmapped_by_entity: dict[str, list[tuple[str, str]]]) -> None:
        async with harness.service.database.write_transaction() as writer:
            await sources_store.save_unmapped_values(
                writer, actor.organization, "billing", unmapped_by_entity
            )

    await note_unmapped(
        {"deal:1": [("stage", "x"), ("stage", "x"), ("pipeline", "p")], "deal:2": [("stage", "x")]}
    )
    assert (await load_billing_health(harness, actor)).unmapped == (
        ("stage", "x", 2),
        ("pipeline", "p", 1),
    )
    await note_unmapped({"deal:1": [("stage", "y" * 600)]})
    assert (await load_billing_health(harness, actor)).unmapped == (
        ("stage", "x", 1),
        ("stage", "y" * 512, 1),
    )
    await note_unmapped({"deal:1": [], "deal:2": []})
    await note_unmapped({})
    assert (await load_billing_health(harness, actor)).unmapped == ()


async def test_a_replay_can_affect_more_records_than_a_statement_can_bind(harness: ServiceHarness):
    actor = await harness.create_organization()
    async with harness.service.database.write_transaction() as writer:
        many_records = {f"deal:{number}": () for number in range(33_000)}
        await sources_store.save_unmapped_values(
            writer, actor.organization, "crm", {"deal:9": [("stage", "x")]}
        )
        await sources_store.save_unmapped_values(writer, actor.organization, "crm", many_records)
        remaining_query = select(func.count()).select_from(sources_store.unmapped_table)
        assert (
            await writer.execute(
                remaining_query.where(
                    sources_store.unmapped_table.c.organization_id == actor.organization
                )
            )
        ).scalar() == 0
