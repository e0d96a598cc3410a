"""Fixtures for tests that compare past days with the reference model."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.reference_model.timeline_runner import TimelineRunner


@pytest.fixture
def timeline_runner(database_url: str) -> Iterator[TimelineRunner]:
    with asyncio.Runner() as runner:
        new_runner = TimelineRunner(database_url, runner)
        yield new_runner
        runner.run(new_runner.service.database.close())
