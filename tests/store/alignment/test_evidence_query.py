"""The roll-ups and the score against the brute-force model, which knows neither."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from app.domain.events.metrics import Matcher
from app.scoring.engine import compute_alignment
from app.scoring.result import Alignment
from app.store.events import rollup_rebuild as rebuild
from app.store.playbook import configuration
from app.store.sql.database import connect
from tests.reference_model import alignment as model
from tests.reference_model import world_replay as replay
from tests.reference_model import world_strategies as strategies
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
    scored_alignment: Alignment, expected_alignment: model.ReferenceAlignment
) -> None:
    """The answer is the model's, to rounding."""
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
        if points >= 2e-12  # at the edge itself a double may fall on either side
    }
    assert losses == pytest.approx(expected_losses, abs=1e-9)
    assert tuple(scored_alignment.silent_teams) == expected_alignment.silent_teams


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=strategies.worlds(max_events=40))
def test_an_alignment_from_roll_ups_is_that_of_the_raw_events(
    replay_database: ReplayDatabase, runner: AsyncioRunner, world: World
) -> None:
    async def score_replayed() -> Alignment:
        actor = await replay.replay_world(replay_database, world)
        return compute_alignment(await replay.read_world_snapshot(replay_database, actor, world))

    check_agreement(runner.run(score_replayed()), model.compute_alignment(world))


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=strategies.worlds(max_events=40))
def test_roll_ups_equal_a_rebuild_from_the_events(
    replay_database: ReplayDatabase, runner: AsyncioRunner, world: World
) -> None:
    async def compare_with_rebuild() -> dict[str, int]:
        actor = await replay.replay_world(replay_database, world, batches=3)
        async with replay_database.database.read_transaction() as connection:
            current_configuration = await configuration.load_configuration(
                connection, actor.organization
            )
            recomputed = await rebuild.recompute_rollups(
                connection,
                actor.organization,
                Matcher(current_configuration.metrics),
                current_configuration.organization.time_zone,
            )
            return dict(await rebuild.count_differences(connection, actor.organization, recomputed))

    assert set(runner.run(compare_with_rebuild()).values()) == {0}
