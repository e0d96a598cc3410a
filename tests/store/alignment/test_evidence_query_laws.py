"""What must change nothing changes nothing: arrival, repetition, batches, and what was recorded and retracted again."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.scoring.engine import score
from app.scoring.snapshot import Snapshot
from app.security.vault import Vault
from app.services.events import ingestion as events
from app.services.runtime.context import Service
from app.store.sql.database import connect
from tests.reference_model import replay
from tests.reference_model import strategies as worlds
from tests.reference_model.replay import Stage
from tests.reference_model.world import Event, Retraction, World

LATER = datetime(2026, 1, 1, tzinfo=UTC)
laws = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


@pytest.fixture
def stage(runner: asyncio.Runner, database_url: str) -> Iterator[Stage]:
    database = connect(database_url)
    yield Stage(database)
    runner.run(database.close())


async def answer(stage: Stage, world: World, batches: int = 0) -> tuple[object, ...]:
    actor = await replay.play(stage, world, batches)
    return said(await replay.look(stage, actor, world))


def said(found: Snapshot) -> tuple[object, ...]:
    """Everything that a score says, but the version: what was recorded on the way is counted there."""
    alignment = score(found)
    losses = tuple(
        (tuple(loss)[:3], tuple(loss)[4:], loss.detail, loss.evidence) for loss in alignment.losses
    )
    figures = (
        alignment.score,
        alignment.floor,
        alignment.coverage,
        alignment.weakest,
        alignment.silent_teams,
    )
    return (*figures, alignment.components, losses)


@laws
@given(world=worlds.worlds(max_events=25), seed=st.integers(0, 99))
def test_order_of_arrival_repetition_and_batches_change_nothing(
    stage: Stage, runner: asyncio.Runner, world: World, seed: int
) -> None:
    shuffled = list(world.events)
    Random(seed).shuffle(shuffled)
    other = replace(world, events=tuple(shuffled))

    async def twice() -> tuple[object, ...]:
        actor = await replay.play(stage, other, batches=4)
        again = [replay.event(event) for event in world.events]
        later = Service(stage.database, lambda: LATER, Vault({"k": bytes(32)}, {"k": bytes(32)}))
        items = await events.record(later, actor, again) if again else []
        assert {item.status for item in items} <= {"duplicate"}
        return said(await replay.look(stage, actor, other))

    assert runner.run(twice()) == runner.run(answer(stage, world))


@laws
@given(world=worlds.worlds(max_events=25), extra=worlds.worlds(max_events=12))
def test_recording_then_retracting_changes_nothing(
    stage: Stage, runner: asyncio.Runner, world: World, extra: World
) -> None:
    known = {team.key for team in world.teams}
    objectives = {objective.key for objective in world.objectives}
    some = [
        replace(
            event,
            id=f"extra-{event.id}",
            recorded_at=max(event.recorded_at, event.time - timedelta(hours=20)),
        )
        for event in extra.events
        if event.team in known and event.objective in {None, *objectives}
    ]
    gone = [
        Retraction(event.source, event.id, event.recorded_at + timedelta(minutes=1))
        for event in some
    ]
    # What was retracted by the day asked about was never there; later days are another matter.
    settled = [
        pair for pair in zip(some, gone, strict=True) if pair[1].recorded_at.date() < world.known_at
    ]
    more: tuple[Event, ...] = tuple(event for event, _ in settled)
    other = replace(
        world,
        events=world.events + more,
        retractions=world.retractions + tuple(retraction for _, retraction in settled),
    )
    assert runner.run(answer(stage, other)) == runner.run(answer(stage, world))
