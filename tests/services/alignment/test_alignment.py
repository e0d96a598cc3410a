"""Which playbook is asked, on which day, and that both databases give the same answer bit for bit."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.primitives.errors import ForbiddenError, InvalidError
from app.scoring.result import Alignment
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
from tests.support.configurations import book
from tests.support.services import NOW, ONE, House, event, furnish, house, metric, record

TODAY = NOW.date()
DAY = timedelta(days=1)


def published(key: str, first: date, last: date, state: str = "published") -> Playbook:
    return replace(book(key, first, last), state=state)


async def test_no_day_of_the_future_is_answered_and_none_known_before_it_was(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    for as_of, known_at, pointer in (
        (TODAY + DAY, None, "as_of"),
        (None, TODAY - DAY, "known_at"),
        (TODAY - DAY, TODAY - 2 * DAY, "known_at"),
        (None, TODAY + DAY, "known_at"),
    ):
        with pytest.raises(InvalidError) as refused:
            await alignment.read(built.service, actor, as_of=as_of, known_at=known_at)
        assert {fault.pointer for fault in refused.value.faults} == {pointer}, (as_of, known_at)
    for as_of in (None, TODAY):
        assert (
            await alignment.read(built.service, actor, as_of=as_of)
        ).snapshot.frame.as_of == TODAY


async def test_today_is_the_organization_s_own(built: House):
    actor = await built.organization("far", "Pacific/Kiritimati")
    await furnish(built, actor)
    assert (await alignment.read(built.service, actor)).snapshot.frame.as_of == TODAY + DAY


async def test_an_answer_says_its_version_its_edits_and_the_other_playbooks(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.write(
        built.service,
        actor,
        lambda found: found.put(published("year", TODAY - 99 * DAY, TODAY)),
    )
    await playbooks.publish(built.service, actor, "q4")
    first = await alignment.read(built.service, actor)
    await configuration.put(built.service, actor, Objective("more", "q4", "More"))
    second = await alignment.read(built.service, actor)
    assert (first.playbook.key, first.other_current) == ("q4", ("year",))
    assert (first.unpublished_changes, second.unpublished_changes) == (0, 1)
    assert second.snapshot.version == first.snapshot.version + 1
    drafted = await alignment.read(built.service, actor, "year")
    assert (drafted.playbook.key, drafted.other_current) == ("year", ("q4",))


async def test_only_a_key_that_may_read_is_answered(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    writer = Actor(actor.organization, "writer", frozenset({"events:write", "playbook:write"}))
    with pytest.raises(ForbiddenError):
        await alignment.read(built.service, writer)


async def story(url: str) -> tuple[Alignment, dict[str, object]]:
    """The same quarter on any database."""
    async with house(url) as built:
        actor = await built.organization("acme", "Europe/Berlin")
        await furnish(built, actor)
        await configuration.put(
            built.service, actor, metric("calls", events=("call.held",), aggregation="count")
        )
        await playbooks.publish(built.service, actor, "q4")
        await playbooks.contribute(built.service, actor, Contribution("q4", "sales", "Ann"))
        await playbooks.sign(built.service, actor, Signoff("q4", "sales", 2, "Ann"))
        built.clock.at = NOW - 40 * DAY
        for week in range(6):
            wanted = [
                event(
                    f"w{week}-{n}",
                    type=("invoice.paid", "call.held", "noise")[n % 3],
                    team=("sales", "marketing")[n % 2],
                    value=(n * 7919 + week) * ONE // 7,
                    effort=n * 3333,
                    kind=("outcome", "activity")[n % 2],
                    offerings=(("onboarding", n * ONE // 3),) if n % 4 == 0 else (),
                    time=built.clock.at - n * timedelta(hours=5),
                )
                for n in range(15)
            ]
            items = await record(built, actor, *wanted)
            assert items[3].uid is not None
            await events.retract_event(built.service, actor, items[3].uid, "a mistake")
            built.clock.forward(days=8)
        built.clock.at = NOW + 10 * DAY
        answer = await alignment.read(built.service, actor)
        snapshot = answer.snapshot
        return answer.alignment, {
            "version": snapshot.version,
            "said": dict(snapshot.said),
            "attention": sorted(map(repr, snapshot.attention)),
            "newest": sorted(map(repr, snapshot.newest)),
            "sold": sorted(map(repr, snapshot.sold)),
        }


@pytest.mark.postgresql
async def test_both_databases_give_the_same_answer_bit_for_bit(
    sqlite_url: str, postgresql_url: str
):
    embedded, server = await story(sqlite_url), await story(postgresql_url)
    assert embedded[1] == server[1]
    assert embedded[0] == server[0]
    assert repr(embedded[0]) == repr(server[0])
    assert 0 < (embedded[0].score or 0) < 1
