"""The organizations that were scored with a pencil, played through the real service: its numbers are the pencil's."""

from collections.abc import Callable, Mapping

import pytest

from app.scoring.engine import score
from app.scoring.result import Alignment
from app.store.sql.database import connect
from tests.reference_model import replay
from tests.reference_model.ledger import Loss
from tests.reference_model.pencil import Expected
from tests.reference_model.replay import Stage
from tests.reference_model.worked import WORKED
from tests.reference_model.world import World

Build = Callable[[], tuple[World, Expected]]
worked = pytest.mark.parametrize("build", WORKED.values(), ids=WORKED.keys())


def near(wanted: object) -> object:
    return pytest.approx(wanted, abs=1e-12, rel=0)


async def answer(url: str, world: World) -> Alignment:
    database = connect(url)
    stage = Stage(database)
    actor = await replay.play(stage, world)
    found = score(await replay.look(stage, actor, world))
    await database.close()
    return found


def ledger(found: Alignment) -> Mapping[Loss, float]:
    return {
        Loss(
            x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric
        ): x.points
        for x in found.losses
    }


@worked
async def test_the_service_gives_the_numbers_of_the_pencil(database_url: str, build: Build) -> None:
    world, expected = build()
    found = await answer(database_url, world)
    assert found.score == (None if expected.score is None else near(float(expected.score)))
    assert (found.floor, found.coverage) == (
        near(float(expected.floor)),
        near(float(expected.coverage)),
    )
    assert (found.weakest, found.silent_teams) == (expected.weakest, expected.silent_teams)
    assert {part.name for part in found.components if not part.applies} == expected.not_applying
    for part in found.components:
        wanted, covered = expected.components[part.name]
        assert part.score == (None if wanted is None else near(float(wanted))), part.name
        assert part.coverage == near(float(covered)), part.name
    assert ledger(found) == near({loss: float(points) for loss, points in expected.ledger.items()})
    assert len(found.losses) == len(expected.ledger)


@worked
@pytest.mark.postgresql
async def test_both_databases_give_the_same_bits(
    sqlite_url: str, postgresql_url: str, build: Build
) -> None:
    world, _ = build()
    one, other = await answer(sqlite_url, world), await answer(postgresql_url, world)
    assert repr(one) == repr(other)
    assert one == other
    assert [x.points.hex() for x in one.losses] == [x.points.hex() for x in other.losses]
