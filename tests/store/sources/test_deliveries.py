"""Deliveries keep their raw body, and message ids keep the digest of their first body."""

from datetime import timedelta
from itertools import product
from uuid import UUID

from app.domain.access.actor import Actor
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery
from tests.store.sources.test_sources import make_delivery
from tests.support.service_harness import NOW, ServiceHarness

MINUTE = timedelta(minutes=1)


async def test_a_delivery_is_found_with_its_raw_body_by_its_own_source_alone(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    stored_delivery = make_delivery(
        NOW,
        body=b"\xff\x00{",
        rejects=({"index": 1, "problem": "no"},),
        problem="no",
        state="failed",
    )
    async with harness.service.database.write_transaction() as connection:
        await deliveries.add_deliveries(connection, actor.organization, stored_delivery)
    async with harness.service.database.read_transaction() as connection:
        loaded = await deliveries.find_delivery(
            connection, actor.organization, "billing", stored_delivery.uid
        )
        assert loaded is not None
        assert (loaded.body, loaded.headers, list(loaded.rejects)) == (
            stored_delivery.body,
            stored_delivery.headers,
            list(stored_delivery.rejects),
        )
        assert (loaded.received_at, loaded.state, loaded.problem) == (NOW, "failed", "no")
        assert (
            await deliveries.find_delivery(
                connection, actor.organization, "other", stored_delivery.uid
            )
            is None
        )
        assert (
            await deliveries.find_delivery(
                connection, other_actor.organization, "billing", stored_delivery.uid
            )
            is None
        )


async def test_pages_are_newest_first_and_complete(harness: ServiceHarness):
    actor = await harness.create_organization()
    stored_deliveries = [
        make_delivery(NOW + n // 2 * MINUTE, state=("failed", "processed")[n % 3 == 0])
        for n in range(6)
    ]
    async with harness.service.database.write_transaction() as writer:
        for stored_delivery in stored_deliveries:
            await deliveries.add_deliveries(writer, actor.organization, stored_delivery)
    for limit, state in product((1, 2, 9), (None, "failed")):
        expected_deliveries = sorted(
            (
                stored_delivery
                for stored_delivery in stored_deliveries
                if state in (None, stored_delivery.state)
            ),
            key=lambda stored_delivery: (stored_delivery.received_at, stored_delivery.uid),
        )
        assert await list_paged_uids(harness, actor, state, limit) == [
            stored_delivery.uid for stored_delivery in reversed(expected_deliveries)
        ]


async def list_paged_uids(
    harness: ServiceHarness, actor: Actor, state: str | None, limit: int
) -> list[UUID]:
    """Return the uids of all pages."""
    loaded_deliveries: list[StoredDelivery] = []
    async with harness.service.database.read_transaction() as reader:
        while True:
            after = (
                (loaded_deliveries[-1].received_at, loaded_deliveries[-1].uid)
                if loaded_deliveries
                else None
            )
            page = await deliveries.list_deliveries(
                reader, actor.organization, "billing", state, after, limit
            )
            loaded_deliveries += page
            if len(page) < limit:
                return [stored_delivery.uid for stored_delivery in loaded_deliveries]


async def test_the_first_digest_of_a_message_id_stays_per_source_and_organization(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    async with harness.service.database.write_transaction() as writer:
        for digest in ("first", "second"):
            digests = {"msg_1": digest, f"msg_{digest}": digest}
            await deliveries.save_body_digests(writer, actor.organization, "relay", digests)
        message_ids = ("msg_1", "msg_second", "msg_3")
        assert await deliveries.find_body_digests(
            writer, actor.organization, "relay", message_ids
        ) == {
            "msg_1": "first",
            "msg_second": "second",
        }
        assert (
            await deliveries.find_body_digests(writer, actor.organization, "billing", message_ids)
            == {}
        )
        assert (
            await deliveries.find_body_digests(
                writer, other_actor.organization, "relay", message_ids
            )
            == {}
        )
