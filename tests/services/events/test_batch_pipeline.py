"""A batch is recorded in parts and as one: all of it that can be, once, or nothing."""

from asyncio import CancelledError, all_tasks, create_task, get_running_loop, sleep
from collections.abc import Iterator, Sequence
from gc import collect

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.events.batch_pipeline import PART, Passed, _one_after_the_other
from app.services.playbook import configuration
from app.store.events.ingest import Recorded
from app.store.events.rollups import Prepared
from tests.flows.test_events import clean
from tests.support.services import ONE, House, event, furnish, measures, metric

LARGEST = 10**12 * ONE


def many(count: int, **more: object) -> list[Event]:
    return [event(f"n{number:05}", **more) for number in range(count)]


async def furnished(built: House) -> Actor:
    actor = await built.organization()
    await furnish(built, actor)
    return actor


async def total(built: House, actor: Actor) -> tuple[int, int]:
    """How many events of the metric count, and their sum."""
    answer = await alignment.read(built.service, actor)
    found = measures(answer.snapshot)["arr", "billing"]
    return found.count, found.total


async def told(built: House, actor: Actor, found: list[Event]) -> list[str]:
    return [item.status for item in await events.record(built.service, actor, iter(found))]


async def test_every_part_is_recorded_once_and_repetitions_are_told_across_parts(built: House):
    actor = await furnished(built)
    batch = [*many(2 * PART + 3), event("n00000"), event("n00001", value=ONE)]
    assert await told(built, actor, batch) == ["recorded"] * (2 * PART + 3) + [
        "duplicate",
        "conflict",
    ]
    assert await total(built, actor) == (2 * PART + 3, (2 * PART + 3) * 100 * ONE)
    assert await clean(built, actor)


async def test_a_batch_that_says_nothing_new_leaves_the_version_as_it_is(built: House):
    actor = await furnished(built)
    await told(built, actor, many(PART + 1))
    before = (await alignment.read(built.service, actor)).alignment.version
    assert await told(built, actor, many(PART + 1)) == ["duplicate"] * (PART + 1)
    assert (await alignment.read(built.service, actor)).alignment.version == before


async def test_one_that_cannot_be_taken_in_a_later_part_keeps_no_other_from_being_recorded(
    built: House,
):
    actor = await furnished(built)
    batch = [*many(PART + 1), event("wrong", team="sale"), event("last")]
    assert await told(built, actor, batch) == ["recorded"] * (PART + 1) + ["invalid", "recorded"]
    assert (await total(built, actor))[0] == PART + 2
    assert await clean(built, actor)


async def test_a_sum_that_would_not_fit_in_a_later_part_is_refused_alone(built: House):
    actor = await furnished(built)
    fits = (2**63 - 1) // LARGEST
    found = await told(built, actor, many(fits + 3, value=LARGEST))
    assert (found.count("recorded"), found.count("invalid")) == (fits, 3)
    assert (await total(built, actor))[0] == fits
    assert await clean(built, actor)


async def test_what_changed_since_the_catalogue_was_read_counts_for_every_part(built: House):
    actor = await furnished(built)
    await told(built, actor, many(1))  # the catalogue is kept now
    await configuration.write(built.service, actor, lambda known: known.put(metric("more")))
    later = await events.record(
        built.service, actor, (event(f"later{number}") for number in range(PART + 1))
    )
    matched = [
        [match.metric for match in item.fresh[0].matches]
        for item in later
        if item.fresh is not None
    ]
    assert matched == [["arr", "more"]] * (PART + 1)
    assert await clean(built, actor)


async def test_what_breaks_while_a_later_part_is_read_leaves_nothing(built: House):
    actor = await furnished(built)

    def broken() -> Iterator[Event]:
        yield from many(PART + 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await events.record(built.service, actor, broken())
    assert await told(built, actor, many(PART + 1)) == ["recorded"] * (PART + 1)


# Not on SQLite, where a BEGIN that the thread of the driver is in cannot be taken back: nobody is cut off there.
@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
async def test_who_gives_up_in_the_middle_has_recorded_all_of_it_or_nothing(built: House):
    actor = await furnished(built)
    await told(built, actor, [event("first")])
    for turns in range(12):
        batch = [event(f"{turns}-{number}") for number in range(2 * PART + 1)]
        asked = create_task(events.record(built.service, actor, iter(batch)))
        for _ in range(turns):
            await sleep(0)
        asked.cancel()
        with pytest.raises(CancelledError):
            await asked
        again = await told(built, actor, batch)
        assert set(again) in ({"recorded"}, {"duplicate"}), turns
    assert await clean(built, actor)


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
async def test_who_gives_up_while_the_transaction_begins_leaves_no_connection_in_one(built: House):
    """Whoever leaves before the first part is read waits for what is under way on the connection."""
    async with built.service.database.writing() as connection:
        reading = create_task(_one_after_the_other(connection, _never, iter(()), Passed()))
        await sleep(0)
        (beginning,) = [
            one for one in all_tasks() if getattr(one.get_coro(), "__name__", "") == "opened"
        ]
        reading.cancel()
        with pytest.raises(CancelledError):
            await reading
        assert beginning.done()


async def test_where_two_parts_fail_the_later_is_told_and_the_other_leaves_no_noise(built: House):
    noise: list[object] = []
    get_running_loop().set_exception_handler(lambda _, context: noise.append(context))

    def parts() -> Iterator[Sequence[Prepared]]:
        yield ()
        raise ValueError("the later one")

    async with built.service.database.writing() as connection:
        with pytest.raises(ValueError, match="the later one"):
            await _one_after_the_other(connection, _never, parts(), Passed())
    collect()
    assert noise == []


async def _never(prepared: Sequence[Prepared]) -> Recorded:
    raise AssertionError(prepared)
