from collections.abc import AsyncIterator

import pytest

from tests.support.services import House, house


@pytest.fixture
async def built(database_url: str) -> AsyncIterator[House]:
    async with house(database_url) as found:
        yield found
