"""Answers are kept while nothing has changed, and never a moment longer."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.organization import COMPONENTS, Policy
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.sources.sources import Source
from app.services.alignment import alignment, history
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
from app.services.runtime.context import Service
from app.services.runtime.versioned_cache import Kept
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

DAY = timedelta(days=1)


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 5), st.integers(0, 3), st.integers(0, 30)),
        max_size=30,
    )
)
def test_what_is_kept_never_weighs_more_than_it_may_and_is_found_at_its_version_alone(
    kept: list[tuple[int, int, int, int]],
):
    found, last = Kept(50), dict[tuple[int, int], tuple[int, int, str]]()
    for number, (of, question, version, weight) in enumerate(kept):
        found.keep(of, question, version, str(number), weight)
        last[of, question] = version, weight, str(number)
        there = {
            asked: one for asked, one in last.items() if found.find(*asked, one[0], str) == one[2]
        }
        assert (of, question) in there
        assert {at for asked, (at, _, _) in there.items() if asked[0] == of} == {version}
        assert sum(weight for _, weight, _ in there.values()) <= 50
        for asked, (at, _, _) in there.items():
            assert found.find(*asked, at + 1, str) is None
            assert found.find(*asked, at, bytes) is None


def test_what_nobody_asked_for_longest_goes_first_and_what_is_too_heavy_is_not_kept():
    found = Kept(2)
    found.keep("x", "a", 1, "A", 1)
    found.keep("y", "b", 1, "B", 1)
    assert found.find("x", "a", 1, str) == "A"
    found.keep("x", "c", 1, "C", 1)
    assert [found.find(of, name, 1, str) for of, name in ("xa", "yb", "xc")] == ["A", None, "C"]
    found.keep("x", "a", 1, "AAA", 3)
    assert [found.find("x", name, 1, str) for name in "ac"] == [None, "C"]


def test_what_is_of_another_version_is_let_go_as_soon_as_anything_newer_is_kept():
    found, old = Kept(), frozenset("any object will do")
    gone = ref(old)
    found.keep("x", "a", 1, old, 1)
    found.keep("y", "a", 1, "other", 1)
    del old
    assert gone() is not None
    found.keep("x", "b", 2, "new", 1)
    assert gone() is None
    assert found.find("y", "a", 1, str) == "other"


async def test_answers_that_lose_nothing_have_a_weight_too(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.put(built.service, actor, Policy(weights=dict.fromkeys(COMPONENTS, 0)))
    service = replace(built.service, kept=Kept(200))
    first = await alignment.read(service, actor)
    assert first.alignment.losses == ()
    assert await alignment.read(service, actor) is first
    for ago in range(1, 12):
        await alignment.read(service, actor, "q4", NOW.date() - ago * DAY)
    assert await alignment.read(service, actor) is not first


async def test_an_answer_is_the_same_one_until_something_is_written(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    first = await alignment.read(built.service, actor)
    assert await alignment.read(built.service, actor) is first
    assert await alignment.read(built.service, actor, as_of=NOW.date()) is first
    assert (await history.read(built.service, actor)).points is (
        await history.read(built.service, actor)
    ).points
    await record(built, actor, event("a", value=100 * ONE))
    assert await alignment.read(built.service, actor) is not first


async def test_another_process_that_keeps_answers_sees_every_write_at_once(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    other = replace(built.service, kept=Kept())
    service = built.service
    [item] = await record(built, actor, event("first", value=10 * ONE))
    assert item.uid is not None
    uid = item.uid
    writes: list[Callable[[], Awaitable[object]]] = [
        lambda: record(built, actor, event("a", value=100 * ONE)),
        lambda: events.retract_event(service, actor, uid, "a mistake"),
        lambda: configuration.put(service, actor, Objective("more", "q4", "More")),
        lambda: configuration.put(service, actor, metric(events=("deal.lost",))),
        lambda: configuration.put(service, actor, Source("crm", "CRM")),
        lambda: playbooks.publish(service, actor, "q4"),
        lambda: playbooks.contribute(service, actor, Contribution("q4", "sales", "Ann")),
        lambda: playbooks.sign(service, actor, Signoff("q4", "sales", 2, "Ann")),
        lambda: configuration.archive(service, actor, "objective", "more"),
    ]
    for number, write in enumerate(writes):
        await asked(other, actor)
        await write()
        assert await asked(other, actor) == await asked(replace(service, kept=Kept()), actor), (
            number
        )


async def asked(service: Service, actor: Actor) -> tuple[object, ...]:
    """All that an answer and a history say."""
    found = await alignment.read(service, actor)
    days = await history.read(service, actor, NOW.date() - 3 * DAY, None, "day")
    return (
        found.alignment,
        found.snapshot.said,
        found.unpublished_changes,
        found.restating,
        days.points,
    )


async def test_the_next_day_has_an_answer_of_its_own(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    before = await alignment.read(built.service, actor)
    built.clock.forward(days=1)
    after = await alignment.read(built.service, actor)
    assert after.snapshot.frame.as_of == before.snapshot.frame.as_of + DAY


@pytest.mark.parametrize("most", [0, 10_000])
async def test_an_organization_never_finds_what_another_asked(built: House, most: int):
    here, there = await built.organization(), await built.organization("other")
    service = replace(built.service, kept=Kept(most))
    await furnish(built, here)
    await furnish(built, there)
    await record(built, here, event("a", value=100 * ONE))
    await record(built, there, event("a", value=1 * ONE))
    one, other = await alignment.read(service, here), await alignment.read(service, there)
    assert one.snapshot.said != other.snapshot.said
