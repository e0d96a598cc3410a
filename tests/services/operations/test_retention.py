"""Raw bodies grow old and are emptied a few at a time, by however many processes; what they said stands."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import UnavailableError
from app.services.operations import retention
from app.store.sources import deliveries
from tests.store.test_sources import delivery
from tests.support.services import NOW, House, furnish

DAY = timedelta(days=1)


def rounds(number: int, seen: list[bool]) -> Callable[[bool], Awaitable[bool]]:
    """A pause that lets so many rounds be, and notes whether each had more to do."""

    async def pause(busy: bool) -> bool:
        seen.append(busy)
        return len(seen) > number

    return pause


async def filled(built: House, key: str, *ages: int) -> Actor:
    """An organization with a delivery of so many days ago for each."""
    actor = await built.organization(key)
    await furnish(built, actor)
    async with built.service.database.writing() as connection:
        for age in ages:
            await deliveries.add(connection, actor.organization, delivery(NOW - age * DAY))
    return actor


async def bodies(built: House, actor: Actor) -> list[bool]:
    """Whether each delivery has its body, oldest first."""
    async with built.service.database.reading() as connection:
        found = await deliveries.page(connection, actor.organization, "billing", None, None, 200)
    return [one.body is not None for one in reversed(found)]


async def test_old_bodies_go_a_step_at_a_time_oldest_first(
    built: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    actor, other = (
        await filled(built, "acme", 90, 60, 31, 29, 0),
        await filled(built, "other", 40, 1),
    )
    seen: list[bool] = []
    await retention.work(built.service, 30, rounds(1, seen))
    assert (await bodies(built, actor), await bodies(built, other)) == (
        [False, False, True, True, True],
        [False, True],
    )
    await retention.work(built.service, 30, rounds(2, seen := []))
    assert await bodies(built, actor) == [False, False, False, True, True]
    assert seen == [False, False, False]
    built.clock.forward(days=2)
    assert await retention.trim(built.service, actor.organization, 30) == 1


async def test_a_round_with_more_to_do_is_followed_at_once(
    built: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    await filled(built, "acme", 90, 60)
    seen: list[bool] = []
    await retention.work(built.service, 30, rounds(3, seen))
    assert seen == [False, True, True, False]


async def test_several_processes_empty_each_body_once(
    built: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    actor = await filled(built, "acme", *range(31, 51))
    counts = await asyncio.gather(
        *(retention.trim(built.service, actor.organization, 30) for _ in range(3))
    )
    assert sum(counts) == 20
    assert not any(await bodies(built, actor))


async def test_what_failed_is_tried_again_and_stops_nobody_else(
    built: House, monkeypatch: pytest.MonkeyPatch
):
    actor, other = await filled(built, "acme", 40), await filled(built, "other", 40)
    emptied = deliveries.empty_bodies
    errors: list[Exception] = [UnavailableError("busy"), RuntimeError("a fault")]

    async def failing(connection: object, organization: object, *more: object) -> int:
        if organization == actor.organization and errors:
            raise errors.pop()
        return await emptied(connection, organization, *more)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(deliveries, "empty_bodies", failing)
    await retention.work(built.service, 30, rounds(1, []))
    assert (await bodies(built, actor), await bodies(built, other)) == ([True], [False])
    await retention.work(built.service, 30, rounds(2, []))
    assert await bodies(built, actor) == [False]


async def test_a_database_that_is_away_is_waited_for(built: House):
    class Away:
        def reading(self) -> object:
            raise UnavailableError("busy")

    service = replace(built.service, database=Away())  # type: ignore[arg-type]  # a database that cannot be asked
    seen: list[bool] = []
    await retention.work(service, 30, rounds(2, seen))
    assert seen == [False, False, False]
