"""A history is the single answers, side by side: every day with the configuration of its own."""

from datetime import date, timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.events.metrics import AGGREGATIONS
from app.domain.playbook.objectives import KeyResult, Objective
from app.domain.playbook.offerings import Offering
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import InvalidError, NotFoundError
from app.services.alignment import alignment, history
from app.services.events import ingestion as events
from app.services.playbook import configuration, playbooks
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

TODAY = NOW.date()
DAY = timedelta(days=1)


async def quarter(built: House) -> Actor:
    """Six weeks of work, of retractions, and of a playbook that changes under them; a second one runs beside it."""
    built.clock.at = NOW - 45 * DAY
    actor = await built.organization("acme", "Europe/Berlin")
    await furnish(built, actor)
    await configuration.put(
        built.service, actor, Offering("onboarding", "Onboarding", TODAY - 20 * DAY)
    )
    for name in AGGREGATIONS:
        await configuration.put(built.service, actor, metric(name, aggregation=name))
        result = KeyResult(
            f"by-{name}", "win", name, name, 0, 100 * ONE, starts_on=TODAY - 40 * DAY
        )
        await configuration.put(built.service, actor, result)
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
                time=built.clock.at - n * timedelta(hours=7),
            )
            for n in range(24)
        ]
        items = await record(built, actor, *wanted)
        for item in items[::5]:
            assert item.uid is not None
            await events.retract_event(built.service, actor, item.uid, "a mistake")
        built.clock.forward(days=3)
        await configuration.put(
            built.service, actor, Team("sales", "Sales", "sales", (5 + week) * ONE)
        )
        await configuration.put(
            built.service, actor, Objective("more", "q4", "More", priority=(week + 1) * ONE)
        )
        built.clock.forward(days=4)
        if week == 2:
            beside = Playbook("side", "Beside", "", TODAY - 30 * DAY, TODAY - 10 * DAY)
            await configuration.put(built.service, actor, beside)
            await configuration.put(built.service, actor, Objective("aside", "side", "Aside"))
            await configuration.put(
                built.service, actor, KeyResult("calls", "aside", "Calls", "count", 0, 50 * ONE)
            )
            await playbooks.publish(built.service, actor, "side")
    built.clock.at = NOW
    return actor


@pytest.mark.parametrize(("playbook", "known"), [(None, None), ("q4", TODAY), ("side", None)])
async def test_every_point_is_the_answer_of_its_day(
    built: House, playbook: str | None, known: date | None
):
    actor = await quarter(built)
    found = await history.read(
        built.service, actor, TODAY - 50 * DAY, TODAY, "day", playbook, known
    )
    assert [point.as_of for point in found.points] == [TODAY - n * DAY for n in range(50, -1, -1)]
    shown = 0
    for point in found.points:
        if point.alignment is None:
            with pytest.raises(NotFoundError):
                await alignment.read(built.service, actor, playbook, point.as_of, known)
            continue
        shown += 1
        single = await alignment.read(built.service, actor, playbook, point.as_of, known)
        for name in (
            "frame",
            "version",
            "score",
            "floor",
            "coverage",
            "weakest",
            "silent_teams",
            "components",
        ):
            assert getattr(point.alignment, name) == getattr(single.alignment, name), (
                point.as_of,
                name,
            )
    assert shown > 40
    assert (
        len({point.alignment.floor for point in found.points if point.alignment is not None}) > 10
    )


async def test_weeks_go_back_from_the_last_day(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    found = await history.read(built.service, actor, TODAY - 20 * DAY, TODAY - DAY, "week")
    assert [point.as_of for point in found.points] == [
        TODAY - 15 * DAY,
        TODAY - 8 * DAY,
        TODAY - DAY,
    ]
    usual = await history.read(built.service, actor)
    assert len(usual.points) == 90
    first = await history.read(built.service, actor, None, date(1900, 1, 3))
    assert [point.as_of.day for point in first.points] == [1, 2, 3]


async def test_days_without_a_playbook_are_points_without_a_score(built: House):
    actor = await built.organization()
    found = await history.read(built.service, actor, TODAY - DAY, TODAY)
    assert [point.alignment for point in found.points] == [None, None]
    with pytest.raises(NotFoundError):
        await history.read(built.service, actor, playbook="none")


@pytest.mark.parametrize(
    ("first", "last", "known", "pointer"),
    [
        (None, TODAY + DAY, None, "to"),
        (TODAY, TODAY - DAY, None, "to"),
        (TODAY - 500 * DAY, TODAY, None, "from"),
        (TODAY - DAY, TODAY, TODAY - DAY, "known_at"),
    ],
)
async def test_days_that_cannot_be_asked_for_are_refused(
    built: House, first: date | None, last: date | None, known: date | None, pointer: str
):
    actor = await built.organization()
    with pytest.raises(InvalidError) as refused:
        await history.read(built.service, actor, first, last, known_at=known)
    assert pointer in {fault.pointer for fault in refused.value.faults}
