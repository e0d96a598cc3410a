"""A rebuild detects and repairs every wrong roll-up, and agrees with retractions."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.domain.access.actor import Actor
from app.domain.events.metrics import AGGREGATIONS, Matcher
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.objectives import KeyResult
from app.domain.primitives.epoch import to_microseconds
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.operations import rollup_check
from app.services.playbook import configuration as configuration_service
from app.store.events import event_queries, rollup_rebuild
from app.store.playbook import configuration as configuration_store
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    measures_by_metric,
    open_harness,
    record_events,
    seed_playbook,
)

NO_DIFFERENCES = {"event": 0, "measure": 0, "attention": 0, "sold": 0}
TAMPERINGS = {
    "measure": "update measure set total = total + 1",
    "attention": "update attention set events = events + 1",
    "sold": "delete from sold",
    "event": "update event set matching = ''",
}
HOURS = (0, 1, 13, 30)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


async def load_differences(harness: ServiceHarness, actor: Actor) -> Mapping[str, int]:
    return await rollup_check.count_rollup_differences(harness.service, actor.organization)


async def create_with_all_aggregations(harness: ServiceHarness, key: str = "acme") -> Actor:
    """Create an organization with a key result for every aggregation."""
    actor = await harness.create_organization(key)
    await seed_playbook(harness, actor)
    resources: list[Resource] = [
        make_metric(aggregation, aggregation=aggregation) for aggregation in AGGREGATIONS
    ]
    resources += [KeyResult(f"by-{name}", "win", name, name, 0, SCALE) for name in AGGREGATIONS]
    await configuration_service.write_configuration(
        harness.service,
        actor,
        lambda current: reduce(Configuration.with_resource, resources, current),
    )
    return actor


async def load_extremes(harness: ServiceHarness, actor: Actor) -> dict[str, tuple[object, ...]]:
    """Return low, high and last as a score reads them, by metric."""
    measured = measures_by_metric((await alignment.get_alignment(harness.service, actor)).snapshot)
    fields_by_aggregation = {"min": "low", "max": "high", "last": "last"}
    return {
        aggregation: tuple(
            getattr(measure, part) for (key, _), measure in measured.items() if key == aggregation
        )
        for aggregation, part in fields_by_aggregation.items()
    }


@pytest.mark.parametrize("rollup", sorted(TAMPERINGS))
async def test_a_tampered_rollup_is_detected_and_rebuilt(harness: ServiceHarness, rollup: str):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await record_events(
        harness,
        actor,
        make_event("a", offerings=(("x", SCALE),)),
        make_event("b", type="call.held"),
    )
    before = await alignment.get_alignment(harness.service, actor)
    assert await load_differences(harness, actor) == NO_DIFFERENCES
    async with harness.service.database.write_transaction() as writer:
        await writer.execute(text(TAMPERINGS[rollup]))
    tampered_differences = await load_differences(harness, actor)
    assert {rollup_name for rollup_name, number in tampered_differences.items() if number} == {
        rollup
    }
    assert await rollup_check.rebuild_rollups(harness.service, actor.organization) == (
        2,
        tampered_differences,
    )
    assert await load_differences(harness, actor) == NO_DIFFERENCES
    after = await alignment.get_alignment(harness.service, actor)
    assert (after.snapshot.readings, after.snapshot.effort_cells) == (
        before.snapshot.readings,
        before.snapshot.effort_cells,
    )


async def test_rebuilding_correct_rollups_changes_nothing(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    await record_events(harness, actor, make_event("a"))
    version = (await alignment.get_alignment(harness.service, actor)).snapshot.version
    assert await rollup_check.rebuild_rollups(harness.service, actor.organization) == (
        1,
        NO_DIFFERENCES,
    )
    assert (await alignment.get_alignment(harness.service, actor)).snapshot.version == version


async def test_another_organization_s_roll_ups_are_left_alone(harness: ServiceHarness):
    first_actor = await harness.create_organization("one")
    other_actor = await harness.create_organization("other")
    for actor in (first_actor, other_actor):
        await seed_playbook(harness, actor)
        await record_events(harness, actor, make_event("a"))
    async with harness.service.database.write_transaction() as writer:
        await writer.execute(text("update measure set total = total + 1"))
    await rollup_check.rebuild_rollups(harness.service, first_actor.organization)
    assert await load_differences(harness, first_actor) == NO_DIFFERENCES
    assert await load_differences(harness, other_actor) == {**NO_DIFFERENCES, "measure": 2}


@pytest.mark.parametrize("hours", [0, 24, 72])
async def test_low_high_and_last_forget_a_retracted_value(harness: ServiceHarness, hours: int):
    actor = await create_with_all_aggregations(harness)
    event_specs = (("low", 1, 5), ("middle", 5, 4), ("high", 9, 3))
    submitted_events = [
        make_event(name, value=value * SCALE, time=NOW - timedelta(hours=hours_ago))
        for name, value, hours_ago in event_specs
    ]
    outcomes = await record_events(harness, actor, *submitted_events)
    assert await load_extremes(harness, actor) == {
        "min": (SCALE,),
        "max": (9 * SCALE,),
        "last": (((to_microseconds(NOW - timedelta(hours=3))), "high", 9 * SCALE),),
    }
    harness.clock.advance(hours=hours)
    for outcome in (outcomes[0], outcomes[2]):
        assert outcome.uid is not None
        await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
    extremes_after = await load_extremes(harness, actor)
    assert (extremes_after["min"], extremes_after["max"]) == ((5 * SCALE,), (5 * SCALE,))
    assert extremes_after["last"] == (
        ((to_microseconds(NOW - timedelta(hours=4))), "middle", 5 * SCALE),
    )
    await record_events(
        harness, actor, make_event("again", value=9 * SCALE, time=NOW - timedelta(hours=3))
    )
    assert (await load_extremes(harness, actor))["max"] == (9 * SCALE,)
    assert await load_differences(harness, actor) == NO_DIFFERENCES


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3), st.sampled_from(HOURS), st.sampled_from([None, 0, 1, 25, 60])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_rollups_after_any_recording_and_retraction_equal_a_rebuild(
    database_url: str, runner: asyncio.Runner, steps: list[tuple[int, int, int | None]]
):
    async def record_and_retract() -> Mapping[str, int]:
        async with open_harness(database_url) as harness:
            actor = await create_with_all_aggregations(
                harness, f"o{len(steps)}-{abs(hash(tuple(steps)))}"
            )
            for number, (value, hours_ago, retract_after) in enumerate(steps):
                submitted_event = make_event(
                    f"e{number}", value=value * SCALE, time=NOW - timedelta(hours=hours_ago)
                )
                (outcome,) = await record_events(harness, actor, submitted_event)
                if retract_after is not None and outcome.uid is not None:
                    harness.clock.advance(hours=retract_after)
                    await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
            live_values = [
                (v, NOW - timedelta(hours=h), f"e{n}")
                for n, (v, h, retracted_after) in enumerate(steps)
                if retracted_after is None
            ]
            extremes = await load_extremes(harness, actor)
            assert extremes["min"] == (
                (min(v for v, _, _ in live_values) * SCALE,) if live_values else ()
            )
            assert extremes["max"] == (
                (max(v for v, _, _ in live_values) * SCALE,) if live_values else ()
            )
            latest = max(((instant, name, v) for v, instant, name in live_values), default=None)
            assert extremes["last"] == (
                ((to_microseconds(latest[0]), latest[1], latest[2] * SCALE),) if latest else ()
            )
            return await load_differences(harness, actor)

    assert runner.run(record_and_retract()) == NO_DIFFERENCES


async def test_only_events_of_the_given_types_are_counted(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    async with harness.service.database.read_transaction() as reader:
        assert not await event_queries.has_events(reader, actor.organization)
    await record_events(harness, actor, make_event("a"))
    async with harness.service.database.read_transaction() as reader:
        current_configuration = await configuration_store.load_configuration(
            reader, actor.organization
        )
        assert await event_queries.has_events(reader, actor.organization)
        assert (
            await event_queries.count_events_of_types(
                reader, actor.organization, ["x", "invoice.paid"], 9
            )
            == 1
        )
        assert (
            await event_queries.count_events_of_types(reader, actor.organization, ["deal.won"], 9)
            == 0
        )
        assert (
            await rollup_rebuild.recompute_rollups(
                reader, actor.organization, Matcher(current_configuration.metrics), "UTC"
            )
        ).event_count == 1
