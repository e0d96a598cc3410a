"""Events are recorded once, rejected with a reason, and retracted without a trace in any figure."""

from asyncio import CancelledError, create_task, gather, sleep
from datetime import timedelta

from sqlalchemy.event import listen

from app.domain.access.actor import Actor
from app.domain.events.metrics import Matcher
from app.domain.playbook.organization import Team
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.store.events import event_queries, rollup_rebuild
from app.store.playbook import configuration as configuration_store
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    measures_by_metric,
    record_events,
    seed_playbook,
)


async def record_statuses(
    harness: ServiceHarness, actor: Actor, *submitted_events: object
) -> list[str]:
    return [outcome.status for outcome in await record_events(harness, actor, *submitted_events)]  # type: ignore[arg-type]  # events


async def has_consistent_rollups(harness: ServiceHarness, actor: Actor) -> bool:
    """Return whether the roll-ups match the events."""
    async with harness.service.database.read_transaction() as reader:
        current_configuration = await configuration_store.load_configuration(
            reader, actor.organization
        )
        recomputed = await rollup_rebuild.recompute_rollups(
            reader,
            actor.organization,
            Matcher(current_configuration.metrics),
            current_configuration.organization.time_zone,
        )
        differences = await rollup_rebuild.count_differences(reader, actor.organization, recomputed)
    return set(differences.values()) == {0}


async def test_an_event_is_recorded_once_and_its_repetition_is_a_duplicate(
    harness: ServiceHarness, actor: Actor
):
    first = await record_events(harness, actor, make_event("a"))
    repeated = await record_events(harness, actor, make_event("a"))
    assert (first[0].status, repeated[0].status) == ("recorded", "duplicate")
    assert first[0].uid == repeated[0].uid


async def test_a_repetition_inside_one_batch_is_distinguished_from_a_conflict(
    harness: ServiceHarness,
    actor: Actor,
):
    assert await record_statuses(
        harness, actor, make_event("a"), make_event("a"), make_event("a", value=1)
    ) == [
        "recorded",
        "duplicate",
        "conflict",
    ]


async def test_other_content_under_the_same_id_is_a_conflict_and_the_stored_event_stays(
    harness: ServiceHarness,
    actor: Actor,
):
    await record_events(harness, actor, make_event("a"))
    outcomes = await record_events(harness, actor, make_event("a", value=5 * SCALE))
    assert outcomes[0].status == "conflict"
    answer = await alignment.get_alignment(harness.service, actor)
    assert measures_by_metric(answer.snapshot)["arr", "billing"].total == 100 * SCALE


async def test_an_unknown_reference_is_rejected_and_the_nearest_key_is_suggested(
    harness: ServiceHarness,
    actor: Actor,
):
    outcomes = await record_events(
        harness,
        actor,
        make_event("a", team="sale"),
        make_event("b", objective="wim"),
        make_event("c"),
    )
    assert [outcome.status for outcome in outcomes] == ["invalid", "invalid", "recorded"]
    assert "'sales'" in str(outcomes[0].problem)
    assert "'win'" in str(outcomes[1].problem)


async def test_an_event_more_than_24_hours_ahead_is_rejected(harness: ServiceHarness, actor: Actor):
    near = NOW + timedelta(hours=24)
    far = NOW + timedelta(hours=24, seconds=1)
    assert await record_statuses(
        harness, actor, make_event("a", time=near), make_event("b", time=far)
    ) == [
        "recorded",
        "invalid",
    ]


async def test_a_bound_key_records_only_for_its_own_team_and_source(
    harness: ServiceHarness, actor: Actor
):
    bound = Actor(
        actor.organization, "bound", frozenset({"events:write"}), team="marketing", source="billing"
    )
    assert await record_statuses(
        harness, bound, make_event("a"), make_event("b", team="marketing")
    ) == [
        "forbidden",
        "recorded",
    ]


async def test_only_the_events_that_overflow_a_sum_are_rejected(
    harness: ServiceHarness, actor: Actor
):
    largest = 10**12 * SCALE
    large_events = [make_event(f"n{i:04}", value=largest) for i in range(930)]
    submission_statuses = await record_statuses(harness, actor, *large_events)
    assert submission_statuses.count("recorded") == (2**63 - 1) // largest
    assert submission_statuses.count("invalid") == len(large_events) - submission_statuses.count(
        "recorded"
    )
    assert await has_consistent_rollups(harness, actor)


async def test_recording_then_retracting_leaves_every_figure_as_it_was(
    harness: ServiceHarness, actor: Actor
):
    await record_events(harness, actor, *(make_event(f"e{i}", value=i * SCALE) for i in range(12)))
    before = await alignment.get_alignment(harness.service, actor)
    outcome = (
        await record_events(
            harness, actor, make_event("extra", value=77 * SCALE, offerings=(("x", SCALE),))
        )
    )[0]
    assert outcome.uid is not None
    between = await alignment.get_alignment(harness.service, actor)
    harness.clock.advance(minutes=5)
    retracted_event, is_new = await ingestion.retract_event(
        harness.service, actor, outcome.uid, "a mistake"
    )
    after = await alignment.get_alignment(harness.service, actor)
    assert (is_new, retracted_event.retraction_reason) == (True, "a mistake")
    assert between.alignment.score != before.alignment.score
    assert (after.alignment.score, after.snapshot.readings) == (
        before.alignment.score,
        before.snapshot.readings,
    )
    assert after.snapshot.effort_cells == before.snapshot.effort_cells
    assert after.snapshot.sold_values == before.snapshot.sold_values
    assert await has_consistent_rollups(harness, actor)


async def test_a_second_retraction_returns_the_first(harness: ServiceHarness, actor: Actor):
    uid = (await record_events(harness, actor, make_event("a")))[0].uid
    assert uid is not None
    await ingestion.retract_event(harness.service, actor, uid, "first")
    retracted_event, is_new = await ingestion.retract_event(harness.service, actor, uid, "second")
    assert (is_new, retracted_event.retraction_reason) == (False, "first")


async def test_a_retracted_event_is_not_revived_by_sending_it_again(
    harness: ServiceHarness, actor: Actor
):
    uid = (await record_events(harness, actor, make_event("a")))[0].uid
    assert uid is not None
    await ingestion.retract_event(harness.service, actor, uid, "a mistake")
    assert await record_statuses(harness, actor, make_event("a")) == ["duplicate"]
    assert (
        measures_by_metric((await alignment.get_alignment(harness.service, actor)).snapshot) == {}
    )


async def test_redefining_a_metric_restates_the_sums_of_its_events(
    harness: ServiceHarness, actor: Actor
):
    await record_events(
        harness, actor, make_event("a"), make_event("b", data={"segment": "small"}, value=5 * SCALE)
    )
    await configuration_service.put_resource(harness.service, actor, make_metric(where=()))
    both = await alignment.get_alignment(harness.service, actor)
    assert measures_by_metric(both.snapshot)["arr", "billing"].total == 105 * SCALE
    assert await has_consistent_rollups(harness, actor)


async def test_an_event_counts_on_its_day_in_the_time_zone_of_the_organization(
    harness: ServiceHarness,
):
    actor = await harness.create_organization("far", "Pacific/Kiritimati")
    await seed_playbook(harness, actor)
    await record_events(harness, actor, make_event("a", time=NOW - timedelta(hours=1)))
    answer = await alignment.get_alignment(harness.service, actor)
    assert answer.snapshot.latest_activities[0].day.isoformat() == "2026-11-24"


async def test_recorded_order_never_goes_backwards_when_the_clock_does(
    harness: ServiceHarness, actor: Actor
):
    await record_events(harness, actor, make_event("a"))
    harness.clock.advance(hours=-3)
    await record_events(harness, actor, make_event("b", time=NOW - timedelta(days=1)))
    async with harness.service.database.read_transaction() as reader:
        stored_events = await event_queries.load_events_by_key(
            reader, actor.organization, [("billing", "a"), ("billing", "b")]
        )
    assert stored_events["billing", "b"].recorded_at >= stored_events["billing", "a"].recorded_at


async def test_many_overflowing_events_are_rejected_with_few_statements(
    harness: ServiceHarness,
    actor: Actor,
):
    large_events = [make_event(f"n{i:04}", value=10**16) for i in range(3000)]
    statements = []

    def count_statement(*_: object) -> None:
        statements.append(1)

    writer = harness.service.database.writer.sync_engine
    listen(writer, "before_cursor_execute", count_statement)
    submission_statuses = await record_statuses(harness, actor, *large_events)
    assert (submission_statuses.count("recorded"), submission_statuses.count("invalid")) == (
        922,
        2078,
    )
    assert len(statements) < 40


async def test_a_recorded_event_counts_even_if_the_clock_goes_back(
    harness: ServiceHarness, actor: Actor
):
    await record_events(harness, actor, make_event("a"))
    harness.clock.advance(days=-2)
    answer = await alignment.get_alignment(harness.service, actor)
    assert measures_by_metric(answer.snapshot)["arr", "billing"].count == 1
    assert answer.alignment.frame.as_of == NOW.date()


async def test_after_its_team_was_archived_a_repeated_event_is_a_duplicate_and_a_new_one_is_refused(
    harness: ServiceHarness,
    actor: Actor,
):
    await configuration_service.put_resource(
        harness.service, actor, Team("guests", "Guests", "guests")
    )
    await record_events(harness, actor, make_event("a", team="guests"))
    await configuration_service.archive_resource(harness.service, actor, "team", "guests")
    repeated = make_event("a", team="guests")
    new = make_event("b", team="guests")
    assert await record_statuses(harness, actor, repeated, new) == ["duplicate", "invalid"]


async def test_concurrent_retractions_and_redefinitions_leave_consistent_rollups(
    harness: ServiceHarness,
    actor: Actor,
):
    outcomes = await record_events(harness, actor, *(make_event(f"e{i}") for i in range(6)))
    retractions = [
        ingestion.retract_event(harness.service, actor, outcome.uid, "x")
        for outcome in outcomes
        if outcome.uid
    ]
    kinds = [("deal.won",), ("invoice.paid",), ("call.held", "invoice.paid")]
    redefinitions = [
        configuration_service.put_resource(
            harness.service, actor, make_metric(events=kind, activities=())
        )
        for kind in kinds
    ]
    await gather(
        *(
            operation
            for pair in zip(retractions[:3], redefinitions, strict=True)
            for operation in pair
        )
    )
    for retraction in retractions[3:]:
        await retraction
    assert await has_consistent_rollups(harness, actor)


async def test_an_event_is_retracted_once_by_concurrent_requests(
    harness: ServiceHarness, actor: Actor
):
    uid = (await record_events(harness, actor, make_event("a")))[0].uid
    assert uid is not None
    retractions = await gather(
        *(ingestion.retract_event(harness.service, actor, uid, str(n)) for n in range(2))
    )
    assert sorted(is_new for _, is_new in retractions) == [False, True]
    assert await has_consistent_rollups(harness, actor)


async def test_a_rejected_event_with_the_id_of_a_recorded_one_stays_rejected(
    harness: ServiceHarness,
    actor: Actor,
):
    assert await record_statuses(
        harness, actor, make_event("a"), make_event("a", team="nobody")
    ) == [
        "recorded",
        "invalid",
    ]


async def test_a_duplicate_leaves_the_version_unchanged(
    harness: ServiceHarness,
    actor: Actor,
):
    await record_events(harness, actor, make_event("a"))
    before = (await alignment.get_alignment(harness.service, actor)).snapshot.version
    await record_events(harness, actor, make_event("a"))
    assert (await alignment.get_alignment(harness.service, actor)).snapshot.version == before


async def test_recorded_events_do_not_count_against_the_limit_for_new_ones(
    harness: ServiceHarness, actor: Actor
):
    old_events = [make_event(f"old{i}", value=10**16) for i in range(500)]
    await record_events(harness, actor, *old_events)
    submission_statuses = await record_statuses(
        harness, actor, *old_events, *(make_event(f"new{i}", value=10**16) for i in range(423))
    )
    assert submission_statuses[:500] == ["duplicate"] * 500
    assert (submission_statuses.count("recorded"), submission_statuses.count("invalid")) == (422, 1)


async def test_events_whose_sum_would_overflow_alone_are_recorded_if_each_fits(
    harness: ServiceHarness,
    actor: Actor,
):
    await record_events(
        harness, actor, *(make_event(f"down{i}", value=-(10**16)) for i in range(900))
    )
    submission_statuses = await record_statuses(
        harness, actor, *(make_event(f"up{i}", value=10**16) for i in range(1000))
    )
    assert submission_statuses == ["recorded"] * 1000
    assert await has_consistent_rollups(harness, actor)


async def test_concurrent_single_events_are_distinguished_within_and_across_flushes(
    harness: ServiceHarness,
    actor: Actor,
):
    await record_events(harness, actor, make_event("old"))
    submitted_events = [
        *(make_event(f"n{i}") for i in range(20)),
        make_event("n3"),
        make_event("n4", value=1),
        make_event("old"),
        make_event("old", value=1),
        make_event("bad", team="sale"),
    ]
    outcome_lists = await gather(
        *(
            ingestion.ingest_events(harness.service, actor, [submitted_event])
            for submitted_event in submitted_events
        )
    )
    assert [outcome.status for (outcome,) in outcome_lists] == [
        *(["recorded"] * 20),
        "duplicate",
        "conflict",
        "duplicate",
        "conflict",
        "invalid",
    ]
    assert outcome_lists[20][0].uid == outcome_lists[3][0].uid
    assert await has_consistent_rollups(harness, actor)


async def test_a_newly_recorded_event_equals_the_stored_one(harness: ServiceHarness, actor: Actor):
    data = {"segment": "enterprise", "b": [1, 2.0, 1e20, None], "a": {"x": True}}
    (outcome,) = await record_events(
        harness, actor, make_event("a", data=data, offerings=(("x", SCALE),), effort=0)
    )
    assert outcome.uid is not None
    async with harness.service.database.read_transaction() as connection:
        stored_event = await event_queries.find_event(connection, actor.organization, outcome.uid)
    assert (
        await ingestion.get_recorded_event(harness.service, actor.organization, outcome)
        == stored_event
    )


async def test_a_cancelled_request_loses_no_other_event(harness: ServiceHarness, actor: Actor):
    tasks = [
        create_task(ingestion.ingest_events(harness.service, actor, [make_event(f"n{i}")]))
        for i in range(6)
    ]
    await sleep(0)
    tasks[2].cancel()
    answers = await gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers].count(CancelledError) == 1
    await harness.service.event_coalescer.close()
    names = [("billing", f"n{i}") for i in range(6) if i != 2]
    async with harness.service.database.read_transaction() as reader:
        assert set(names) <= set(
            await event_queries.load_events_by_key(reader, actor.organization, names)
        )
    assert await has_consistent_rollups(harness, actor)
