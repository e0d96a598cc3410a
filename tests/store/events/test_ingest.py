"""The hot path: recorded once, in any order and any batches, with the same roll-ups on both databases."""

import asyncio
from collections.abc import Iterator, Sequence
from random import Random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.access.actor import Actor
from app.domain.events.events import Event
from app.domain.events.metrics import Matcher
from app.domain.primitives.errors import BucketFullError
from app.services.runtime.matcher_cache import catalogue
from app.store.events import ingest
from app.store.events import rollup_rebuild as rebuild
from app.store.events.ingest import Recorded, matching_id, prepare
from app.store.sql import column_types as types
from app.store.sql.database import Database
from tests.store.test_rollups import EVENTS
from tests.support.services import NOW, ONE, Clock, House, event, furnish, house, metric

DAY = types.day_number(NOW.date())


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


async def record(
    database: Database, actor: Actor, found: Sequence[Event], catalogue_was: int | None = None
) -> Recorded:
    async with database.writing() as connection:
        known = await catalogue(connection, actor.organization)
        prepared = prepare(found, known.matcher, NOW, "UTC")
        version = known.version if catalogue_was is None else catalogue_was
        return await ingest.record(connection, actor.organization, prepared, NOW, DAY, version)


async def rolled_up(database: Database, actor: Actor) -> dict[str, list[tuple[object, ...]]]:
    found = {}
    async with database.reading() as connection:
        for name, (table, _) in rebuild.ROLLUPS.items():
            rows = await connection.execute(
                table.select().where(table.c.organization_id == actor.organization)
            )
            found[name] = sorted(map(tuple, rows), key=repr)
    return found


def without_tenant(
    found: dict[str, list[tuple[object, ...]]],
) -> dict[str, list[tuple[object, ...]]]:
    return {name: sorted((row[1:] for row in rows), key=repr) for name, rows in found.items()}


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(EVENTS, max_size=10, unique_by=lambda one: one.id), st.integers(1, 4), st.integers()
)
def test_a_batch_split_in_any_way_gives_the_same_roll_ups(
    database_url: str, runner: asyncio.Runner, found: list[Event], parts: int, seed: int
):
    async def both() -> list[dict[str, list[tuple[object, ...]]]]:
        answers = []
        async with house(database_url) as built:
            for pieces in (1, parts):
                actor = await built.organization(uuid4().hex)
                await furnish(built, actor)
                some = list(found)
                if pieces > 1:
                    Random(seed).shuffle(some)
                size = max(1, -(-len(some) // pieces))
                for start in range(0, len(some), size):
                    batch = some[start : start + size]
                    assert len((await record(built.service.database, actor, batch)).uids) == len(
                        batch
                    )
                answers.append(without_tenant(await rolled_up(built.service.database, actor)))
        return answers

    one, other = runner.run(both())
    assert one == other


async def test_what_is_recorded_already_adds_nothing(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    database = built.service.database
    first = await record(database, actor, [event("a"), event("b")])
    before = await rolled_up(database, actor)
    again = await record(database, actor, [event("b"), event("c")])
    assert (len(first.uids), len(again.uids)) == (2, 1)
    (row,) = (await rolled_up(database, actor))["attention"]
    assert len(before["attention"]) == 1
    assert row[-2:] == (3, 3 * ONE)


async def test_of_values_at_one_instant_the_last_is_that_of_the_greatest_name_by_code_point(
    built: House,
):
    names = ["b", "\U0001f600", "Z", "\uff5e", "é", "a"]
    for batch in ([names[1:4], [names[0], *names[4:]]], [names]):
        other = await built.organization(f"o{len(batch)}")
        await furnish(built, other)
        for some in batch:
            found = [event(name, value=names.index(name) * ONE) for name in some]
            assert len((await record(built.service.database, other, found)).uids) == len(some)
        (row,) = (await rolled_up(built.service.database, other))["measure"]
        assert "\U0001f600" in row
        assert row[-2] == ONE


async def test_nothing_is_recorded_against_an_old_catalogue(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    stale = await record(built.service.database, actor, [event("a")], catalogue_was=0)
    assert (stale.seq, stale.uids) == (None, frozenset())
    assert (await rolled_up(built.service.database, actor))["attention"] == []


async def test_a_sum_that_does_not_fit_records_nothing(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    database, largest = built.service.database, 10**12 * ONE
    await record(database, actor, [event(f"a{n}", value=largest) for n in range(922)])
    before = await rolled_up(database, actor)
    with pytest.raises(BucketFullError):
        await record(
            database,
            actor,
            [event("small", value=1, source="billing"), event("over", value=largest)],
        )
    assert await rolled_up(database, actor) == before


async def test_a_batch_without_any_match_or_of_nothing_is_recorded_too(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    assert len((await record(built.service.database, actor, [event("a", type="noise")])).uids) == 1
    assert (await record(built.service.database, actor, [])).uids == frozenset()


def test_events_are_prepared_in_the_order_of_their_names_with_times_and_days():
    assert Clock()() == NOW
    found = prepare(
        [event("b"), event("a"), event("c", source="a")], Matcher({}), NOW, "Pacific/Kiritimati"
    )
    assert [one.event.id for one in found] == ["c", "a", "b"]
    assert {one.day for one in found} == {DAY + 1}
    assert {one.time_us for one in found} == {types.micros(NOW) - 3_600_000_000}
    assert len({one.uid for one in found}) == 3


def test_a_set_of_matches_is_named_by_its_content():
    matcher = Matcher({"a": metric("a"), "b": metric("b")})
    same = [matching_id(matcher.match(event(name))) for name in ("x", "y")]
    assert same[0] == same[1]
    assert (
        len({same[0], matching_id(matcher.match(event("x", type="call.held"))), matching_id(())})
        == 3
    )
    assert matching_id(()) == ""
