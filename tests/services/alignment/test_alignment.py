"""Dates and playbooks of an alignment, and equal results on both databases."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import Objective
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.primitives.errors import ForbiddenError, InvalidError
from app.scoring.result import Alignment
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from tests.support.configurations import make_playbook
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    open_harness,
    record_events,
    seed_playbook,
)

TODAY = NOW.date()
DAY = timedelta(days=1)


def make_playbook_in_state(key: str, first: date, last: date, state: str = "published") -> Playbook:
    return replace(make_playbook(key, first, last), state=state)


async def test_a_future_day_and_a_known_at_before_as_of_are_rejected(
    harness: ServiceHarness, actor: Actor
):
    for as_of, known_at, pointer in (
        (TODAY + DAY, None, "as_of"),
        (None, TODAY - DAY, "known_at"),
        (TODAY - DAY, TODAY - 2 * DAY, "known_at"),
        (None, TODAY + DAY, "known_at"),
    ):
        with pytest.raises(InvalidError) as exception_info:
            await alignment.get_alignment(harness.service, actor, as_of=as_of, known_at=known_at)
        assert {fault.pointer for fault in exception_info.value.faults} == {pointer}, (
            as_of,
            known_at,
        )
    for as_of in (None, TODAY):
        assert (
            await alignment.get_alignment(harness.service, actor, as_of=as_of)
        ).snapshot.frame.as_of == TODAY


async def test_today_is_the_day_in_the_time_zone_of_the_organization(harness: ServiceHarness):
    actor = await harness.create_organization("far", "Pacific/Kiritimati")
    await seed_playbook(harness, actor)
    assert (
        await alignment.get_alignment(harness.service, actor)
    ).snapshot.frame.as_of == TODAY + DAY


async def test_a_result_tells_its_version_unpublished_changes_and_other_playbooks(
    harness: ServiceHarness,
    actor: Actor,
):
    await configuration_service.write_configuration(
        harness.service,
        actor,
        lambda current: current.with_resource(
            make_playbook_in_state("year", TODAY - 99 * DAY, TODAY)
        ),
    )
    await playbooks.publish_playbook(harness.service, actor, "q4")
    first = await alignment.get_alignment(harness.service, actor)
    await configuration_service.put_resource(
        harness.service, actor, Objective("more", "q4", "More")
    )
    second = await alignment.get_alignment(harness.service, actor)
    assert (first.playbook.key, first.other_playbooks) == ("q4", ("year",))
    assert (first.unpublished_changes, second.unpublished_changes) == (0, 1)
    assert second.snapshot.version == first.snapshot.version + 1
    drafted = await alignment.get_alignment(harness.service, actor, "year")
    assert (drafted.playbook.key, drafted.other_playbooks) == ("year", ("q4",))


async def test_reading_needs_the_read_scope(harness: ServiceHarness, actor: Actor):
    writer = Actor(actor.organization, "writer", frozenset({"events:write", "playbook:write"}))
    with pytest.raises(ForbiddenError):
        await alignment.get_alignment(harness.service, writer)


async def score_quarter(url: str) -> tuple[Alignment, dict[str, object]]:
    """Score the same quarter on any database."""
    async with open_harness(url) as harness:
        actor = await harness.create_organization("acme", "Europe/Berlin")
        await seed_playbook(harness, actor)
        await configuration_service.put_resource(
            harness.service, actor, make_metric("calls", events=("call.held",), aggregation="count")
        )
        await playbooks.publish_playbook(harness.service, actor, "q4")
        await playbooks.record_contribution(
            harness.service, actor, Contribution("q4", "sales", "Ann")
        )
        await playbooks.record_signoff(harness.service, actor, Signoff("q4", "sales", 2, "Ann"))
        harness.clock.now = NOW - 40 * DAY
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
                    time=harness.clock.now - n * timedelta(hours=5),
                )
                for n in range(15)
            ]
            outcomes = await record_events(harness, actor, *submitted_events)
            assert outcomes[3].uid is not None
            await ingestion.retract_event(harness.service, actor, outcomes[3].uid, "a mistake")
            harness.clock.advance(days=8)
        harness.clock.now = NOW + 10 * DAY
        answer = await alignment.get_alignment(harness.service, actor)
        snapshot = answer.snapshot
        return answer.alignment, {
            "version": snapshot.version,
            "readings": dict(snapshot.readings),
            "effort_cells": sorted(map(repr, snapshot.effort_cells)),
            "latest_activities": sorted(map(repr, snapshot.latest_activities)),
            "sold_values": sorted(map(repr, snapshot.sold_values)),
        }


@pytest.mark.postgresql
async def test_both_databases_give_identical_results(sqlite_url: str, postgresql_url: str):
    embedded = await score_quarter(sqlite_url)
    server = await score_quarter(postgresql_url)
    assert embedded[1] == server[1]
    assert embedded[0] == server[0]
    assert repr(embedded[0]) == repr(server[0])
    assert 0 < (embedded[0].score or 0) < 1
