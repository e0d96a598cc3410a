"""An organization is in the queue once, until it is removed."""

from app.store.events import restatement_queue
from tests.support.service_harness import ServiceHarness


async def test_an_organization_is_queued_once_until_it_is_removed(harness: ServiceHarness):
    first = (await harness.create_organization()).organization
    second = (await harness.create_organization("other")).organization
    async with harness.service.database.write_transaction() as writer:
        for organization_id in (first, second, first):
            await restatement_queue.enqueue_organization(writer, organization_id)
        queued = await restatement_queue.list_queued_organizations(writer)
        assert sorted(queued) == sorted([first, second])
        await restatement_queue.dequeue_organization(writer, first)
        await restatement_queue.dequeue_organization(writer, first)
        assert await restatement_queue.list_queued_organizations(writer) == [second]
