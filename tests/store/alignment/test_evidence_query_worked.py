"""The service computes the numbers of the organizations that were scored by hand."""

from collections.abc import Mapping

import pytest

from app.scoring.engine import compute_alignment
from app.scoring.result import Alignment
from app.store.sql.database import connect
from tests.reference_model import world_replay
from tests.reference_model.examples.worked_examples import WORKED_EXAMPLES
from tests.reference_model.expectations import ExpectedAlignment
from tests.reference_model.ledger import Loss
from tests.reference_model.world import World
from tests.reference_model.world_replay import ReplayDatabase

WorkedExample = tuple[World, ExpectedAlignment]
for_worked_organizations = pytest.mark.parametrize(
    "example", WORKED_EXAMPLES.values(), ids=WORKED_EXAMPLES.keys()
)


def approximate(expected_figure: object) -> object:
    return pytest.approx(expected_figure, abs=1e-12, rel=0)


async def score_world(url: str, world: World) -> Alignment:
    database = connect(url)
    replay_database = ReplayDatabase(database)
    world_actor = await world_replay.replay_world(replay_database, world)
    scored_alignment = compute_alignment(
        await world_replay.read_world_snapshot(replay_database, world_actor, world)
    )
    await database.close()
    return scored_alignment


def points_by_loss(scored_alignment: Alignment) -> Mapping[Loss, float]:
    return {
        Loss(
            x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric
        ): x.points
        for x in scored_alignment.losses
    }


@for_worked_organizations
async def test_the_service_gives_the_numbers_of_the_worked_examples(
    database_url: str, example: WorkedExample
) -> None:
    world, expected = example
    scored_alignment = await score_world(database_url, world)
    assert scored_alignment.score == (
        None if expected.score is None else approximate(float(expected.score))
    )
    assert (scored_alignment.floor, scored_alignment.coverage) == (
        approximate(float(expected.floor)),
        approximate(float(expected.coverage)),
    )
    assert (scored_alignment.weakest, scored_alignment.silent_teams) == (
        expected.weakest,
        expected.silent_teams,
    )
    assert {
        component.name for component in scored_alignment.components if not component.applies
    } == expected.not_applying
    for component in scored_alignment.components:
        expected_score, expected_coverage = expected.components[component.name]
        assert component.score == (
            None if expected_score is None else approximate(float(expected_score))
        ), component.name
        assert component.coverage == approximate(float(expected_coverage)), component.name
    assert points_by_loss(scored_alignment) == approximate(
        {loss: float(points) for loss, points in expected.ledger.items()}
    )
    assert len(scored_alignment.losses) == len(expected.ledger)


@for_worked_organizations
@pytest.mark.postgresql
async def test_both_databases_give_the_same_bits(
    sqlite_url: str, postgresql_url: str, example: WorkedExample
) -> None:
    world, _ = example
    sqlite_alignment = await score_world(sqlite_url, world)
    postgresql_alignment = await score_world(postgresql_url, world)
    assert repr(sqlite_alignment) == repr(postgresql_alignment)
    assert sqlite_alignment == postgresql_alignment
    assert [x.points.hex() for x in sqlite_alignment.losses] == [
        x.points.hex() for x in postgresql_alignment.losses
    ]
