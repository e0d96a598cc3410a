"""What a question about a day is answered from: the configuration as it stood, and the playbook that was current."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook, Signoff
from app.domain.primitives.errors import NoCurrentPlaybookError, NotFoundError
from app.services.alignment import alignment
from app.services.alignment.alignment import Answer
from app.services.playbook import configuration, playbooks
from app.services.playbook import configuration_history as past
from app.services.playbook.configuration_history import current, instead
from tests.support.configurations import book
from tests.support.services import NOW, ONE, House, event, furnish, measures, metric, record

TODAY = NOW.date()
DAY = timedelta(days=1)


def published(key: str, first: date, last: date, state: str = "published") -> Playbook:
    return replace(book(key, first, last), state=state)


def test_the_published_playbook_whose_window_holds_the_day_is_current():
    found = [
        published("before", TODAY - 9 * DAY, TODAY - DAY),
        published("now", TODAY, TODAY),
        published("after", TODAY + DAY, TODAY + 9 * DAY),
        published("shut", TODAY, TODAY, "closed"),
        published("idea", TODAY, TODAY, "draft"),
    ]
    asked = [current(found, TODAY + n * DAY) for n in (-10, -9, -1, 0, 1, 9)]
    assert asked == [[], ["before"], ["before"], ["now"], ["after"], ["after"]]


def test_of_several_the_one_that_starts_last_comes_first():
    found = [
        published("year", TODAY - 99 * DAY, TODAY + 99 * DAY),
        published("quarter", TODAY - 9 * DAY, TODAY + 9 * DAY),
        published("month", TODAY - 2 * DAY, TODAY),
        published("twin", TODAY - 2 * DAY, TODAY),
    ]
    assert current(found, TODAY) == ["twin", "month", "quarter", "year"]
    assert current(found[::-1], TODAY) == current(found, TODAY)


def test_without_a_current_playbook_the_last_ended_one_and_a_draft_are_named():
    found = [
        published("old", TODAY - 99 * DAY, TODAY - 50 * DAY),
        published("older", TODAY - 9 * DAY, TODAY - 2 * DAY, "closed"),
        published("idea", TODAY, TODAY, "draft"),
    ]
    assert "'older', ended on 2026-11-21" in instead(found, TODAY)
    assert "draft: 'idea'" in instead(found, TODAY)
    assert instead([], TODAY) == "No published playbook's window holds 2026-11-23."


def said(answer: Answer) -> object:
    """All that an answer says, as it would be shown."""
    shown = [(*loss[:3], *loss[4:], loss.detail, loss.evidence) for loss in answer.alignment.losses]
    more = (answer.playbook, answer.unpublished_changes, answer.other_current)
    return replace(answer.alignment, losses=()), shown, more


async def test_a_past_day_is_answered_as_it_was_whatever_came_after(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    (kept,) = await record(built, actor, event("a"))
    assert kept.uid is not None
    then = said(await alignment.read(built.service, actor))
    built.clock.forward(days=3)
    for noun in (
        Team("sales", "Sales", "sales", 99 * ONE),
        Team("support", "Support", "support", ONE),
        Objective("more", "q4", "More", priority=7 * ONE),
        Playbook("q4", "Another", "", date(2026, 10, 5), date(2027, 1, 31)),
    ):
        await configuration.put(built.service, actor, noun)
    await playbooks.publish(built.service, actor, "q4")
    await playbooks.sign(built.service, actor, Signoff("q4", "support", 2, "Ann"))
    await record(built, actor, event("late", value=900 * ONE), event("b", time=built.clock.at))
    await configuration.archive(built.service, actor, "objective", "win")
    await configuration.archive(built.service, actor, "metric", "arr")
    assert said(await alignment.read(built.service, actor)) != then
    assert said(await alignment.read(built.service, actor, as_of=TODAY, known_at=TODAY)) == then
    known = await alignment.read(built.service, actor, as_of=TODAY)
    totals = {key: measure.total for key, measure in measures(known.snapshot).items()}
    assert totals == {("arr", "billing"): 1000 * ONE}, (
        "late evidence counts, by the playbook as it stood"
    )


async def test_a_finished_playbook_keeps_its_number(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    built.clock.at = NOW + 38 * DAY
    last = said(await alignment.read(built.service, actor))
    built.clock.forward(days=20)
    await configuration.put(built.service, actor, Team("sales", "Sales", "sales", 99 * ONE))
    with pytest.raises(NoCurrentPlaybookError):
        await alignment.read(built.service, actor)
    after = await alignment.read(built.service, actor, "q4")
    assert after.snapshot.frame.as_of == TODAY + 58 * DAY
    frame = replace(after.alignment.frame, as_of=TODAY + 38 * DAY, known_at=TODAY + 38 * DAY)
    version = (
        await alignment.read(built.service, actor, "q4", TODAY + 38 * DAY, TODAY + 38 * DAY)
    ).alignment.version
    same = replace(after, alignment=replace(after.alignment, frame=frame, version=version))
    assert said(same)[0] == last[0]  # type: ignore[index]  # it is a tuple


async def imported(built: House) -> Actor:
    """A playbook that was published on the last day of a quarter about which all is recorded on that day."""
    actor = await built.organization()
    built.clock.at = NOW
    nouns = (
        Team("sales", "Sales", "sales", 12 * ONE),
        Playbook("q3", "The quarter", "", TODAY - 60 * DAY, TODAY + 30 * DAY),
    )
    for noun in (*nouns, metric(), Objective("win", "q3", "Win")):
        await configuration.put(built.service, actor, noun)
    return actor


async def test_before_its_first_publishing_a_playbook_is_as_it_was_then(built: House):
    actor = await imported(built)
    built.clock.forward(days=2)
    await playbooks.publish(built.service, actor, "q3")
    await configuration.put(built.service, actor, Objective("more", "q3", "More"))
    built.clock.forward(days=2)
    await configuration.put(built.service, actor, Objective("again", "q3", "Again"))
    answer = await alignment.read(built.service, actor, as_of=TODAY - 30 * DAY)
    assert answer.playbook.key == "q3"
    assert answer.snapshot.frame.configuration_from == TODAY + 2 * DAY
    assert set(answer.snapshot.configuration.objectives) == {"win", "more"}
    evidence = {loss.evidence for loss in answer.alignment.losses}
    assert any(("as_of", str(TODAY + 2 * DAY)) in one.filters for one in evidence)
    with pytest.raises(NoCurrentPlaybookError):
        await alignment.read(built.service, actor, as_of=TODAY - 30 * DAY, known_at=TODAY + DAY)
    drafted = await alignment.read(built.service, actor, "q3", TODAY, TODAY + DAY)
    assert (drafted.playbook.state, drafted.snapshot.frame.configuration_from) == ("draft", None)


async def test_a_playbook_that_was_not_there_yet_is_said_to_be_so(built: House):
    actor = await imported(built)
    with pytest.raises(NotFoundError, match="was not there yet"):
        await alignment.read(built.service, actor, "q3", as_of=TODAY - DAY)
    with pytest.raises(NotFoundError, match="'q3'"):
        await alignment.read(built.service, actor, "q33", as_of=TODAY)


async def test_the_configuration_of_a_day_is_read_in_steps_however_they_are_asked(built: House):
    actor = await imported(built)
    days = []
    for number in range(6):
        built.clock.forward(days=1)
        days.append(built.clock.at.date())
        if number % 2:
            await configuration.archive(built.service, actor, "team", "sales")
        else:
            await configuration.put(built.service, actor, Team("sales", f"Sales {number}", "sales"))
    order = [3, 0, 5, 1, 4, 2]
    async with built.service.database.reading() as connection:
        known = await past.read(connection, actor.organization)
        found = {number: await known.on(days[number]) for number in order}
        nothing = await known.on(TODAY - DAY)
    names = [found[number].teams["sales"].name if number % 2 == 0 else None for number in range(6)]
    assert names == ["Sales 0", None, "Sales 2", None, "Sales 4", None]
    assert [set(found[number].archived["team"]) for number in (1, 3, 5)] == [{"sales"}] * 3
    assert (nothing.teams, nothing.playbooks) == ({}, {})
    assert nothing.organization.key == "acme"


async def test_a_draft_of_a_quarter_that_is_over_is_answered_too(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.put(
        built.service, actor, Playbook("old", "Old", "", TODAY - 90 * DAY, TODAY - 10 * DAY)
    )
    await configuration.put(built.service, actor, Objective("late", "old", "Late"))
    answer = await alignment.read(built.service, actor, "old")
    assert (answer.playbook.key, answer.snapshot.frame.until) == ("old", TODAY - 10 * DAY)
    assert answer.snapshot.frame.configuration_from == TODAY
    assert {loss.objective for loss in answer.alignment.losses} >= {"late"}
