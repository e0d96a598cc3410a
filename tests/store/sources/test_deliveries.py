"""Deliveries are kept raw, and the bodies that came under an id are known."""

from datetime import timedelta
from itertools import product
from uuid import UUID

from app.domain.access.actor import Actor
from app.store.sources import deliveries
from app.store.sources.deliveries import StoredDelivery
from tests.store.test_sources import delivery
from tests.support.services import NOW, House

MINUTE = timedelta(minutes=1)


async def test_a_delivery_is_found_with_its_raw_body_by_its_own_source_alone(built: House):
    actor, other = await built.organization(), await built.organization("other")
    kept = delivery(
        NOW,
        body=b"\xff\x00{",
        rejects=({"index": 1, "problem": "no"},),
        problem="no",
        state="failed",
    )
    async with built.service.database.writing() as connection:
        await deliveries.add(connection, actor.organization, kept)
    async with built.service.database.reading() as connection:
        found = await deliveries.find(connection, actor.organization, "billing", kept.uid)
        assert found is not None
        assert (found.body, found.headers, list(found.rejects)) == (
            kept.body,
            kept.headers,
            list(kept.rejects),
        )
        assert (found.received_at, found.state, found.problem) == (NOW, "failed", "no")
        assert await deliveries.find(connection, actor.organization, "other", kept.uid) is None
        assert await deliveries.find(connection, other.organization, "billing", kept.uid) is None


async def test_pages_are_newest_first_and_complete(built: House):
    actor = await built.organization()
    kept = [
        delivery(NOW + n // 2 * MINUTE, state=("failed", "processed")[n % 3 == 0]) for n in range(6)
    ]
    async with built.service.database.writing() as connection:
        for one in kept:
            await deliveries.add(connection, actor.organization, one)
    for limit, state in product((1, 2, 9), (None, "failed")):
        some = sorted(
            (one for one in kept if state in (None, one.state)),
            key=lambda one: (one.received_at, one.uid),
        )
        assert await paged(built, actor, state, limit) == [one.uid for one in reversed(some)]


async def paged(built: House, actor: Actor, state: str | None, limit: int) -> list[UUID]:
    """The uids of all pages, one after the other."""
    found: list[StoredDelivery] = []
    async with built.service.database.reading() as connection:
        while True:
            after = (found[-1].received_at, found[-1].uid) if found else None
            page = await deliveries.page(
                connection, actor.organization, "billing", state, after, limit
            )
            found += page
            if len(page) < limit:
                return [one.uid for one in found]


async def test_the_first_body_under_an_id_stands_for_its_own_source_and_organization(built: House):
    actor, other = await built.organization(), await built.organization("other")
    async with built.service.database.writing() as connection:
        for digest in ("first", "second"):
            found = {"msg_1": digest, f"msg_{digest}": digest}
            await deliveries.keep_messages(connection, actor.organization, "relay", found)
        asked = ("msg_1", "msg_second", "msg_3")
        assert await deliveries.digests_of(connection, actor.organization, "relay", asked) == {
            "msg_1": "first",
            "msg_second": "second",
        }
        assert await deliveries.digests_of(connection, actor.organization, "billing", asked) == {}
        assert await deliveries.digests_of(connection, other.organization, "relay", asked) == {}
