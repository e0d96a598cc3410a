"""The version of an organization orders its commits and never decreases."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from app.domain.primitives.errors import NotFoundError
from app.store.access import organization_version
from tests.support.service_harness import NOW, ServiceHarness


async def test_concurrent_writers_get_distinct_versions(harness: ServiceHarness):
    actor = await harness.create_organization()

    async def advance() -> int:
        async with harness.service.database.write_transaction() as writer:
            return (
                await organization_version.advance_version(
                    writer, actor.organization, NOW, "UTC", changes_configuration=False
                )
            ).seq

    async with harness.service.database.read_transaction() as connection:
        start = await organization_version.current_version(connection, actor.organization)
    versions = await asyncio.gather(*(advance() for _ in range(10)))
    assert sorted(versions) == list(range(start + 1, start + 11))


async def test_recorded_time_stands_still_when_the_clock_goes_back(harness: ServiceHarness):
    actor = await harness.create_organization()
    async with harness.service.database.write_transaction() as writer:
        late = await organization_version.advance_version(
            writer,
            actor.organization,
            NOW + timedelta(days=2),
            "UTC",
            changes_configuration=False,
        )
        early = await organization_version.advance_version(
            writer, actor.organization, NOW, "UTC", changes_configuration=False
        )
    assert (early.recorded_at, early.day) == (late.recorded_at, late.day)
    assert early.seq == late.seq + 1


async def test_only_a_change_of_configuration_moves_the_catalogue(harness: ServiceHarness):
    actor = await harness.create_organization()
    async with harness.service.database.write_transaction() as writer:
        before = await organization_version.load_configuration_version(writer, actor.organization)
        await organization_version.advance_version(
            writer, actor.organization, NOW, "UTC", changes_configuration=False
        )
        assert (
            await organization_version.load_configuration_version(writer, actor.organization)
            == before
        )
        changed = await organization_version.advance_version(
            writer, actor.organization, NOW, "UTC", changes_configuration=True
        )
        assert (
            await organization_version.load_configuration_version(writer, actor.organization)
            == changed.seq
        )


async def test_the_recorded_day_is_the_organization_s_own(harness: ServiceHarness):
    actor = await harness.create_organization("far", "Pacific/Kiritimati")
    async with harness.service.database.write_transaction() as writer:
        time_zone = await organization_version.time_zone(writer, actor.organization)
        position = await organization_version.advance_version(
            writer, actor.organization, NOW, time_zone, changes_configuration=False
        )
    assert (time_zone, position.day, position.recorded_at) == (
        "Pacific/Kiritimati",
        NOW.date() + timedelta(days=1),
        NOW,
    )


async def test_a_missing_organization_has_neither_time_zone_nor_configuration_version(
    harness: ServiceHarness,
):
    async with harness.service.database.read_transaction() as reader:
        for load in (
            organization_version.time_zone,
            organization_version.load_configuration_version,
        ):
            with pytest.raises(NotFoundError):
                await load(reader, uuid4())
