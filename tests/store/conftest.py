from collections.abc import AsyncIterator

import pytest

from tests.support.service_harness import ServiceHarness, open_harness


@pytest.fixture
async def harness(database_url: str) -> AsyncIterator[ServiceHarness]:
    async with open_harness(database_url) as service_harness:
        yield service_harness
