"""Events are recorded once, in any order and batches, with equal roll-ups on both databases."""

import asyncio
from collections.abc import Iterator, Sequence
from random import Random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.primitives import epoch
from app.domain.primitives.errors import BucketFullError
from app.services.events.matching import match_events
from app.services.runtime.compiled_configuration import load_compiled_configuration
from app.store.events import ingest, rollup_rebuild
from app.store.events.ingest_batch import IngestBatch, IngestOutcome
from app.store.sql.database import Database
from tests.store.events.test_rollups import EVENTS
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    open_harness,
    seed_playbook,
)

DAY = epoch.to_day_number(NOW.date())


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as started_runner:
        yield started_runner


async def record_events(
    database: Database,
    actor: Actor,
    submitted_events: Sequence[Event],
    expected_version: int | None = None,
) -> IngestOutcome:
    async with database.write_transaction() as writer:
        compiled = await load_compiled_configuration(writer, actor.organization)
        matched_events = match_events(submitted_events, compiled.matcher, NOW, "UTC")
        version = compiled.version if expected_version is None else expected_version
        batch = IngestBatch(actor.organization, matched_events, NOW, DAY, version)
        return await ingest.record_events(writer, batch)


async def load_rollup_rows(database: Database, actor: Actor) -> dict[str, list[tuple[object, ...]]]:
    rows_by_rollup = {}
    async with database.read_transaction() as reader:
        for rollup_name, (table, _) in rollup_rebuild.ROLLUP_TABLES.items():
            rows = await reader.execute(
                table.select().where(table.c.organization_id == actor.organization)
            )
            rows_by_rollup[rollup_name] = sorted(map(tuple, rows), key=repr)
    return rows_by_rollup


def strip_tenant(
    rows_by_rollup: dict[str, list[tuple[object, ...]]],
) -> dict[str, list[tuple[object, ...]]]:
    return {
        rollup_name: sorted((row[1:] for row in rows), key=repr)
        for rollup_name, rows in rows_by_rollup.items()
    }


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(EVENTS, max_size=10, unique_by=lambda drawn_event: drawn_event.id),
    st.integers(1, 4),
    st.integers(),
)
def test_a_batch_split_in_any_way_gives_the_same_roll_ups(
    database_url: str,
    runner: asyncio.Runner,
    drawn_events: list[Event],
    piece_count: int,
    seed: int,
):
    async def record_whole_and_split() -> list[dict[str, list[tuple[object, ...]]]]:
        rollups = []
        async with open_harness(database_url) as harness:
            for requested_pieces in (1, piece_count):
                actor = await harness.create_organization(uuid4().hex)
                await seed_playbook(harness, actor)
                shuffled_events = list(drawn_events)
                if requested_pieces > 1:
                    Random(seed).shuffle(shuffled_events)
                size = max(1, -(-len(shuffled_events) // requested_pieces))
                for start in range(0, len(shuffled_events), size):
                    batch = shuffled_events[start : start + size]
                    assert len(
                        (await record_events(harness.service.database, actor, batch)).uids
                    ) == len(batch)
                rollups.append(
                    strip_tenant(await load_rollup_rows(harness.service.database, actor))
                )
        return rollups

    unsplit, split = runner.run(record_whole_and_split())
    assert unsplit == split


async def test_a_recorded_event_is_not_added_twice(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    database = harness.service.database
    first_recorded = await record_events(database, actor, [make_event("a"), make_event("b")])
    before = await load_rollup_rows(database, actor)
    repeated = await record_events(database, actor, [make_event("b"), make_event("c")])
    assert (len(first_recorded.uids), len(repeated.uids)) == (2, 1)
    (row,) = (await load_rollup_rows(database, actor))["attention"]
    assert len(before["attention"]) == 1
    assert row[-2:] == (3, 3 * SCALE)


async def test_the_last_of_simultaneous_values_is_that_of_the_greatest_id_by_code_point(
    harness: ServiceHarness,
):
    names = ["b", "\U0001f600", "Z", "\uff5e", "é", "a"]
    for batch in ([names[1:4], [names[0], *names[4:]]], [names]):
        actor = await harness.create_organization(f"o{len(batch)}")
        await seed_playbook(harness, actor)
        for chunk in batch:
            chunk_events = [make_event(name, value=names.index(name) * SCALE) for name in chunk]
            assert len(
                (await record_events(harness.service.database, actor, chunk_events)).uids
            ) == len(chunk)
        (row,) = (await load_rollup_rows(harness.service.database, actor))["measure"]
        assert "\U0001f600" in row
        assert row[-2] == SCALE


async def test_nothing_is_recorded_with_an_old_configuration_version(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    stale = await record_events(
        harness.service.database, actor, [make_event("a")], expected_version=0
    )
    assert (stale.seq, stale.uids) == (None, frozenset())
    assert (await load_rollup_rows(harness.service.database, actor))["attention"] == []


async def test_a_sum_that_does_not_fit_records_nothing(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    database = harness.service.database
    largest = 10**12 * SCALE
    await record_events(database, actor, [make_event(f"a{n}", value=largest) for n in range(922)])
    before = await load_rollup_rows(database, actor)
    with pytest.raises(BucketFullError):
        await record_events(
            database,
            actor,
            [make_event("small", value=1, source="billing"), make_event("over", value=largest)],
        )
    assert await load_rollup_rows(database, actor) == before


async def test_an_empty_batch_and_a_batch_without_matches_are_recorded(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    assert (
        len(
            (
                await record_events(
                    harness.service.database, actor, [make_event("a", type="noise")]
                )
            ).uids
        )
        == 1
    )
    assert (await record_events(harness.service.database, actor, [])).uids == frozenset()
