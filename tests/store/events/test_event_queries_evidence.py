"""The law of evidence: the address of a loss lists exactly the events that the loss is made of."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction as F  # noqa: N817  # the arithmetic reads like arithmetic
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from app.scoring.engine import score
from app.scoring.evidence_links import address
from app.scoring.ledger import Loss
from app.scoring.views import objective_views
from app.store.playbook import configuration
from app.store.sql.database import connect
from tests.reference_model import ledger as judge
from tests.reference_model import replay, strategies
from tests.reference_model.made_of import made_of, names, refreshing
from tests.reference_model.pencil import Expected, at, event
from tests.reference_model.replay import Stage
from tests.reference_model.scene import look
from tests.reference_model.worked import WORKED
from tests.reference_model.world import (
    Event,
    KeyResult,
    Metric,
    Objective,
    Offering,
    Playbook,
    Policy,
    Responsibility,
    Retraction,
    World,
)
from tests.support.library import Library


def judged(x: Loss) -> judge.Loss:
    """The loss as the model knows it."""
    return judge.Loss(
        x.component, x.reason, x.team, x.objective, x.key_result, x.offering, x.metric
    )


async def examine(stage: Stage, world: World) -> tuple[Sequence[Loss], Sequence[object]]:
    """The losses of the world's alignment; and those of them, and of its objectives, whose evidence is another."""
    actor = await replay.play(stage, world)
    snapshot = await replay.look(stage, actor, world)
    losses, scene = score(snapshot).losses, look(world)
    async with stage.database.reading() as connection:
        known = await configuration.load(connection, actor.organization)
        library = Library(connection, actor, lambda _: asyncio.sleep(0, known))
        asked = [(loss, loss.evidence, made_of(scene, judged(loss))) for loss in losses]
        fresh = [
            (v.objective, v.evidence, names(refreshing(scene, v.objective)))
            for v in objective_views(snapshot)
        ]
        wrong = [
            (x, address(e), wanted)
            for x, e, wanted in (*asked, *fresh)
            if not await library.right(e, wanted)
        ]
    return losses, wrong


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def stage(runner: asyncio.Runner, sqlite_url: str) -> Iterator[Stage]:
    database = connect(sqlite_url)
    yield Stage(database)
    runner.run(database.close())


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=strategies.worlds(max_events=40))
def test_every_evidence_address_lists_exactly_what_its_loss_is_made_of(
    stage: Stage, runner: asyncio.Runner, world: World
) -> None:
    _, wrong = runner.run(examine(stage, world))
    assert wrong == []


def something_every_day() -> World:
    """Whatever can be listed happens on every day, so that a day too many or too few shows; and much that cannot be.

    The sources differ in the first and the last days and agree in between; new ventures run from the 12th to the 15th.
    """
    world, _ = WORKED["harbor"]()
    spans = {"first": (1, 3), "second": (4, 5), "middle": (8, 11), "last": (14, 19)}
    end, days = date(2025, 10, 18), range(1, 20)

    def daily(name: str, type: str, kind: str = "outcome", **rest: object) -> list[Event]:  # noqa: A002  # as it is sent
        return [event(f"{name}-{day}", type, "sales", at(10, day), kind, **rest) for day in days]

    late = at(10, 18, 23)
    crm = daily(
        "won",
        "deal.won",
        value=F(2),
        offerings=(("kit", F(3)), ("moon-kit", F(1)), ("old-kit", F(1))),
    )
    return replace(
        world,
        as_of=end,
        known_at=end,
        others=(Playbook("ventures", date(2025, 10, 12), date(2025, 10, 15)),),
        metrics=(
            Metric(
                "new-arr", ("deal.won",), "sum", activities=("call.held",), canonical_source="crm"
            ),
        ),
        objectives=(
            Objective("grow", "autumn"),
            Objective("keep", "autumn"),
            Objective("fly", "ventures"),
        ),
        offerings=(
            Offering("kit", date(2025, 10, 7)),
            Offering("old-kit", date(2025, 1, 1), date(2025, 10, 16)),
        ),
        responsibilities=(Responsibility("keep", "sales", "accountable"),),
        key_results=tuple(
            KeyResult(
                key,
                "grow",
                "new-arr",
                F(0),
                F(99),
                F(1),
                date(2025, 10, first),
                date(2025, 10, last),
            )
            for key, (first, last) in spans.items()
        ),
        policy=Policy(focus_days=8, minimum_events=2, unit="EUR"),
        events=(
            *crm,
            *daily(
                "dollar",
                "deal.won",
                value=F(2),
                unit="USD",
                source="us",
                offerings=(("kit", F(3)),),
            ),
            *(
                replace(e, source="billing", value=F(2 if 8 <= day <= 11 else 1))
                for day, e in zip(days, crm, strict=True)
            ),
            *daily("call", "call.held", "activity"),
            *daily("flight", "call.held", "activity", objective="fly"),
            *daily("walk", "walk.taken", "activity", effort=F(0)),
            *daily("pause", "pause.taken", source="billing"),
            *(
                replace(e, recorded_at=late + timedelta(hours=2))
                for e in daily("late", "deal.won", value=F(9))
            ),
            *daily("mistake", "deal.won", value=F(9)),
        ),
        retractions=tuple(Retraction("crm", f"mistake-{day}", late) for day in days if day < 18),
    )


async def test_an_evidence_address_lists_no_day_too_many_and_none_too_few(
    database_url: str,
) -> None:
    database = connect(database_url)
    losses, wrong = await examine(Stage(database), something_every_day())
    assert wrong == []
    assert {(x.component, x.reason) for x in losses} >= {
        ("agreement", "sources_disagree"),
        ("deliverability", "not_yet_available"),
        ("deliverability", "retired"),
        ("deliverability", "unknown_offering"),
        ("focus", "off_playbook"),
        ("focus", "other_playbook"),
        ("focus", "over_served"),
        ("outcomes", "behind_pace"),
        ("productivity", "busy_without_result"),
        ("productivity", "off_playbook"),
        ("productivity", "other_playbook"),
    }
    [differing] = [x for x in losses if x.component == "agreement"]
    query = dict(parse_qsl(urlsplit(address(differing.evidence)).query))
    assert query["days"] == "2025-10-01..2025-10-05,2025-10-14..2025-10-18"
    await database.close()


@pytest.mark.parametrize("build", WORKED.values(), ids=WORKED.keys())
async def test_every_loss_of_a_worked_organization_has_its_evidence(
    database_url: str, build: Callable[[], tuple[World, Expected]]
) -> None:
    world, expected = build()
    database = connect(database_url)
    losses, wrong = await examine(Stage(database), world)
    assert (wrong, len(losses)) == ([], len(expected.ledger))
    await database.close()
