"""Roll-ups and the score equal those of the brute-force model, which has no roll-ups."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from app.domain.events.metrics import Matcher
from app.scoring.engine import compute_alignment
from app.scoring.result import Alignment
from app.store.events import rollup_rebuild
from app.store.playbook import configuration as configuration_store
from app.store.sql.database import connect
from tests.reference_model import alignment, world_replay, world_strategies
from tests.reference_model.world import World
from tests.reference_model.world_replay import ReplayDatabase

AsyncioRunner = asyncio.Runner


@pytest.fixture
def runner() -> Iterator[AsyncioRunner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


@pytest.fixture
def replay_database(runner: AsyncioRunner, database_url: str) -> Iterator[ReplayDatabase]:
    database = connect(database_url)
    yield ReplayDatabase(database)
    runner.run(database.close())


def check_agreement(
    scored_alignment: Alignment, expected_alignment: alignment.ReferenceAlignment
) -> None:
    """Check that the answer equals the model's, up to rounding."""
    for component in scored_alignment.components:
        expected = expected_alignment.components[component.name]
        assert component.applies == expected.applies, component.name
        assert (component.score is None) == (expected.score is None), component.name
        if component.score is not None and expected.score is not None:
            assert component.score == pytest.approx(float(expected.score), abs=1e-9), component.name
        assert component.coverage == pytest.approx(float(expected.coverage), abs=1e-9), (
            component.name
        )
    assert scored_alignment.floor == pytest.approx(float(expected_alignment.floor), abs=1e-9)
    assert scored_alignment.coverage == pytest.approx(float(expected_alignment.coverage), abs=1e-9)
    losses = {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): x.points
        for x in scored_alignment.losses
    }
    expected_losses = {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): float(
            points
        )
        for x, points in expected_alignment.ledger.items()
        if points >= 2e-12  # rounding decides at the limit itself
    }
    assert losses == pytest.approx(expected_losses, abs=1e-9)
    assert tuple(scored_alignment.silent_teams) == expected_alignment.silent_teams


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=world_strategies.worlds(max_events=40))
def test_an_alignment_from_roll_ups_is_that_of_the_raw_events(
    replay_database: ReplayDatabase, runner: AsyncioRunner, world: World
) -> None:
    async def score_replayed() -> Alignment:
        world_actor = await world_replay.replay_world(replay_database, world)
        return compute_alignment(
            await world_replay.read_world_snapshot(replay_database, world_actor, world)
        )

    check_agreement(runner.run(score_replayed()), alignment.compute_alignment(world))


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=world_strategies.worlds(max_events=40))
def test_roll_ups_equal_a_rebuild_from_the_events(
    replay_database: ReplayDatabase, runner: AsyncioRunner, world: World
) -> None:
    async def compare_with_rebuild() -> dict[str, int]:
        world_actor = await world_replay.replay_world(replay_database, world, batches=3)
        async with replay_database.database.read_transaction() as reader:
            current_configuration = await configuration_store.load_configuration(
                reader, world_actor.organization
            )
            recomputed = await rollup_rebuild.recompute_rollups(
                reader,
                world_actor.organization,
                Matcher(current_configuration.metrics),
                current_configuration.organization.time_zone,
            )
            return dict(
                await rollup_rebuild.count_differences(reader, world_actor.organization, recomputed)
            )

    assert set(runner.run(compare_with_rebuild()).values()) == {0}
