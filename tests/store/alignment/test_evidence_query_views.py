"""The views of the score, from roll-ups, against the brute-force model's."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from app.scoring import views
from app.scoring.ledger import Loss
from app.scoring.snapshot import Snapshot
from app.store.sql.database import connect
from tests.reference_model import ledger, replay
from tests.reference_model import strategies as worlds
from tests.reference_model import views as judge
from tests.reference_model.replay import Stage
from tests.reference_model.world import World

CLOSE = 1e-9


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def stage(runner: asyncio.Runner, sqlite_url: str) -> Iterator[Stage]:
    database = connect(sqlite_url)
    yield Stage(database)
    runner.run(database.close())


def points(losses: Iterable[Loss]) -> dict[tuple[object, ...], float]:
    return {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): x.points
        for x in losses
    }


def expected(losses: Mapping[ledger.Loss, Fraction]) -> dict[tuple[object, ...], float]:
    return {
        (x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric): float(
            lost
        )
        for x, lost in losses.items()
        if lost >= 2e-12
    }


def check_teams(found: Snapshot, world: World) -> None:
    for view in views.team_views(found):
        wanted = judge.team_view(world, view.team)
        for figure in view.figures:
            if figure.name in wanted.components:
                score = wanted.components[figure.name].score
                assert (figure.score is None) == (score is None), (view.team, figure.name)
                assert figure.score is None or figure.score == pytest.approx(
                    float(score or 0), abs=CLOSE
                ), figure.name
        assert (view.quadrant.busy, view.quadrant.productive) == (wanted.busy, wanted.productive)
        assert points(x for x in view.losses if x.points >= 2e-12) == pytest.approx(
            expected(wanted.ledger), abs=CLOSE
        )


def check_objectives(found: Snapshot, world: World) -> None:
    for view in views.objective_views(found):
        wanted = judge.objective_view(world, view.objective)
        assert view.weight == pytest.approx(float(wanted.weight), abs=CLOSE)
        assert view.attainment == pytest.approx(float(wanted.attainment), abs=CLOSE)
        assert view.freshness == pytest.approx(float(wanted.freshness), abs=CLOSE)
        assert (view.newest, view.stale) == (wanted.newest, wanted.stale)
        assert view.shared_responsibility == pytest.approx(
            float(wanted.shared_responsibility), abs=CLOSE
        )
        shares = {bearer.team: bearer.share for bearer in view.bearers}
        assert shares == pytest.approx(
            {team: float(share) for team, share in wanted.bearers.items()}, abs=CLOSE
        )
        assert points(view.losses) == pytest.approx(expected(wanted.ledger), abs=CLOSE)


def check_pairs(found: Snapshot, world: World) -> None:
    overlaps = {
        pair: overlap for pair, overlap in judge.pairs(world).items() if overlap is not None
    }
    shown = {tuple(sorted((pair.one, pair.other))): pair.overlap for pair in views.pairs(found)}
    assert shown == pytest.approx(
        {pair: float(overlap) for pair, overlap in overlaps.items()}, abs=CLOSE
    )


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=worlds.worlds(max_events=40))
def test_teams_objectives_and_pairs_are_those_of_the_raw_events(
    stage: Stage, runner: asyncio.Runner, world: World
) -> None:
    async def live() -> Snapshot:
        actor = await replay.play(stage, world)
        return await replay.look(stage, actor, world)

    found = runner.run(live())
    check_teams(found, world)
    check_objectives(found, world)
    check_pairs(found, world)
    assert {view.team for view in views.team_views(found)} == {team.key for team in world.teams}
