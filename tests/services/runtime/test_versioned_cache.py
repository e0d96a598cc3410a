"""The cache of results, which are valid until the next write."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.organization import COMPONENTS, Policy
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.sources.sources import Source
from app.services.alignment import alignment, history
from app.services.alignment.history import HistoryQuery
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.runtime.context import ServiceContext
from app.services.runtime.versioned_cache import VersionedCache
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
    seed_playbook,
)

DAY = timedelta(days=1)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 3), st.integers(0, 30)),
        max_size=30,
    )
)
def test_the_cache_never_exceeds_its_cost_and_finds_only_the_current_version(
    writes: list[tuple[int, int, int, int]],
):
    cache = VersionedCache(50)
    latest_writes = dict[tuple[int, int], tuple[int, int, str]]()
    for number, (owner, key, version, cost) in enumerate(writes):
        cache.put(owner, key, version, str(number), cost)
        latest_writes[owner, key] = version, cost, str(number)
        cached = {
            cache_key: write
            for cache_key, write in latest_writes.items()
            if cache.get(*cache_key, write[0], str) == write[2]
        }
        assert (owner, key) in cached
        assert {
            cached_version
            for cache_key, (cached_version, _, _) in cached.items()
            if cache_key[0] == owner
        } == {version}
        assert sum(cost for _, cost, _ in cached.values()) <= 50
        for cache_key, (cached_version, _, _) in cached.items():
            assert cache.get(*cache_key, cached_version + 1, str) is None
            assert cache.get(*cache_key, cached_version, bytes) is None


def test_the_least_recently_used_is_evicted_first_and_too_costly_values_are_not_cached():
    cache = VersionedCache(2)
    cache.put("x", "a", 1, "A", 1)
    cache.put("y", "b", 1, "B", 1)
    assert cache.get("x", "a", 1, str) == "A"
    cache.put("x", "c", 1, "C", 1)
    assert [cache.get(owner, key, 1, str) for owner, key in ("xa", "yb", "xc")] == ["A", None, "C"]
    cache.put("x", "a", 1, "AAA", 3)
    assert [cache.get("x", key, 1, str) for key in "ac"] == [None, "C"]


def test_an_old_version_is_released_when_a_newer_one_is_cached():
    cache = VersionedCache()
    old_answer = frozenset("any object")
    old_reference = ref(old_answer)
    cache.put("x", "a", 1, old_answer, 1)
    cache.put("y", "a", 1, "other", 1)
    del old_answer
    assert old_reference() is not None
    cache.put("x", "b", 2, "new", 1)
    assert old_reference() is None
    assert cache.get("y", "a", 1, str) == "other"


def test_the_latest_value_can_be_read_without_its_version():
    cache = VersionedCache()
    cache.put("x", "a", 1, "old", 1)
    cache.put("x", "a", 2, "new", 1)
    assert cache.get_latest("x", "a", str) == "new"
    assert cache.get_latest("x", "a", bytes) is None
    assert cache.get_latest("y", "a", str) is None


async def test_answers_without_losses_have_a_cost_too(harness: ServiceHarness, actor: Actor):
    await configuration_service.put_resource(
        harness.service, actor, Policy(weights=dict.fromkeys(COMPONENTS, 0))
    )
    service = replace(harness.service, answer_cache=VersionedCache(200))
    first = await alignment.get_alignment(service, actor)
    assert first.alignment.losses == ()
    assert await alignment.get_alignment(service, actor) is first
    for ago in range(1, 12):
        await alignment.get_alignment(service, actor, "q4", NOW.date() - ago * DAY)
    assert await alignment.get_alignment(service, actor) is not first


async def test_a_result_is_cached_until_the_next_write(harness: ServiceHarness, actor: Actor):
    first = await alignment.get_alignment(harness.service, actor)
    assert await alignment.get_alignment(harness.service, actor) is first
    assert await alignment.get_alignment(harness.service, actor, as_of=NOW.date()) is first
    assert (await history.get_history(harness.service, actor)).points is (
        await history.get_history(harness.service, actor)
    ).points
    await record_events(harness, actor, make_event("a", value=100 * SCALE))
    assert await alignment.get_alignment(harness.service, actor) is not first


async def test_another_process_with_cached_answers_sees_every_write_immediately(
    harness: ServiceHarness,
    actor: Actor,
):
    other_service = replace(harness.service, answer_cache=VersionedCache())
    service = harness.service
    [outcome] = await record_events(harness, actor, make_event("first", value=10 * SCALE))
    assert outcome.uid is not None
    uid = outcome.uid
    writes: list[Callable[[], Awaitable[object]]] = [
        lambda: record_events(harness, actor, make_event("a", value=100 * SCALE)),
        lambda: ingestion.retract_event(service, actor, uid, "a mistake"),
        lambda: configuration_service.put_resource(service, actor, Objective("more", "q4", "More")),
        lambda: configuration_service.put_resource(
            service, actor, make_metric(events=("deal.lost",))
        ),
        lambda: configuration_service.put_resource(service, actor, Source("crm", "CRM")),
        lambda: playbooks.publish_playbook(service, actor, "q4"),
        lambda: playbooks.record_contribution(service, actor, Contribution("q4", "sales", "Ann")),
        lambda: playbooks.record_signoff(service, actor, Signoff("q4", "sales", 2, "Ann")),
        lambda: configuration_service.archive_resource(service, actor, "objective", "more"),
    ]
    for number, write in enumerate(writes):
        await load_answer_and_history(other_service, actor)
        await write()
        assert await load_answer_and_history(other_service, actor) == await load_answer_and_history(
            replace(service, answer_cache=VersionedCache()), actor
        ), number


async def load_answer_and_history(service: ServiceContext, actor: Actor) -> tuple[object, ...]:
    """Return all parts of a result and of a history."""
    answer = await alignment.get_alignment(service, actor)
    days = await history.get_history(service, actor, HistoryQuery(NOW.date() - 3 * DAY))
    return (
        answer.alignment,
        answer.snapshot.readings,
        answer.unpublished_changes,
        answer.restating_metrics,
        days.points,
    )


async def test_the_next_day_has_its_own_result(harness: ServiceHarness, actor: Actor):
    before = await alignment.get_alignment(harness.service, actor)
    harness.clock.advance(days=1)
    after = await alignment.get_alignment(harness.service, actor)
    assert after.snapshot.frame.as_of == before.snapshot.frame.as_of + DAY


@pytest.mark.parametrize("max_cost", [0, 10_000])
async def test_an_organization_never_gets_the_cached_answer_of_another(
    harness: ServiceHarness, max_cost: int
):
    acme_actor = await harness.create_organization()
    other_actor = await harness.create_organization("other")
    service = replace(harness.service, answer_cache=VersionedCache(max_cost))
    await seed_playbook(harness, acme_actor)
    await seed_playbook(harness, other_actor)
    await record_events(harness, acme_actor, make_event("a", value=100 * SCALE))
    await record_events(harness, other_actor, make_event("a", value=1 * SCALE))
    acme_answer = await alignment.get_alignment(service, acme_actor)
    other_answer = await alignment.get_alignment(service, other_actor)
    assert acme_answer.snapshot.readings != other_answer.snapshot.readings
