"""A batch is recorded in chunks, each event once; after a failure nothing of it is recorded."""

from asyncio import CancelledError, all_tasks, create_task, get_running_loop, sleep
from collections.abc import Iterator, Sequence
from gc import collect

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.matched_event import MatchedEvent
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.events.batch_pipeline import CHUNK_SIZE, _record_chunks
from app.services.playbook import configuration as configuration_service
from tests.services.events.test_ingestion import has_consistent_rollups
from tests.support.service_harness import (
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    measures_by_metric,
    seed_playbook,
)

MAX_EVENT_VALUE = 10**12 * SCALE


def make_events(count: int, **fields: object) -> list[Event]:
    return [make_event(f"n{number:05}", **fields) for number in range(count)]


async def create_seeded_organization(harness: ServiceHarness) -> Actor:
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    return actor


async def load_count_and_total(harness: ServiceHarness, actor: Actor) -> tuple[int, int]:
    """Return the number of events that count for the metric, and their sum."""
    answer = await alignment.get_alignment(harness.service, actor)
    measure = measures_by_metric(answer.snapshot)["arr", "billing"]
    return measure.count, measure.total


async def record_statuses(
    harness: ServiceHarness, actor: Actor, submitted_events: list[Event]
) -> list[str]:
    return [
        outcome.status
        for outcome in await ingestion.ingest_events(harness.service, actor, iter(submitted_events))
    ]


async def test_every_chunk_is_recorded_once_and_duplicates_are_detected_across_chunks(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    batch = [
        *make_events(2 * CHUNK_SIZE + 3),
        make_event("n00000"),
        make_event("n00001", value=SCALE),
    ]
    assert await record_statuses(harness, seeded_actor, batch) == ["recorded"] * (
        2 * CHUNK_SIZE + 3
    ) + [
        "duplicate",
        "conflict",
    ]
    assert await load_count_and_total(harness, seeded_actor) == (
        2 * CHUNK_SIZE + 3,
        (2 * CHUNK_SIZE + 3) * 100 * SCALE,
    )
    assert await has_consistent_rollups(harness, seeded_actor)


async def test_a_batch_of_duplicates_leaves_the_version_unchanged(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    await record_statuses(harness, seeded_actor, make_events(CHUNK_SIZE + 1))
    before = (await alignment.get_alignment(harness.service, seeded_actor)).alignment.version
    assert await record_statuses(harness, seeded_actor, make_events(CHUNK_SIZE + 1)) == [
        "duplicate"
    ] * (CHUNK_SIZE + 1)
    assert (
        await alignment.get_alignment(harness.service, seeded_actor)
    ).alignment.version == before


async def test_an_invalid_event_in_a_later_chunk_does_not_block_the_others(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    batch = [*make_events(CHUNK_SIZE + 1), make_event("wrong", team="sale"), make_event("last")]
    assert await record_statuses(harness, seeded_actor, batch) == ["recorded"] * (
        CHUNK_SIZE + 1
    ) + [
        "invalid",
        "recorded",
    ]
    assert (await load_count_and_total(harness, seeded_actor))[0] == CHUNK_SIZE + 2
    assert await has_consistent_rollups(harness, seeded_actor)


async def test_an_overflowing_event_in_a_later_chunk_is_rejected_alone(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    fits = (2**63 - 1) // MAX_EVENT_VALUE
    submission_statuses = await record_statuses(
        harness, seeded_actor, make_events(fits + 3, value=MAX_EVENT_VALUE)
    )
    assert (submission_statuses.count("recorded"), submission_statuses.count("invalid")) == (
        fits,
        3,
    )
    assert (await load_count_and_total(harness, seeded_actor))[0] == fits
    assert await has_consistent_rollups(harness, seeded_actor)


async def test_a_configuration_change_after_the_compilation_counts_for_every_chunk(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    await record_statuses(harness, seeded_actor, make_events(1))  # caches the configuration
    await configuration_service.write_configuration(
        harness.service, seeded_actor, lambda current: current.with_resource(make_metric("more"))
    )
    outcomes = await ingestion.ingest_events(
        harness.service,
        seeded_actor,
        (make_event(f"later{number}") for number in range(CHUNK_SIZE + 1)),
    )
    matched = [
        [match.metric for match in outcome.newly_recorded[0].matches]
        for outcome in outcomes
        if outcome.newly_recorded is not None
    ]
    assert matched == [["arr", "more"]] * (CHUNK_SIZE + 1)
    assert await has_consistent_rollups(harness, seeded_actor)


async def test_an_error_while_reading_a_later_chunk_stores_nothing(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)

    def yield_then_fail() -> Iterator[Event]:
        yield from make_events(CHUNK_SIZE + 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ingestion.ingest_events(harness.service, seeded_actor, yield_then_fail())
    assert await record_statuses(harness, seeded_actor, make_events(CHUNK_SIZE + 1)) == [
        "recorded"
    ] * (CHUNK_SIZE + 1)


# Not on SQLite: its driver runs BEGIN in a thread, and a cancellation cannot interrupt it there.
@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
async def test_a_batch_cancelled_in_the_middle_is_recorded_completely_or_not_at_all(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    await record_statuses(harness, seeded_actor, [make_event("first")])
    for turns in range(12):
        batch = [make_event(f"{turns}-{number}") for number in range(2 * CHUNK_SIZE + 1)]
        request_task = create_task(
            ingestion.ingest_events(harness.service, seeded_actor, iter(batch))
        )
        for _ in range(turns):
            await sleep(0)
        request_task.cancel()
        with pytest.raises(CancelledError):
            await request_task
        repeated = await record_statuses(harness, seeded_actor, batch)
        assert set(repeated) in ({"recorded"}, {"duplicate"}), turns
    assert await has_consistent_rollups(harness, seeded_actor)


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
async def test_cancelling_while_the_transaction_begins_leaves_no_open_transaction(
    harness: ServiceHarness,
):
    async with harness.service.database.write_transaction() as writer:
        reading = create_task(_record_chunks(writer, lambda: None, fail_on_write))
        await sleep(0)
        (beginning,) = [
            task for task in all_tasks() if getattr(task.get_coro(), "__name__", "") == "begin"
        ]
        reading.cancel()
        with pytest.raises(CancelledError):
            await reading
        assert beginning.done()


async def test_when_two_chunks_fail_the_later_error_is_raised_and_the_other_is_not_logged(
    harness: ServiceHarness,
):
    noise: list[object] = []
    get_running_loop().set_exception_handler(lambda _, context: noise.append(context))

    chunks: list[Sequence[MatchedEvent]] = [()]

    def read_chunk() -> Sequence[MatchedEvent]:
        if not chunks:
            raise ValueError("the later one")
        return chunks.pop()

    async with harness.service.database.write_transaction() as writer:
        with pytest.raises(ValueError, match="the later one"):
            await _record_chunks(writer, read_chunk, fail_on_write)
    collect()
    assert noise == []


async def fail_on_write(matched_events: Sequence[MatchedEvent]) -> None:
    raise AssertionError(matched_events)
