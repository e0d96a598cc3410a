"""The roll-ups and the score against the brute-force model, which knows neither."""

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from app.domain.events.metrics import Matcher
from app.scoring.engine import score
from app.scoring.result import Alignment
from app.store.events import rollup_rebuild as rebuild
from app.store.playbook import configuration
from app.store.sql.database import connect
from tests.reference_model import model, replay, strategies
from tests.reference_model.replay import Stage
from tests.reference_model.world import World

Loop = asyncio.Runner


@pytest.fixture
def runner() -> Iterator[Loop]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def stage(runner: Loop, database_url: str) -> Iterator[Stage]:
    database = connect(database_url)
    yield Stage(database)
    runner.run(database.close())


def check_agreement(found: Alignment, wanted: model.Alignment) -> None:
    """The answer is the model's, to rounding."""
    for part in found.components:
        expected = wanted.components[part.name]
        assert part.applies == expected.applies, part.name
        assert (part.score is None) == (expected.score is None), part.name
        if part.score is not None and expected.score is not None:
            assert part.score == pytest.approx(float(expected.score), abs=1e-9), part.name
        assert part.coverage == pytest.approx(float(expected.cov), abs=1e-9), part.name
    assert found.floor == pytest.approx(float(wanted.floor), abs=1e-9)
    assert found.coverage == pytest.approx(float(wanted.coverage), abs=1e-9)
    losses = {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): x.points
        for x in found.losses
    }
    expected_losses = {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): float(
            points
        )
        for x, points in wanted.ledger.items()
        if points >= 2e-12  # at the edge itself a double may fall on either side
    }
    assert losses == pytest.approx(expected_losses, abs=1e-9)
    assert tuple(found.silent_teams) == wanted.silent_teams


@settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=strategies.worlds(max_events=40))
def test_an_alignment_from_roll_ups_is_that_of_the_raw_events(
    stage: Stage, runner: Loop, world: World
) -> None:
    async def live() -> Alignment:
        actor = await replay.play(stage, world)
        return score(await replay.look(stage, actor, world))

    check_agreement(runner.run(live()), model.align(world))


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=strategies.worlds(max_events=40))
def test_roll_ups_equal_a_rebuild_from_the_events(stage: Stage, runner: Loop, world: World) -> None:
    async def differences() -> dict[str, int]:
        actor = await replay.play(stage, world, batches=3)
        async with stage.database.reading() as connection:
            known = await configuration.load(connection, actor.organization)
            rebuilt = await rebuild.recompute(
                connection, actor.organization, Matcher(known.metrics), known.organization.time_zone
            )
            return dict(await rebuild.differences(connection, actor.organization, rebuilt))

    assert set(runner.run(differences()).values()) == {0}
