"""The catalogue is read once per version of the configuration, and a stale one is noticed by whoever writes."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from app.domain.events.metrics import Matcher
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.organization import Organization, Team
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.services.runtime.matcher_cache import (
    CompiledConfiguration,
    CompiledConfigurationCache,
    load_compiled_configuration,
)
from tests.support.service_harness import (
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    open_harness,
    record_events,
    seed_playbook,
)


def make_compiled_configuration(version: int, teams: int) -> CompiledConfiguration:
    base_configuration = Configuration(organizations={"acme": Organization("acme", "Acme")})
    for number in range(teams):
        base_configuration = base_configuration.with_resource(
            Team(f"team-{number}", "Team", "sales", SCALE)
        )
    return CompiledConfiguration(base_configuration, Matcher({}), version, is_restating=False)


def test_memory_is_bounded_and_the_least_recently_used_are_evicted_first():
    cache = CompiledConfigurationCache(max_size=10)
    for number in range(3):
        cache.put(UUID(int=number), make_compiled_configuration(1, 3))  # four things each
        cache.latest(UUID(int=0))
    assert [number for number in range(3) if cache.latest(UUID(int=number)) is not None] == [0, 2]


def test_a_configuration_larger_than_the_bound_is_cached_alone():
    cache = CompiledConfigurationCache(max_size=10)
    cache.put(UUID(int=1), make_compiled_configuration(1, 2))
    cache.put(UUID(int=2), make_compiled_configuration(1, 50))
    assert cache.latest(UUID(int=1)) is None
    assert cache.latest(UUID(int=2)) is not None
    cache.put(UUID(int=2), make_compiled_configuration(2, 1))
    cache.put(UUID(int=1), make_compiled_configuration(1, 2))
    assert cache.latest(UUID(int=1)) is not None
    assert cache.latest(UUID(int=2)) is not None


@pytest.fixture
async def second_harness(
    harness: ServiceHarness, database_url: str
) -> AsyncIterator[ServiceHarness]:
    """Another process on the same database."""
    async with open_harness(database_url) as other_harness:
        yield other_harness


async def test_the_cached_configuration_is_used_while_its_version_is_current(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    cache = CompiledConfigurationCache()
    async with harness.service.database.read_transaction() as connection:
        first = await load_compiled_configuration(connection, actor.organization, cache)
        assert await load_compiled_configuration(connection, actor.organization, cache) is first
    await record_events(harness, actor, make_event("a"))
    async with harness.service.database.read_transaction() as connection:
        assert await load_compiled_configuration(connection, actor.organization, cache) is first
    await configuration.put_resource(harness.service, actor, make_metric("other"))
    async with harness.service.database.read_transaction() as connection:
        assert await load_compiled_configuration(connection, actor.organization, cache) is not first


async def test_a_team_that_another_process_made_is_known_at_once(
    harness: ServiceHarness, second_harness: ServiceHarness
):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await record_events(harness, actor, make_event("a"))
    await configuration.put_resource(
        second_harness.service, actor, Team("support", "Support", "sales", SCALE)
    )
    outcomes = await record_events(harness, actor, make_event("b", team="support"))
    assert [outcome.status for outcome in outcomes] == ["recorded"]


async def test_a_team_that_another_process_archived_is_refused_at_once(
    harness: ServiceHarness, second_harness: ServiceHarness
):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await configuration.put_resource(
        harness.service, actor, Team("support", "Support", "sales", SCALE)
    )
    await record_events(harness, actor, make_event("a", team="support"))
    await configuration.archive_resource(second_harness.service, actor, "team", "support")
    outcomes = await record_events(harness, actor, make_event("b", team="support"), make_event("c"))
    assert [outcome.status for outcome in outcomes] == ["invalid", "recorded"]


async def test_a_metric_that_another_process_redefined_matches_at_once(
    harness: ServiceHarness, second_harness: ServiceHarness
):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await record_events(harness, actor, make_event("a"))
    await configuration.put_resource(second_harness.service, actor, make_metric("other", where=()))
    (outcome,) = await record_events(harness, actor, make_event("b"))
    stored_event = await events.get_recorded_event(harness.service, actor.organization, outcome)
    assert stored_event.metrics == ("arr", "other")
