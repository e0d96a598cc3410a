"""A redefined metric restates history. Until a long restatement ends, results do not change."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.services.alignment import alignment
from app.services.alignment.alignment import AlignmentResult
from app.services.events import ingestion
from app.services.events import metric_restatement as metric_restatement_service
from app.services.operations import rollup_check
from app.services.playbook import configuration as configuration_service
from app.store.events import metric_restatement as metric_restatement_store
from app.store.playbook import journal
from tests.services.alignment.test_history import record_quarter
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
    seed_playbook,
)

NO_DIFFERENCES = {"event": 0, "measure": 0, "attention": 0, "sold": 0}
DAY = timedelta(days=1)


def comparable_fields(answer: AlignmentResult) -> object:
    losses = [
        (*loss[:3], *loss[4:], loss.detail, loss.evidence) for loss in answer.alignment.losses
    ]
    return replace(answer.alignment, losses=(), version=0), losses


@pytest.fixture
def slow_harness(harness: ServiceHarness) -> ServiceHarness:
    """A service that restates every redefined metric in the background."""
    return replace(harness, service=replace(harness.service, max_inline_restated_events=0))


async def load_fields(harness: ServiceHarness, actor: Actor, days_ago: int = 0) -> object:
    return comparable_fields(
        await alignment.get_alignment(harness.service, actor, "q4", NOW.date() - days_ago * DAY)
    )


async def test_a_background_restatement_equals_an_immediate_one(
    harness: ServiceHarness, slow_harness: ServiceHarness
):
    quarter_actor = await record_quarter(harness)
    redefined_metric = make_metric("sum", events=("noise",), activities=("invoice.paid",), where=())
    before = [await load_fields(harness, quarter_actor, days_ago) for days_ago in (0, 9, 30)]
    await configuration_service.put_resource(slow_harness.service, quarter_actor, redefined_metric)
    assert [
        await load_fields(harness, quarter_actor, days_ago) for days_ago in (0, 9, 30)
    ] == before
    assert (
        await alignment.get_alignment(harness.service, quarter_actor, "q4")
    ).restating_metrics == ("sum",)
    assert await metric_restatement_service.list_restating_organizations(harness.service) == [
        quarter_actor.organization
    ]
    steps = 0
    while await metric_restatement_service.run_step(
        slow_harness.service, quarter_actor.organization
    ):
        steps += 1
        async with harness.service.database.read_transaction() as reader:
            progress = await metric_restatement_store.load_progress(
                reader, quarter_actor.organization
            )
        if progress is not None:
            assert progress[1] == steps
            assert await load_fields(harness, quarter_actor) == before[0]
    assert steps > 20
    after = [await load_fields(harness, quarter_actor, days_ago) for days_ago in (0, 9, 30)]
    assert after != before
    assert (
        await alignment.get_alignment(harness.service, quarter_actor, "q4")
    ).restating_metrics == ()
    assert await metric_restatement_service.list_restating_organizations(harness.service) == []
    assert (
        await rollup_check.count_rollup_differences(harness.service, quarter_actor.organization)
        == NO_DIFFERENCES
    )
    # Redefining it back and forth immediately gives the same results.
    await configuration_service.put_resource(harness.service, quarter_actor, make_metric("sum"))
    assert [
        await load_fields(harness, quarter_actor, days_ago) for days_ago in (0, 9, 30)
    ] == before
    await configuration_service.put_resource(harness.service, quarter_actor, redefined_metric)
    assert [await load_fields(harness, quarter_actor, days_ago) for days_ago in (0, 9, 30)] == after
    assert (
        await rollup_check.count_rollup_differences(harness.service, quarter_actor.organization)
        == NO_DIFFERENCES
    )


async def test_events_received_during_a_restatement_count_before_and_after(
    slow_harness: ServiceHarness,
):
    quarter_actor = await record_quarter(slow_harness)
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("sum", events=("noise",), where=())
    )
    for _ in range(5):
        await metric_restatement_service.run_step(slow_harness.service, quarter_actor.organization)
    long_ago = NOW - 40 * DAY
    (recent, old, _) = await record_events(
        slow_harness,
        quarter_actor,
        make_event("x"),
        make_event("old", time=long_ago),
        make_event("noisy", type="noise", time=long_ago),
    )
    assert recent.uid is not None
    assert old.uid is not None
    await ingestion.retract_event(slow_harness.service, quarter_actor, recent.uid, "a mistake")
    assert (
        await rollup_check.count_rollup_differences(
            slow_harness.service, quarter_actor.organization
        )
        == NO_DIFFERENCES
    )
    for _ in range(5):
        await metric_restatement_service.run_step(slow_harness.service, quarter_actor.organization)
    await ingestion.retract_event(slow_harness.service, quarter_actor, old.uid, "a mistake")
    await metric_restatement_service.finish_restatement(
        slow_harness.service, quarter_actor.organization
    )
    assert (
        await rollup_check.count_rollup_differences(
            slow_harness.service, quarter_actor.organization
        )
        == NO_DIFFERENCES
    )


async def test_another_redefinition_restarts_the_restatement_and_reverting_it_ends_it(
    slow_harness: ServiceHarness,
):
    quarter_actor = await record_quarter(slow_harness)
    before = await load_fields(slow_harness, quarter_actor)
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("sum", where=())
    )
    await metric_restatement_service.run_step(slow_harness.service, quarter_actor.organization)
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("max", aggregation="max", where=())
    )
    assert (
        await alignment.get_alignment(slow_harness.service, quarter_actor, "q4")
    ).restating_metrics == (
        "max",
        "sum",
    )
    async with slow_harness.service.database.read_transaction() as reader:
        assert (
            await metric_restatement_store.list_restated_days(reader, quarter_actor.organization)
            == []
        )
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("max", aggregation="max")
    )
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("sum")
    )
    assert (
        await alignment.get_alignment(slow_harness.service, quarter_actor, "q4")
    ).restating_metrics == ()
    assert await metric_restatement_service.list_restating_organizations(slow_harness.service) == []
    assert await load_fields(slow_harness, quarter_actor) == before
    assert (
        await rollup_check.count_rollup_differences(
            slow_harness.service, quarter_actor.organization
        )
        == NO_DIFFERENCES
    )


async def list_journal_entries(harness: ServiceHarness, actor: Actor) -> list[tuple[str, str]]:
    async with harness.service.database.read_transaction() as reader:
        journal_entries = await journal.list_journal_records(
            reader, actor.organization, journal.JournalFilter("metric", "sum"), None, 9
        )
    return [(journal_entry.actor, journal_entry.action) for journal_entry in journal_entries]


async def test_the_journal_says_from_when_on_history_is_restated(
    harness: ServiceHarness, slow_harness: ServiceHarness
):
    quarter_actor = await record_quarter(harness)
    await configuration_service.put_resource(
        harness.service, quarter_actor, make_metric("sum", where=())
    )
    assert (await list_journal_entries(harness, quarter_actor))[:2] == [
        ("tester", "restate"),
        ("tester", "update"),
    ]
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("sum")
    )
    assert (await list_journal_entries(harness, quarter_actor))[0] == ("tester", "update")
    await metric_restatement_service.finish_restatement(
        slow_harness.service, quarter_actor.organization
    )
    assert (await list_journal_entries(harness, quarter_actor))[0] == ("tester", "restate")


async def test_archiving_a_metric_restates_nothing(slow_harness: ServiceHarness):
    quarter_actor = await record_quarter(slow_harness)
    before = await load_fields(slow_harness, quarter_actor, 5)
    await configuration_service.archive_resource(
        slow_harness.service, quarter_actor, "key_result", "by-sum"
    )
    await configuration_service.archive_resource(
        slow_harness.service, quarter_actor, "metric", "sum"
    )
    assert await metric_restatement_service.list_restating_organizations(slow_harness.service) == []
    assert await load_fields(slow_harness, quarter_actor, 5) == before
    assert (
        await rollup_check.count_rollup_differences(
            slow_harness.service, quarter_actor.organization
        )
        == NO_DIFFERENCES
    )


async def test_progress_is_reported_and_a_rebuild_finishes_the_restatement(
    slow_harness: ServiceHarness,
):
    quarter_actor = await record_quarter(slow_harness)
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("sum", where=())
    )
    await metric_restatement_service.run_step(slow_harness.service, quarter_actor.organization)
    progress: Mapping[str, tuple[int, int]] = await rollup_check.list_restatements(
        slow_harness.service
    )
    days, days_done = progress["acme"]
    assert days_done == 1 < days
    await rollup_check.rebuild_rollups(slow_harness.service, quarter_actor.organization)
    assert await rollup_check.list_restatements(slow_harness.service) == {}


async def test_the_worker_processes_pending_restatements_and_retries_failed_ones(
    slow_harness: ServiceHarness,
):
    quarter_actor = await record_quarter(slow_harness)
    await configuration_service.put_resource(
        slow_harness.service, quarter_actor, make_metric("sum", where=(), value=f"data.x{SCALE}")
    )
    await metric_restatement_service.run_worker(slow_harness.service, pause_until_idle())
    assert await metric_restatement_service.list_restating_organizations(slow_harness.service) == []


def pause_until_idle(max_rounds: int = 200) -> Callable[[bool], Awaitable[bool]]:
    """Return a pause that ends the worker after a round that did nothing."""
    rounds = 0

    async def pause(busy: bool) -> bool:
        nonlocal rounds
        rounds += 1
        return rounds > max_rounds or (rounds > 1 and not busy)

    return pause


async def test_a_failing_restatement_does_not_stop_other_organizations(
    slow_harness: ServiceHarness,
):
    full_actor = await slow_harness.create_organization("full")
    healthy_actor = await slow_harness.create_organization("sound")
    for actor in (full_actor, healthy_actor):
        await seed_playbook(slow_harness, actor)
        data = {"segment": "enterprise", "x": 10**12}
        await record_events(
            slow_harness,
            actor,
            *(make_event(f"e{n}", data=data) for n in range(1000 if actor is full_actor else 1)),
        )
        await configuration_service.put_resource(
            slow_harness.service, actor, make_metric(value="data.x")
        )
    await metric_restatement_service.run_worker(slow_harness.service, pause_until_idle())
    assert await metric_restatement_service.list_restating_organizations(slow_harness.service) == []
    assert (await alignment.get_alignment(slow_harness.service, full_actor)).restating_metrics == (
        "arr",
    )
    assert (
        await alignment.get_alignment(slow_harness.service, healthy_actor)
    ).restating_metrics == ()
    await configuration_service.put_resource(slow_harness.service, full_actor, make_metric())
    assert (await alignment.get_alignment(slow_harness.service, full_actor)).restating_metrics == ()
    assert (
        await rollup_check.count_rollup_differences(slow_harness.service, full_actor.organization)
        == NO_DIFFERENCES
    )


async def test_a_restatement_ends_while_events_come_in_for_many_days(harness: ServiceHarness):
    quarter_actor = await record_quarter(harness)
    stepwise_harness = replace(
        harness, service=replace(harness.service, max_inline_restated_events=20)
    )
    await configuration_service.put_resource(
        stepwise_harness.service, quarter_actor, make_metric("sum", where=())
    )
    for number in range(60):
        late_events = [
            make_event(f"in-{number}-{n}", time=NOW - (number + 7 * n) % 40 * DAY) for n in range(3)
        ]
        await record_events(stepwise_harness, quarter_actor, *late_events)
        if not await metric_restatement_service.run_step(
            stepwise_harness.service, quarter_actor.organization
        ):
            break
    assert (
        await metric_restatement_service.list_restating_organizations(stepwise_harness.service)
        == []
    )
    assert (
        await rollup_check.count_rollup_differences(
            stepwise_harness.service, quarter_actor.organization
        )
        == NO_DIFFERENCES
    )
