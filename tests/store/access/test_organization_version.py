"""The cursor orders the organization's commits, and never goes backwards."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from app.domain.primitives.errors import NotFoundError
from app.store.access import organization_version as cursor
from tests.support.services import NOW, House


async def test_writers_at_once_get_versions_of_their_own(built: House):
    actor = await built.organization()

    async def advance() -> int:
        async with built.service.database.writing() as connection:
            return (
                await cursor.advance(connection, actor.organization, NOW, "UTC", catalogue=False)
            ).seq

    async with built.service.database.reading() as connection:
        start = await cursor.version(connection, actor.organization)
    found = await asyncio.gather(*(advance() for _ in range(10)))
    assert sorted(found) == list(range(start + 1, start + 11))


async def test_recorded_time_stands_still_when_the_clock_goes_back(built: House):
    actor = await built.organization()
    async with built.service.database.writing() as connection:
        late = await cursor.advance(
            connection, actor.organization, NOW + timedelta(days=2), "UTC", catalogue=False
        )
        early = await cursor.advance(connection, actor.organization, NOW, "UTC", catalogue=False)
    assert (early.at, early.day) == (late.at, late.day)
    assert early.seq == late.seq + 1


async def test_only_a_change_of_configuration_moves_the_catalogue(built: House):
    actor = await built.organization()
    async with built.service.database.writing() as connection:
        before = await cursor.catalogue(connection, actor.organization)
        await cursor.advance(connection, actor.organization, NOW, "UTC", catalogue=False)
        assert await cursor.catalogue(connection, actor.organization) == before
        changed = await cursor.advance(connection, actor.organization, NOW, "UTC", catalogue=True)
        assert await cursor.catalogue(connection, actor.organization) == changed.seq


async def test_the_recorded_day_is_the_organization_s_own(built: House):
    actor = await built.organization("far", "Pacific/Kiritimati")
    async with built.service.database.writing() as connection:
        zone = await cursor.zone(connection, actor.organization)
        position = await cursor.advance(connection, actor.organization, NOW, zone, catalogue=False)
    assert (zone, position.day, position.at) == (
        "Pacific/Kiritimati",
        NOW.date() + timedelta(days=1),
        NOW,
    )


async def test_an_organization_that_is_not_there_has_neither_zone_nor_catalogue(built: House):
    async with built.service.database.reading() as connection:
        for ask in (cursor.zone, cursor.catalogue):
            with pytest.raises(NotFoundError):
                await ask(connection, uuid4())
