"""A configuration is compiled once per version, and a write of events notices an outdated one."""

from collections.abc import AsyncIterator

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.organization import Team
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.runtime.compiled_configuration import (
    find_latest_compiled,
    load_compiled_configuration,
)
from app.services.runtime.versioned_cache import VersionedCache
from tests.support.service_harness import (
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    open_harness,
    record_events,
    seed_playbook,
)


@pytest.fixture
async def second_harness(
    harness: ServiceHarness, database_url: str
) -> AsyncIterator[ServiceHarness]:
    """Another process on the same database."""
    async with open_harness(database_url) as other_harness:
        yield other_harness


async def test_the_cached_configuration_is_used_while_its_version_is_current(
    harness: ServiceHarness,
    actor: Actor,
):
    cache = VersionedCache()
    async with harness.service.database.read_transaction() as reader:
        first = await load_compiled_configuration(reader, actor.organization, cache)
        assert await load_compiled_configuration(reader, actor.organization, cache) is first
    await record_events(harness, actor, make_event("a"))
    async with harness.service.database.read_transaction() as reader:
        assert await load_compiled_configuration(reader, actor.organization, cache) is first
    await configuration_service.put_resource(harness.service, actor, make_metric("other"))
    async with harness.service.database.read_transaction() as reader:
        assert await load_compiled_configuration(reader, actor.organization, cache) is not first


async def test_a_configuration_larger_than_the_cache_is_cached_alone(harness: ServiceHarness):
    small = await harness.create_organization()
    large = await harness.create_organization("large")
    await seed_playbook(harness, large)
    cache = VersionedCache(max_cost=3)
    for actor in (small, large):
        async with harness.service.database.read_transaction() as reader:
            await load_compiled_configuration(reader, actor.organization, cache)
    assert find_latest_compiled(cache, small.organization) is None
    compiled = find_latest_compiled(cache, large.organization)
    assert compiled is not None
    assert compiled.size > cache.max_cost


async def test_a_team_that_another_process_created_is_accepted_at_once(
    harness: ServiceHarness, second_harness: ServiceHarness, actor: Actor
):
    await record_events(harness, actor, make_event("a"))
    await configuration_service.put_resource(
        second_harness.service, actor, Team("support", "Support", "sales", SCALE)
    )
    outcomes = await record_events(harness, actor, make_event("b", team="support"))
    assert [outcome.status for outcome in outcomes] == ["recorded"]


async def test_a_team_that_another_process_archived_is_refused_at_once(
    harness: ServiceHarness, second_harness: ServiceHarness, actor: Actor
):
    await configuration_service.put_resource(
        harness.service, actor, Team("support", "Support", "sales", SCALE)
    )
    await record_events(harness, actor, make_event("a", team="support"))
    await configuration_service.archive_resource(second_harness.service, actor, "team", "support")
    outcomes = await record_events(harness, actor, make_event("b", team="support"), make_event("c"))
    assert [outcome.status for outcome in outcomes] == ["invalid", "recorded"]


async def test_a_metric_that_another_process_redefined_matches_at_once(
    harness: ServiceHarness, second_harness: ServiceHarness, actor: Actor
):
    await record_events(harness, actor, make_event("a"))
    await configuration_service.put_resource(
        second_harness.service, actor, make_metric("other", where=())
    )
    (outcome,) = await record_events(harness, actor, make_event("b"))
    stored_event = await ingestion.get_recorded_event(harness.service, actor.organization, outcome)
    assert stored_event.metrics == ("arr", "other")
