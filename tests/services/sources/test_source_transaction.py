"""Work on a source starts only where the source receives deliveries."""

import pytest

from app.domain.primitives.errors import ConflictError, NotFoundError
from app.domain.sources.sources import Source
from app.services.playbook import configuration as configuration_service
from app.services.sources import sources as sources_service
from app.services.sources.source_transaction import begin_source_transaction
from tests.support.hubspot_source import connect_hubspot
from tests.support.service_harness import NOW, ServiceHarness


async def test_a_source_transaction_has_the_current_source_and_its_generation(
    harness: ServiceHarness,
):
    crm_admin, _ = await connect_hubspot(harness)
    async with harness.service.database.write_transaction() as writer:
        transaction, now = await begin_source_transaction(
            harness.service, writer, crm_admin, "hubspot", "a reason"
        )
        assert (now, transaction.source.key, transaction.generation) == (NOW, "hubspot", 1)
        assert transaction.source_generation.source == "hubspot"
        assert transaction.mapping.properties()


async def test_an_archived_source_and_one_without_deliveries_are_refused(harness: ServiceHarness):
    crm_admin, _ = await connect_hubspot(harness)
    await sources_service.put_source(harness.service, crm_admin, Source("direct", "Direct"), None)
    await configuration_service.archive_resource(harness.service, crm_admin, "source", "hubspot")
    for source_key, error_class in (("hubspot", NotFoundError), ("direct", ConflictError)):
        with pytest.raises(error_class):
            async with harness.service.database.write_transaction() as writer:
                await begin_source_transaction(harness.service, writer, crm_admin, source_key, "")
