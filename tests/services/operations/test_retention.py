"""Old raw bodies are emptied in batches by any number of processes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import UnavailableError
from app.services.operations import retention
from app.store.sources import deliveries
from tests.store.sources.test_sources import make_delivery
from tests.support.service_harness import NOW, ServiceHarness, seed_playbook

DAY = timedelta(days=1)


def pause_for_rounds(max_rounds: int, busy_rounds: list[bool]) -> Callable[[bool], Awaitable[bool]]:
    """Return a pause that ends the worker after some rounds, and records whether each was busy."""

    async def pause(busy: bool) -> bool:
        busy_rounds.append(busy)
        return len(busy_rounds) > max_rounds

    return pause


async def create_with_deliveries(harness: ServiceHarness, key: str, *ages: int) -> Actor:
    """Create an organization with one delivery for each age in days."""
    actor = await harness.create_organization(key)
    await seed_playbook(harness, actor)
    async with harness.service.database.write_transaction() as writer:
        for age in ages:
            await deliveries.add_deliveries(
                writer, actor.organization, make_delivery(NOW - age * DAY)
            )
    return actor


async def list_body_presence(harness: ServiceHarness, actor: Actor) -> list[bool]:
    """Return whether each delivery has its body, oldest first."""
    async with harness.service.database.read_transaction() as reader:
        stored_deliveries = await deliveries.list_deliveries(
            reader, actor.organization, "billing", None, None, 200
        )
    return [stored_delivery.body is not None for stored_delivery in reversed(stored_deliveries)]


async def test_old_bodies_are_emptied_in_steps_oldest_first(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "BATCH_SIZE", 2)
    actor = await create_with_deliveries(harness, "acme", 90, 60, 31, 29, 0)
    other_actor = await create_with_deliveries(harness, "other", 40, 1)
    busy_rounds: list[bool] = []
    await retention.run_worker(harness.service, 30, pause_for_rounds(1, busy_rounds))
    assert (
        await list_body_presence(harness, actor),
        await list_body_presence(harness, other_actor),
    ) == (
        [False, False, True, True, True],
        [False, True],
    )
    await retention.run_worker(harness.service, 30, pause_for_rounds(2, busy_rounds := []))
    assert await list_body_presence(harness, actor) == [False, False, False, True, True]
    assert busy_rounds == [False, False, False]
    harness.clock.advance(days=2)
    assert await retention.empty_old_bodies(harness.service, actor.organization, 30) == 1


async def test_a_round_with_more_to_do_is_followed_immediately(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "BATCH_SIZE", 1)
    await create_with_deliveries(harness, "acme", 90, 60)
    busy_rounds: list[bool] = []
    await retention.run_worker(harness.service, 30, pause_for_rounds(3, busy_rounds))
    assert busy_rounds == [False, True, True, False]


async def test_several_processes_empty_each_body_once(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "BATCH_SIZE", 3)
    actor = await create_with_deliveries(harness, "acme", *range(31, 51))
    counts = await asyncio.gather(
        *(retention.empty_old_bodies(harness.service, actor.organization, 30) for _ in range(3))
    )
    assert sum(counts) == 20
    assert not any(await list_body_presence(harness, actor))


async def test_a_failed_organization_is_retried_and_does_not_stop_others(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
):
    actor = await create_with_deliveries(harness, "acme", 40)
    other_actor = await create_with_deliveries(harness, "other", 40)
    empty_bodies = deliveries.empty_bodies
    errors: list[Exception] = [UnavailableError("busy"), RuntimeError("a fault")]

    async def fail_for_actor(connection: object, organization: object, *arguments: object) -> int:
        if organization == actor.organization and errors:
            raise errors.pop()
        return await empty_bodies(connection, organization, *arguments)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(deliveries, "empty_bodies", fail_for_actor)
    await retention.run_worker(harness.service, 30, pause_for_rounds(1, []))
    assert (
        await list_body_presence(harness, actor),
        await list_body_presence(harness, other_actor),
    ) == ([True], [False])
    await retention.run_worker(harness.service, 30, pause_for_rounds(2, []))
    assert await list_body_presence(harness, actor) == [False]


async def test_the_worker_continues_while_the_database_is_unavailable(harness: ServiceHarness):
    class UnavailableDatabase:
        def read_transaction(self) -> object:
            raise UnavailableError("busy")

    service = replace(harness.service, database=UnavailableDatabase())  # type: ignore[arg-type]  # has only what the worker uses
    busy_rounds: list[bool] = []
    await retention.run_worker(service, 30, pause_for_rounds(2, busy_rounds))
    assert busy_rounds == [False, False, False]
