"""Fixtures for tests of use cases: a service, and an administrator of an organization."""

from collections.abc import AsyncIterator

import pytest

from app.domain.access.actor import Actor
from tests.support.service_harness import ServiceHarness, open_harness, seed_playbook


@pytest.fixture
async def harness(database_url: str) -> AsyncIterator[ServiceHarness]:
    """A service on a database of either kind."""
    async with open_harness(database_url) as service_harness:
        yield service_harness


@pytest.fixture
async def sqlite_harness(sqlite_url: str) -> AsyncIterator[ServiceHarness]:
    """A service on SQLite, for tests that would learn nothing from a second database."""
    async with open_harness(sqlite_url) as service_harness:
        yield service_harness


@pytest.fixture
async def actor(harness: ServiceHarness) -> Actor:
    """An administrator of an organization with the playbook of `seed_playbook`."""
    administrator = await harness.create_organization()
    await seed_playbook(harness, administrator)
    return administrator


@pytest.fixture
def owner(actor: Actor) -> Actor:
    """The same administrator, in tests where other actors act."""
    return actor
