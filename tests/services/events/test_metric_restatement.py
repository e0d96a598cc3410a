"""Redefining a metric restates history; a long one in the background, and answers meanwhile are those before."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.services.alignment import alignment
from app.services.alignment.alignment import Answer
from app.services.events import ingestion as events
from app.services.events import metric_restatement as restatement
from app.services.operations import rollup_check as maintenance
from app.services.playbook import configuration
from app.store.events import metric_restatement as restatements
from app.store.playbook import journal
from tests.flows.test_history import quarter
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

SOUND = {"event": 0, "measure": 0, "attention": 0, "sold": 0}
DAY = timedelta(days=1)


def said(answer: Answer) -> object:
    shown = [(*loss[:3], *loss[4:], loss.detail, loss.evidence) for loss in answer.alignment.losses]
    return replace(answer.alignment, losses=(), version=0), shown


@pytest.fixture
def slow(built: House) -> House:
    """A service to which every restatement is long."""
    return replace(built, service=replace(built.service, restate_at_once=0))


async def ask(built: House, actor: Actor, ago: int = 0) -> object:
    return said(await alignment.read(built.service, actor, "q4", NOW.date() - ago * DAY))


async def test_a_long_restatement_ends_in_what_one_at_once_makes(built: House, slow: House):
    one = await quarter(built)
    other = metric("sum", events=("noise",), activities=("invoice.paid",), where=())
    before = [await ask(built, one, ago) for ago in (0, 9, 30)]
    await configuration.put(slow.service, one, other)
    assert [await ask(built, one, ago) for ago in (0, 9, 30)] == before
    assert (await alignment.read(built.service, one, "q4")).restating == ("sum",)
    assert await restatement.waiting(built.service) == [one.organization]
    steps = 0
    while await restatement.step(slow.service, one.organization):
        steps += 1
        async with built.service.database.reading() as connection:
            under_way = await restatements.progress(connection, one.organization)
        if under_way is not None:
            assert under_way[1] == steps
            assert await ask(built, one) == before[0]
    assert steps > 20
    after = [await ask(built, one, ago) for ago in (0, 9, 30)]
    assert after != before
    assert (await alignment.read(built.service, one, "q4")).restating == ()
    assert await restatement.waiting(built.service) == []
    assert await maintenance.differences(built.service, one.organization) == SOUND
    # back and forth at once: the same again
    await configuration.put(built.service, one, metric("sum"))
    assert [await ask(built, one, ago) for ago in (0, 9, 30)] == before
    await configuration.put(built.service, one, other)
    assert [await ask(built, one, ago) for ago in (0, 9, 30)] == after
    assert await maintenance.differences(built.service, one.organization) == SOUND


async def test_what_comes_in_meanwhile_counts_before_and_after(slow: House):
    actor = await quarter(slow)
    await configuration.put(slow.service, actor, metric("sum", events=("noise",), where=()))
    for _ in range(5):
        await restatement.step(slow.service, actor.organization)
    long_ago = NOW - 40 * DAY
    (kept, old, _) = await record(
        slow,
        actor,
        event("x"),
        event("old", time=long_ago),
        event("noisy", type="noise", time=long_ago),
    )
    assert kept.uid is not None
    assert old.uid is not None
    await events.retract_event(slow.service, actor, kept.uid, "a mistake")
    assert await maintenance.differences(slow.service, actor.organization) == SOUND
    for _ in range(5):
        await restatement.step(slow.service, actor.organization)
    await events.retract_event(slow.service, actor, old.uid, "a mistake")
    await restatement.finish(slow.service, actor.organization)
    assert await maintenance.differences(slow.service, actor.organization) == SOUND


async def test_another_redefinition_meanwhile_begins_again_and_the_first_one_taken_back_ends_it(
    slow: House,
):
    actor = await quarter(slow)
    before = await ask(slow, actor)
    await configuration.put(slow.service, actor, metric("sum", where=()))
    await restatement.step(slow.service, actor.organization)
    await configuration.put(slow.service, actor, metric("max", aggregation="max", where=()))
    assert (await alignment.read(slow.service, actor, "q4")).restating == ("max", "sum")
    async with slow.service.database.reading() as connection:
        assert await restatements.done(connection, actor.organization) == []
    await configuration.put(slow.service, actor, metric("max", aggregation="max"))
    await configuration.put(slow.service, actor, metric("sum"))
    assert (await alignment.read(slow.service, actor, "q4")).restating == ()
    assert await restatement.waiting(slow.service) == []
    assert await ask(slow, actor) == before
    assert await maintenance.differences(slow.service, actor.organization) == SOUND


async def entries(built: House, actor: Actor) -> list[tuple[str, str]]:
    async with built.service.database.reading() as connection:
        found = await journal.page(
            connection, actor.organization, journal.JournalFilter("metric", "sum"), None, 9
        )
    return [(entry.actor, entry.action) for entry in found]


async def test_the_journal_says_from_when_on_history_is_restated(built: House, slow: House):
    actor = await quarter(built)
    await configuration.put(built.service, actor, metric("sum", where=()))
    assert (await entries(built, actor))[:2] == [("tester", "restate"), ("tester", "update")]
    await configuration.put(slow.service, actor, metric("sum"))
    assert (await entries(built, actor))[0] == ("tester", "update")
    await restatement.finish(slow.service, actor.organization)
    assert (await entries(built, actor))[0] == ("tester", "restate")


async def test_archiving_a_metric_restates_nothing(slow: House):
    actor = await quarter(slow)
    then = await ask(slow, actor, 5)
    await configuration.archive(slow.service, actor, "key_result", "by-sum")
    await configuration.archive(slow.service, actor, "metric", "sum")
    assert await restatement.waiting(slow.service) == []
    assert await ask(slow, actor, 5) == then
    assert await maintenance.differences(slow.service, actor.organization) == SOUND


async def test_progress_is_told_and_a_rebuild_finishes_it(slow: House):
    actor = await quarter(slow)
    await configuration.put(slow.service, actor, metric("sum", where=()))
    await restatement.step(slow.service, actor.organization)
    found: Mapping[str, tuple[int, int]] = await maintenance.restating(slow.service)
    days, done = found["acme"]
    assert done == 1 < days
    await maintenance.restore(slow.service, actor.organization)
    assert await maintenance.restating(slow.service) == {}


async def test_the_worker_restates_what_waits_and_tries_again_what_failed(slow: House):
    actor = await quarter(slow)
    await configuration.put(slow.service, actor, metric("sum", where=(), value=f"data.x{ONE}"))
    await restatement.work(slow.service, until_idle())
    assert await restatement.waiting(slow.service) == []


def until_idle(most: int = 200) -> Callable[[bool], Awaitable[bool]]:
    """A pause that ends the work once a round did nothing."""
    rounds = 0

    async def pause(busy: bool) -> bool:
        nonlocal rounds
        rounds += 1
        return rounds > most or (rounds > 1 and not busy)

    return pause


async def test_history_that_cannot_be_restated_stops_nobody_else(slow: House):
    full, sound = await slow.organization("full"), await slow.organization("sound")
    for actor in (full, sound):
        await furnish(slow, actor)
        data = {"segment": "enterprise", "x": 10**12}
        await record(
            slow, actor, *(event(f"e{n}", data=data) for n in range(1000 if actor is full else 1))
        )
        await configuration.put(slow.service, actor, metric(value="data.x"))
    await restatement.work(slow.service, until_idle())
    assert await restatement.waiting(slow.service) == []
    assert (await alignment.read(slow.service, full)).restating == ("arr",)
    assert (await alignment.read(slow.service, sound)).restating == ()
    await configuration.put(slow.service, full, metric())
    assert (await alignment.read(slow.service, full)).restating == ()
    assert await maintenance.differences(slow.service, full.organization) == SOUND


async def test_a_restatement_ends_while_events_come_in_for_many_days(built: House):
    actor = await quarter(built)
    house = replace(built, service=replace(built.service, restate_at_once=20))
    await configuration.put(house.service, actor, metric("sum", where=()))
    for number in range(60):
        late = [event(f"in-{number}-{n}", time=NOW - (number + 7 * n) % 40 * DAY) for n in range(3)]
        await record(house, actor, *late)
        if not await restatement.step(house.service, actor.organization):
            break
    assert await restatement.waiting(house.service) == []
    assert await maintenance.differences(house.service, actor.organization) == SOUND
