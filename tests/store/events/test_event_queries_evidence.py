"""The evidence address of a loss lists exactly the events of that loss."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction as F  # noqa: N817  # short, for readable arithmetic
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from app.scoring.engine import compute_alignment
from app.scoring.ledger import Loss
from app.scoring.views import build_objective_views
from app.services.alignment.evidence_urls import to_url
from app.store.playbook import configuration as configuration_store
from app.store.sql.database import connect
from tests.reference_model import ledger, world_replay, world_strategies
from tests.reference_model.component_inputs import collect_inputs
from tests.reference_model.examples.worked_examples import WORKED_EXAMPLES
from tests.reference_model.expectations import ExpectedAlignment, make_event, make_instant
from tests.reference_model.loss_events import (
    find_loss_events,
    find_refreshing_events,
    to_event_keys,
)
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
from tests.reference_model.world_replay import ReplayDatabase
from tests.support.evidence_lookup import EvidenceLookup


def to_model_loss(loss: Loss) -> ledger.Loss:
    """Return the loss in the model's form."""
    return ledger.Loss(
        loss.component,
        loss.reason,
        loss.team,
        loss.objective,
        loss.key_result,
        loss.offering,
        loss.metric,
    )


async def find_wrong_evidence(
    replay_database: ReplayDatabase, world: World
) -> tuple[Sequence[Loss], Sequence[object]]:
    """Return the losses of an alignment, and those whose evidence differs from the model's.

    The evidence of its objectives is compared as well.
    """
    world_actor = await world_replay.replay_world(replay_database, world)
    snapshot = await world_replay.read_world_snapshot(replay_database, world_actor, world)
    losses = compute_alignment(snapshot).losses
    component_inputs = collect_inputs(world)
    async with replay_database.database.read_transaction() as reader:
        current_configuration = await configuration_store.load_configuration(
            reader, world_actor.organization
        )
        evidence_lookup = EvidenceLookup(
            reader, world_actor, lambda _: asyncio.sleep(0, current_configuration)
        )
        loss_checks = [
            (loss, loss.evidence, find_loss_events(component_inputs, to_model_loss(loss)))
            for loss in losses
        ]
        objective_checks = [
            (
                view.objective,
                view.evidence,
                to_event_keys(find_refreshing_events(component_inputs, view.objective)),
            )
            for view in build_objective_views(snapshot)
        ]
        mismatches = [
            (x, to_url(e), expected_names)
            for x, e, expected_names in (*loss_checks, *objective_checks)
            if not await evidence_lookup.matches_evidence(e, expected_names)
        ]
    return losses, mismatches


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


@pytest.fixture
def replay_database(runner: asyncio.Runner, sqlite_url: str) -> Iterator[ReplayDatabase]:
    database = connect(sqlite_url)
    yield ReplayDatabase(database)
    runner.run(database.close())


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=world_strategies.worlds(max_events=40))
def test_every_evidence_address_lists_exactly_the_events_of_its_loss(
    replay_database: ReplayDatabase, runner: asyncio.Runner, world: World
) -> None:
    _, mismatches = runner.run(find_wrong_evidence(replay_database, world))
    assert mismatches == []


def make_daily_world() -> World:
    """Return a world in which every listed kind of event happens every day.

    A day too many or too few is then visible. The sources differ in the first and the last days and
    agree between them; new ventures run from the 12th to the 15th.
    """
    world, _ = WORKED_EXAMPLES["harbor"]
    spans = {"first": (1, 3), "second": (4, 5), "middle": (8, 11), "last": (14, 19)}
    end = date(2025, 10, 18)
    days = range(1, 20)

    def make_daily_events(
        name: str,
        type: str,  # noqa: A002  # the field's name
        kind: str = "outcome",
        **fields: object,
    ) -> list[Event]:
        return [
            make_event(f"{name}-{day}", type, "sales", make_instant(10, day), kind, **fields)
            for day in days
        ]

    retracted_at = make_instant(10, 18, 23)
    crm = make_daily_events(
        "won",
        "deal.won",
        value=F(2),
        offerings=(("kit", F(3)), ("moon-kit", F(1)), ("old-kit", F(1))),
    )
    return replace(
        world,
        as_of=end,
        known_at=end,
        other_playbooks=(Playbook("ventures", date(2025, 10, 12), date(2025, 10, 15)),),
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
                key_result_key,
                "grow",
                "new-arr",
                F(0),
                F(99),
                F(1),
                date(2025, 10, first),
                date(2025, 10, last),
            )
            for key_result_key, (first, last) in spans.items()
        ),
        policy=Policy(focus_days=8, minimum_events=2, unit="EUR"),
        events=(
            *crm,
            *make_daily_events(
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
            *make_daily_events("call", "call.held", "activity"),
            *make_daily_events("flight", "call.held", "activity", objective="fly"),
            *make_daily_events("walk", "walk.taken", "activity", effort=F(0)),
            *make_daily_events("pause", "pause.taken", source="billing"),
            *(
                replace(e, recorded_at=retracted_at + timedelta(hours=2))
                for e in make_daily_events("late", "deal.won", value=F(9))
            ),
            *make_daily_events("mistake", "deal.won", value=F(9)),
        ),
        retractions=tuple(
            Retraction("crm", f"mistake-{day}", retracted_at) for day in days if day < 18
        ),
    )


async def test_an_evidence_address_lists_no_day_too_many_and_none_too_few(
    database_url: str,
) -> None:
    database = connect(database_url)
    losses, mismatches = await find_wrong_evidence(ReplayDatabase(database), make_daily_world())
    assert mismatches == []
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
    query = dict(parse_qsl(urlsplit(to_url(differing.evidence)).query))
    assert query["days"] == "2025-10-01..2025-10-05,2025-10-14..2025-10-18"
    await database.close()


@pytest.mark.parametrize("example", WORKED_EXAMPLES.values(), ids=WORKED_EXAMPLES.keys())
async def test_every_loss_of_a_worked_organization_has_its_evidence(
    database_url: str, example: tuple[World, ExpectedAlignment]
) -> None:
    world, expected = example
    database = connect(database_url)
    losses, mismatches = await find_wrong_evidence(ReplayDatabase(database), world)
    assert (mismatches, len(losses)) == ([], len(expected.ledger))
    await database.close()
