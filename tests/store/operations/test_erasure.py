"""An erasure finds and deletes content in chunks."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.domain.sources.crm.changes import Change
from app.domain.sources.sources import Source
from app.security import identifiers
from app.services.playbook import configuration as configuration_service
from app.services.sources import sources as sources_service
from app.store.access import organization_version
from app.store.access.organization_version import WritePosition
from app.store.operations import erasure as erasure_store
from app.store.sources import changes, deliveries
from app.store.sources.changes import SourceGeneration
from app.store.sources.deliveries import StoredDelivery
from app.store.sql.database import Connection
from app.store.tables.base import get_table
from app.store.tables.sources import ChangeRow
from tests.support.service_harness import NOW, ServiceHarness, seed_playbook

DELIVERY_BODIES = [b'[{"objectId":42}]', b'[{"objectId":4711}]', b"nothing of ours", b"\x00\xff42"]


def make_delivery(number: int, body: bytes | None) -> StoredDelivery:
    rejects = [{"index": 0, "problem": "zoe@example.com is no number"}]
    headers = {"ce-subject": "zoe"}
    content_fields = (
        NOW,
        "application/json",
        headers,
        body,
        "failed",
        "zoe@example.com is no number",
        rejects,
    )
    return StoredDelivery(UUID(int=number), "crm", *content_fields, 1, 0, 0)


async def advance_version(
    harness: ServiceHarness, connection: Connection
) -> tuple[UUID, WritePosition]:
    organization = harness.actors["acme"].organization
    return organization, await organization_version.advance_version(
        connection, organization, NOW, "UTC", changes_configuration=False
    )


@pytest.fixture
async def seeded_harness(harness: ServiceHarness) -> ServiceHarness:
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await sources_service.put_source(
        harness.service,
        actor,
        Source("crm", "CRM", "hubspot", None, "sales"),
        "a-client-secret-of-the-app",
    )
    await configuration_service.put_resource(harness.service, actor, Source("other", "Other"))
    async with harness.service.database.write_transaction() as writer:
        for number, body in enumerate([*DELIVERY_BODIES, None]):
            await deliveries.add_deliveries(writer, actor.organization, make_delivery(number, body))
    return harness


@pytest.mark.parametrize(
    ("needles", "expected_numbers"),
    [
        ({"42"}, [0, 3]),
        ({"4711", "ours"}, [1, 2]),
        ({"zoe"}, [0, 1, 2, 3, 4]),
        (set(), [0, 1, 2, 3, 4]),
    ],
)
async def test_bodies_are_found_by_content_in_chunks(
    seeded_harness: ServiceHarness,
    monkeypatch: pytest.MonkeyPatch,
    needles: set[str],
    expected_numbers: list[int],
):
    monkeypatch.setattr(erasure_store, "BODY_PAGE_SIZE", 2)
    organization = seeded_harness.actors["acme"].organization
    async with seeded_harness.service.database.read_transaction() as reader:
        pages = [
            page
            async for page in erasure_store.find_deliveries_containing(
                reader, organization, "crm", needles
            )
        ]
        assert [
            stored_delivery.uid.int for page in pages for stored_delivery in page
        ] == expected_numbers
        assert all(len(page) <= 2 for page in pages)
        assert [
            page
            async for page in erasure_store.find_deliveries_containing(
                reader, organization, "other", needles
            )
        ] == []


async def test_an_erased_delivery_keeps_no_content(seeded_harness: ServiceHarness):
    async with seeded_harness.service.database.write_transaction() as writer:
        organization, _ = await advance_version(seeded_harness, writer)
        assert (
            await erasure_store.erase_bodies(writer, organization, {UUID(int=0), UUID(int=4)}) == 1
        )
        stored_deliveries = [
            await deliveries.find_delivery(writer, organization, "crm", UUID(int=number))
            for number in (0, 4, 1)
        ]
    for stored_delivery in stored_deliveries[:2]:
        assert stored_delivery is not None
        assert (
            stored_delivery.body,
            stored_delivery.headers,
            stored_delivery.rejects,
            stored_delivery.problem,
        ) == (None, {}, [], deliveries.ERASED_BODY_PROBLEM)
        assert (stored_delivery.state, stored_delivery.changes) == ("failed", 1)
    assert stored_deliveries[2] == make_delivery(1, DELIVERY_BODIES[1])


async def test_an_erased_record_keeps_only_an_erasure_mark_in_any_generation(
    seeded_harness: ServiceHarness,
):
    async with seeded_harness.service.database.write_transaction() as writer:
        organization, position = await advance_version(seeded_harness, writer)
        source_generation = SourceGeneration(organization, "crm", 2)
        for generation in (1, 2):
            for entity in ("deal:42", "deal:43"):
                change = Change(
                    entity, f"{entity}/x", NOW, "changed", {"contact": "zoe@example.com"}
                )
                changed_generation = SourceGeneration(organization, "crm", generation)
                await changes.add_changes(
                    writer, changed_generation, position.seq, [(UUID(int=1), [change])]
                )
        assert (
            await erasure_store.find_erased_records(writer, source_generation, {"deal:42"})
            == frozenset()
        )
        erasure_id = identifiers.new_uuid7(NOW)
        assert await erasure_store.find_reporting_deliveries(
            writer, organization, "crm", {"deal:42"}
        ) == {UUID(int=1)}
        assert await erasure_store.find_known_records(
            writer, organization, "crm", {"deal:42", "deal:44"}
        ) == {"deal:42"}
        assert (
            await erasure_store.erase_changes(
                writer, source_generation, {"deal:42"}, position, erasure_id
            )
            == 2
        )
        assert await erasure_store.find_erased_records(
            writer, source_generation, {"deal:42", "deal:43"}
        ) == {"deal:42"}
        assert await erasure_store.find_known_records(
            writer, organization, "crm", {"deal:42", "deal:43"}
        ) == {"deal:43"}
        (erased_change,) = (
            await changes.load_changes(writer, source_generation, ["deal:42"])
        ).changes["deal:42"]
        assert (erased_change.verb, erased_change.fields) == ("erased", {})
        change_table = get_table(ChangeRow)
        condition = change_table.c.organization_id == organization
        assert (
            await writer.execute(select(func.count()).select_from(change_table).where(condition))
        ).scalar() == 3
