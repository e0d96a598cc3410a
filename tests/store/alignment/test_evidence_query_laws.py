"""The score does not depend on arrival order, repetition, batches or retracted events."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.scoring.engine import compute_alignment
from app.scoring.snapshot import Snapshot
from app.security.vault import Vault
from app.services.events import ingestion
from app.services.runtime.context import ServiceContext
from app.store.sql.database import connect
from tests.reference_model import world_replay, world_strategies
from tests.reference_model.world import Event, Retraction, World
from tests.reference_model.world_replay import ReplayDatabase

LATER_INSTANT = datetime(2026, 1, 1, tzinfo=UTC)
replay_settings = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


@pytest.fixture
def replay_database(runner: asyncio.Runner, database_url: str) -> Iterator[ReplayDatabase]:
    database = connect(database_url)
    yield ReplayDatabase(database)
    runner.run(database.close())


async def replay_and_summarize(
    replay_database: ReplayDatabase, world: World, batches: int = 0
) -> tuple[object, ...]:
    world_actor = await world_replay.replay_world(replay_database, world, batches)
    return summarize_score(
        await world_replay.read_world_snapshot(replay_database, world_actor, world)
    )


def summarize_score(scored_snapshot: Snapshot) -> tuple[object, ...]:
    """Return the content of a score without its version, which counts every write."""
    alignment = compute_alignment(scored_snapshot)
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


@replay_settings
@given(world=world_strategies.worlds(max_events=25), seed=st.integers(0, 99))
def test_order_of_arrival_repetition_and_batches_change_nothing(
    replay_database: ReplayDatabase, runner: asyncio.Runner, world: World, seed: int
) -> None:
    shuffled = list(world.events)
    Random(seed).shuffle(shuffled)
    shuffled_world = replace(world, events=tuple(shuffled))

    async def record_twice() -> tuple[object, ...]:
        world_actor = await world_replay.replay_world(replay_database, shuffled_world, batches=4)
        repeated_events = [world_replay.to_event(event) for event in world.events]
        later_service = ServiceContext(
            replay_database.database,
            lambda: LATER_INSTANT,
            Vault({"k": bytes(32)}, {"k": bytes(32)}),
        )
        outcomes = (
            await ingestion.ingest_events(later_service, world_actor, repeated_events)
            if repeated_events
            else []
        )
        assert {outcome.status for outcome in outcomes} <= {"duplicate"}
        return summarize_score(
            await world_replay.read_world_snapshot(replay_database, world_actor, shuffled_world)
        )

    assert runner.run(record_twice()) == runner.run(replay_and_summarize(replay_database, world))


@replay_settings
@given(world=world_strategies.worlds(max_events=25), extra=world_strategies.worlds(max_events=12))
def test_recording_then_retracting_changes_nothing(
    replay_database: ReplayDatabase, runner: asyncio.Runner, world: World, extra: World
) -> None:
    team_keys = {team.key for team in world.teams}
    objectives = {objective.key for objective in world.objectives}
    extra_events = [
        replace(
            event,
            id=f"extra-{event.id}",
            recorded_at=max(event.recorded_at, event.time - timedelta(hours=20)),
        )
        for event in extra.events
        if event.team in team_keys and event.objective in {None, *objectives}
    ]
    retractions = [
        Retraction(event.source, event.id, event.recorded_at + timedelta(minutes=1))
        for event in extra_events
    ]
    # Events retracted by the queried day do not count; later retractions do not matter.
    retracted_pairs = [
        pair
        for pair in zip(extra_events, retractions, strict=True)
        if pair[1].recorded_at.date() < world.known_at
    ]
    retracted_events: tuple[Event, ...] = tuple(event for event, _ in retracted_pairs)
    extended_world = replace(
        world,
        events=world.events + retracted_events,
        retractions=world.retractions + tuple(retraction for _, retraction in retracted_pairs),
    )
    assert runner.run(replay_and_summarize(replay_database, extended_world)) == runner.run(
        replay_and_summarize(replay_database, world)
    )
