"""A rebuild finds every roll-up that is not what the events say, mends it, and agrees with retractions of any day."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.domain.access.actor import Actor
from app.domain.events.metrics import AGGREGATIONS, Matcher
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.objectives import KeyResult
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.operations import rollup_check as maintenance
from app.services.playbook import configuration
from app.store.events import rollup_rebuild as rebuild
from app.store.playbook import configuration as store
from app.store.sql.column_types import micros
from tests.support.services import NOW, ONE, House, event, furnish, house, measures, metric, record

SOUND = {"event": 0, "measure": 0, "attention": 0, "sold": 0}
TAMPERINGS = {
    "measure": "update measure set total = total + 1",
    "attention": "update attention set events = events + 1",
    "sold": "delete from sold",
    "event": "update event set matching = ''",
}
HOURS = (0, 1, 13, 30)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as found:
        yield found


async def differences(built: House, actor: Actor) -> Mapping[str, int]:
    return await maintenance.differences(built.service, actor.organization)


async def with_all_aggregations(built: House, key: str = "acme") -> Actor:
    """An organization with a key result for every way to aggregate."""
    actor = await built.organization(key)
    await furnish(built, actor)
    nouns: list[Noun] = [
        metric(aggregation, aggregation=aggregation) for aggregation in AGGREGATIONS
    ]
    nouns += [KeyResult(f"by-{name}", "win", name, name, 0, ONE) for name in AGGREGATIONS]
    await configuration.write(
        built.service, actor, lambda known: reduce(Configuration.put, nouns, known)
    )
    return actor


async def figures(built: House, actor: Actor) -> dict[str, tuple[object, ...]]:
    """Low, high and last as a score reads them, by the metric that asks for each."""
    found = measures((await alignment.read(built.service, actor)).snapshot)
    asked = {"min": "low", "max": "high", "last": "last"}
    return {
        name: tuple(getattr(one, part) for (key, _), one in found.items() if key == name)
        for name, part in asked.items()
    }


@pytest.mark.parametrize("which", sorted(TAMPERINGS))
async def test_what_was_tampered_with_is_found_and_mended(built: House, which: str):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a", offerings=(("x", ONE),)), event("b", type="call.held"))
    before = await alignment.read(built.service, actor)
    assert await differences(built, actor) == SOUND
    async with built.service.database.writing() as connection:
        await connection.execute(text(TAMPERINGS[which]))
    found = await differences(built, actor)
    assert {name for name, number in found.items() if number} == {which}
    assert await maintenance.restore(built.service, actor.organization) == (2, found)
    assert await differences(built, actor) == SOUND
    after = await alignment.read(built.service, actor)
    assert (after.snapshot.said, after.snapshot.attention) == (
        before.snapshot.said,
        before.snapshot.attention,
    )


async def test_restoring_what_is_sound_changes_nothing(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    version = (await alignment.read(built.service, actor)).snapshot.version
    assert await maintenance.restore(built.service, actor.organization) == (1, SOUND)
    assert (await alignment.read(built.service, actor)).snapshot.version == version


async def test_another_organization_s_roll_ups_are_left_alone(built: House):
    one, other = await built.organization("one"), await built.organization("other")
    for actor in (one, other):
        await furnish(built, actor)
        await record(built, actor, event("a"))
    async with built.service.database.writing() as connection:
        await connection.execute(text("update measure set total = total + 1"))
    await maintenance.restore(built.service, one.organization)
    assert await differences(built, one) == SOUND
    assert await differences(built, other) == {**SOUND, "measure": 2}


@pytest.mark.parametrize("hours", [0, 24, 72])
async def test_low_high_and_last_forget_a_retracted_value(built: House, hours: int):
    actor = await with_all_aggregations(built)
    said = (("low", 1, 5), ("middle", 5, 4), ("high", 9, 3))
    found = [
        event(name, value=value * ONE, time=NOW - timedelta(hours=ago)) for name, value, ago in said
    ]
    items = await record(built, actor, *found)
    assert await figures(built, actor) == {
        "min": (ONE,),
        "max": (9 * ONE,),
        "last": (((micros(NOW - timedelta(hours=3))), "high", 9 * ONE),),
    }
    built.clock.forward(hours=hours)
    for item in (items[0], items[2]):
        assert item.uid is not None
        await events.retract_event(built.service, actor, item.uid, "a mistake")
    left = await figures(built, actor)
    assert (left["min"], left["max"]) == ((5 * ONE,), (5 * ONE,))
    assert left["last"] == (((micros(NOW - timedelta(hours=4))), "middle", 5 * ONE),)
    await record(built, actor, event("again", value=9 * ONE, time=NOW - timedelta(hours=3)))
    assert (await figures(built, actor))["max"] == (9 * ONE,)
    assert await differences(built, actor) == SOUND


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(-3, 3), st.sampled_from(HOURS), st.sampled_from([None, 0, 1, 25, 60])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_is_recorded_and_retracted_agrees_with_a_rebuild(
    database_url: str, runner: asyncio.Runner, steps: list[tuple[int, int, int | None]]
):
    async def play() -> Mapping[str, int]:
        async with house(database_url) as built:
            actor = await with_all_aggregations(built, f"o{len(steps)}-{abs(hash(tuple(steps)))}")
            for number, (value, ago, retract) in enumerate(steps):
                found = event(f"e{number}", value=value * ONE, time=NOW - timedelta(hours=ago))
                (item,) = await record(built, actor, found)
                if retract is not None and item.uid is not None:
                    built.clock.forward(hours=retract)
                    await events.retract_event(built.service, actor, item.uid, "a mistake")
            standing = [
                (v, NOW - timedelta(hours=h), f"e{n}")
                for n, (v, h, gone) in enumerate(steps)
                if gone is None
            ]
            shown = await figures(built, actor)
            assert shown["min"] == ((min(v for v, _, _ in standing) * ONE,) if standing else ())
            assert shown["max"] == ((max(v for v, _, _ in standing) * ONE,) if standing else ())
            last = max(((at, name, v) for v, at, name in standing), default=None)
            assert shown["last"] == (((micros(last[0]), last[1], last[2] * ONE),) if last else ())
            return await differences(built, actor)

    assert runner.run(play()) == SOUND


async def test_only_events_of_a_type_are_asked_for(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    async with built.service.database.reading() as connection:
        assert not await rebuild.any_event(connection, actor.organization)
    await record(built, actor, event("a"))
    async with built.service.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        assert await rebuild.any_event(connection, actor.organization)
        assert (
            await rebuild.events_of(connection, actor.organization, ["x", "invoice.paid"], 9) == 1
        )
        assert await rebuild.events_of(connection, actor.organization, ["deal.won"], 9) == 0
        assert (
            await rebuild.recompute(connection, actor.organization, Matcher(known.metrics), "UTC")
        ).events == 1
