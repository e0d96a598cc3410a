"""Fixtures of the tests of sources."""

import pytest

from app.domain.sources.sources import Source
from app.services.sources import sources as sources_service
from tests.support.relay_source import Relay
from tests.support.service_harness import ServiceHarness, seed_playbook


@pytest.fixture
async def relay(harness: ServiceHarness) -> Relay:
    """An organization with a source that sends events of ours."""
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    source = Source("relay", "Relay", "standard_webhooks", team="sales")
    return Relay(
        harness, actor, await sources_service.put_source(harness.service, actor, source, None)
    )
