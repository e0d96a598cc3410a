"""A history consists of the results of each day, with that day's configuration."""

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
from app.services.alignment.history import HistoryQuery
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
    seed_playbook,
)

TODAY = NOW.date()
DAY = timedelta(days=1)


async def record_quarter(harness: ServiceHarness) -> Actor:
    """Record six weeks of events, retractions and configuration changes, with two playbooks."""
    harness.clock.now = NOW - 45 * DAY
    actor = await harness.create_organization("acme", "Europe/Berlin")
    await seed_playbook(harness, actor)
    await configuration_service.put_resource(
        harness.service, actor, Offering("onboarding", "Onboarding", TODAY - 20 * DAY)
    )
    for aggregation in AGGREGATIONS:
        await configuration_service.put_resource(
            harness.service, actor, make_metric(aggregation, aggregation=aggregation)
        )
        key_result = KeyResult(
            f"by-{aggregation}",
            "win",
            aggregation,
            aggregation,
            0,
            100 * SCALE,
            starts_on=TODAY - 40 * DAY,
        )
        await configuration_service.put_resource(harness.service, actor, key_result)
    for week in range(6):
        submitted_events = [
            make_event(
                f"w{week}-{n}",
                type=("invoice.paid", "call.held", "noise")[n % 3],
                team=("sales", "marketing")[n % 2],
                value=(n * 7919 + week) * SCALE // 7,
                effort=n * 3333,
                kind=("outcome", "activity")[n % 2],
                offerings=(("onboarding", n * SCALE // 3),) if n % 4 == 0 else (),
                time=harness.clock.now - n * timedelta(hours=7),
            )
            for n in range(24)
        ]
        outcomes = await record_events(harness, actor, *submitted_events)
        for outcome in outcomes[::5]:
            assert outcome.uid is not None
            await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
        harness.clock.advance(days=3)
        await configuration_service.put_resource(
            harness.service, actor, Team("sales", "Sales", "sales", (5 + week) * SCALE)
        )
        await configuration_service.put_resource(
            harness.service, actor, Objective("more", "q4", "More", priority=(week + 1) * SCALE)
        )
        harness.clock.advance(days=4)
        if week == 2:
            side_playbook = Playbook("side", "Beside", "", TODAY - 30 * DAY, TODAY - 10 * DAY)
            await configuration_service.put_resource(harness.service, actor, side_playbook)
            await configuration_service.put_resource(
                harness.service, actor, Objective("aside", "side", "Aside")
            )
            await configuration_service.put_resource(
                harness.service, actor, KeyResult("calls", "aside", "Calls", "count", 0, 50 * SCALE)
            )
            await playbooks.publish_playbook(harness.service, actor, "side")
    harness.clock.now = NOW
    return actor


@pytest.mark.parametrize(("playbook", "known_at"), [(None, None), ("q4", TODAY), ("side", None)])
async def test_every_point_equals_the_alignment_of_its_day(
    harness: ServiceHarness, playbook: str | None, known_at: date | None
):
    actor = await record_quarter(harness)
    query = HistoryQuery(TODAY - 50 * DAY, TODAY, "day", playbook, known_at)
    timeline = await history.get_history(harness.service, actor, query)
    assert [point.as_of for point in timeline.points] == [
        TODAY - n * DAY for n in range(50, -1, -1)
    ]
    answered_days = 0
    for point in timeline.points:
        if point.alignment is None:
            with pytest.raises(NotFoundError):
                await alignment.get_alignment(
                    harness.service, actor, playbook, point.as_of, known_at
                )
            continue
        answered_days += 1
        single = await alignment.get_alignment(
            harness.service, actor, playbook, point.as_of, known_at
        )
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
    assert answered_days > 40
    assert (
        len({point.alignment.floor for point in timeline.points if point.alignment is not None})
        > 10
    )


async def test_weeks_go_back_from_the_last_day(harness: ServiceHarness, actor: Actor):
    timeline = await history.get_history(
        harness.service, actor, HistoryQuery(TODAY - 20 * DAY, TODAY - DAY, "week")
    )
    assert [point.as_of for point in timeline.points] == [
        TODAY - 15 * DAY,
        TODAY - 8 * DAY,
        TODAY - DAY,
    ]
    default_timeline = await history.get_history(harness.service, actor)
    assert len(default_timeline.points) == 90
    early_timeline = await history.get_history(
        harness.service, actor, HistoryQuery(None, date(1900, 1, 3))
    )
    assert [point.as_of.day for point in early_timeline.points] == [1, 2, 3]


async def test_days_without_a_playbook_are_points_without_a_score(harness: ServiceHarness):
    actor = await harness.create_organization()
    timeline = await history.get_history(harness.service, actor, HistoryQuery(TODAY - DAY, TODAY))
    assert [point.alignment for point in timeline.points] == [None, None]
    with pytest.raises(NotFoundError):
        await history.get_history(harness.service, actor, HistoryQuery(playbook="none"))


@pytest.mark.parametrize(
    ("first", "last", "known_at", "pointer"),
    [
        (None, TODAY + DAY, None, "to"),
        (TODAY, TODAY - DAY, None, "to"),
        (TODAY - 500 * DAY, TODAY, None, "from"),
        (TODAY - DAY, TODAY, TODAY - DAY, "known_at"),
    ],
)
async def test_invalid_days_are_rejected(
    harness: ServiceHarness,
    first: date | None,
    last: date | None,
    known_at: date | None,
    pointer: str,
):
    actor = await harness.create_organization()
    query = HistoryQuery(first, last, known_at=known_at)
    with pytest.raises(InvalidError) as exception_info:
        await history.get_history(harness.service, actor, query)
    assert pointer in {fault.pointer for fault in exception_info.value.faults}
