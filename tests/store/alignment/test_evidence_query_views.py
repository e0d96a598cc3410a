"""The views of the score, computed from roll-ups, equal those of the brute-force model."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from app.scoring import views
from app.scoring.ledger import Loss
from app.scoring.snapshot import Snapshot
from app.store.sql.database import connect
from tests.reference_model import ledger, world_replay, world_strategies
from tests.reference_model.views import build_objective_view, build_team_view, compute_overlaps
from tests.reference_model.world import World
from tests.reference_model.world_replay import ReplayDatabase

TOLERANCE = 1e-9


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


@pytest.fixture
def replay_database(runner: asyncio.Runner, sqlite_url: str) -> Iterator[ReplayDatabase]:
    database = connect(sqlite_url)
    yield ReplayDatabase(database)
    runner.run(database.close())


def points_by_loss(losses: Iterable[Loss]) -> dict[tuple[object, ...], float]:
    return {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): x.points
        for x in losses
    }


def expected_points_by_loss(
    losses: Mapping[ledger.Loss, Fraction],
) -> dict[tuple[object, ...], float]:
    return {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): float(
            lost_points
        )
        for x, lost_points in losses.items()
        if lost_points >= 2e-12
    }


def check_teams(scored_snapshot: Snapshot, world: World) -> None:
    for view in views.build_team_views(scored_snapshot):
        expected_view = build_team_view(world, view.team)
        for figure in view.figures:
            if figure.name in expected_view.components:
                score = expected_view.components[figure.name].score
                assert (figure.score is None) == (score is None), (view.team, figure.name)
                assert figure.score is None or figure.score == pytest.approx(
                    float(score or 0), abs=TOLERANCE
                ), figure.name
        assert (view.quadrant.is_busy, view.quadrant.is_productive) == (
            expected_view.is_busy,
            expected_view.is_productive,
        )
        assert points_by_loss(x for x in view.losses if x.points >= 2e-12) == pytest.approx(
            expected_points_by_loss(expected_view.ledger), abs=TOLERANCE
        )


def check_objectives(scored_snapshot: Snapshot, world: World) -> None:
    for view in views.build_objective_views(scored_snapshot):
        expected_view = build_objective_view(world, view.objective)
        assert view.weight == pytest.approx(float(expected_view.weight), abs=TOLERANCE)
        assert view.attainment == pytest.approx(float(expected_view.attainment), abs=TOLERANCE)
        assert view.freshness == pytest.approx(float(expected_view.freshness), abs=TOLERANCE)
        assert (view.newest, view.stale) == (expected_view.newest_day, expected_view.is_stale)
        assert view.shared_responsibility == pytest.approx(
            float(expected_view.shared_responsibility), abs=TOLERANCE
        )
        shares = {bearer.team: bearer.share for bearer in view.bearers}
        assert shares == pytest.approx(
            {team: float(share) for team, share in expected_view.bearers.items()}, abs=TOLERANCE
        )
        assert points_by_loss(view.losses) == pytest.approx(
            expected_points_by_loss(expected_view.ledger), abs=TOLERANCE
        )


def check_pairs(scored_snapshot: Snapshot, world: World) -> None:
    overlaps = {
        pair: overlap for pair, overlap in compute_overlaps(world).items() if overlap is not None
    }
    shown_overlaps = {
        tuple(sorted((pair.first_team, pair.second_team))): pair.overlap
        for pair in views.build_team_pairs(scored_snapshot)
    }
    assert shown_overlaps == pytest.approx(
        {pair: float(overlap) for pair, overlap in overlaps.items()}, abs=TOLERANCE
    )


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=world_strategies.worlds(max_events=40))
def test_teams_objectives_and_pairs_are_those_of_the_raw_events(
    replay_database: ReplayDatabase, runner: asyncio.Runner, world: World
) -> None:
    async def replay_snapshot() -> Snapshot:
        world_actor = await world_replay.replay_world(replay_database, world)
        return await world_replay.read_world_snapshot(replay_database, world_actor, world)

    scored_snapshot = runner.run(replay_snapshot())
    check_teams(scored_snapshot, world)
    check_objectives(scored_snapshot, world)
    check_pairs(scored_snapshot, world)
    assert {view.team for view in views.build_team_views(scored_snapshot)} == {
        team.key for team in world.teams
    }
