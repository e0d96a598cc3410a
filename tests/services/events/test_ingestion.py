"""Events are recorded once, refused clearly, and retracted without a trace in the figures."""

from asyncio import CancelledError, create_task, gather, sleep
from datetime import timedelta

from sqlalchemy.event import listen

from app.domain.access.actor import Actor
from app.domain.events.metrics import Matcher
from app.domain.playbook.organization import Team
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.store.events import event_queries as kept
from app.store.events import rollup_rebuild as rebuild
from app.store.playbook import configuration as store
from tests.support.services import NOW, ONE, House, event, furnish, measures, metric, record


async def statuses(built: House, actor: Actor, *found: object) -> list[str]:
    return [item.status for item in await record(built, actor, *found)]  # type: ignore[arg-type]  # events


async def clean(built: House, actor: Actor) -> bool:
    """Whether the roll-ups are what the events say."""
    async with built.service.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        rebuilt = await rebuild.recompute(
            connection, actor.organization, Matcher(known.metrics), known.organization.time_zone
        )
        found = await rebuild.differences(connection, actor.organization, rebuilt)
    return set(found.values()) == {0}


async def test_an_event_is_recorded_once_and_its_repetition_is_a_duplicate(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    first, again = await record(built, actor, event("a")), await record(built, actor, event("a"))
    assert (first[0].status, again[0].status) == ("recorded", "duplicate")
    assert first[0].uid == again[0].uid


async def test_a_repetition_inside_one_batch_is_told_apart_from_a_conflict(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    assert await statuses(built, actor, event("a"), event("a"), event("a", value=1)) == [
        "recorded",
        "duplicate",
        "conflict",
    ]


async def test_other_content_under_the_same_name_is_a_conflict_and_the_stored_one_stands(
    built: House,
):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    items = await record(built, actor, event("a", value=5 * ONE))
    assert items[0].status == "conflict"
    answer = await alignment.read(built.service, actor)
    assert measures(answer.snapshot)["arr", "billing"].total == 100 * ONE


async def test_what_is_unknown_is_refused_and_names_the_nearest(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    items = await record(
        built, actor, event("a", team="sale"), event("b", objective="wim"), event("c")
    )
    assert [item.status for item in items] == ["invalid", "invalid", "recorded"]
    assert "'sales'" in str(items[0].problem)
    assert "'win'" in str(items[1].problem)


async def test_an_event_of_the_far_future_is_refused(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    near, far = NOW + timedelta(hours=24), NOW + timedelta(hours=24, seconds=1)
    assert await statuses(built, actor, event("a", time=near), event("b", time=far)) == [
        "recorded",
        "invalid",
    ]


async def test_a_bound_key_records_for_its_own_team_and_source_alone(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    bound = Actor(
        actor.organization, "bound", frozenset({"events:write"}), team="marketing", source="billing"
    )
    assert await statuses(built, bound, event("a"), event("b", team="marketing")) == [
        "forbidden",
        "recorded",
    ]


async def test_a_sum_that_would_not_fit_is_refused_alone(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    largest = 10**12 * ONE
    many = [event(f"n{i:04}", value=largest) for i in range(930)]
    found = await statuses(built, actor, *many)
    assert found.count("recorded") == (2**63 - 1) // largest
    assert found.count("invalid") == len(many) - found.count("recorded")
    assert await clean(built, actor)


async def test_recording_then_retracting_leaves_every_figure_as_it_was(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, *(event(f"e{i}", value=i * ONE) for i in range(12)))
    before = await alignment.read(built.service, actor)
    item = (await record(built, actor, event("extra", value=77 * ONE, offerings=(("x", ONE),))))[0]
    assert item.uid is not None
    between = await alignment.read(built.service, actor)
    built.clock.forward(minutes=5)
    found, now = await events.retract_event(built.service, actor, item.uid, "a mistake")
    after = await alignment.read(built.service, actor)
    assert (now, found.retraction_reason) == (True, "a mistake")
    assert between.alignment.score != before.alignment.score
    assert (after.alignment.score, after.snapshot.said) == (
        before.alignment.score,
        before.snapshot.said,
    )
    assert after.snapshot.attention == before.snapshot.attention
    assert after.snapshot.sold == before.snapshot.sold
    assert await clean(built, actor)


async def test_a_second_retraction_answers_the_first(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    uid = (await record(built, actor, event("a")))[0].uid
    assert uid is not None
    await events.retract_event(built.service, actor, uid, "first")
    found, now = await events.retract_event(built.service, actor, uid, "second")
    assert (now, found.retraction_reason) == (False, "first")


async def test_a_retracted_event_is_not_revived_by_sending_it_again(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    uid = (await record(built, actor, event("a")))[0].uid
    assert uid is not None
    await events.retract_event(built.service, actor, uid, "a mistake")
    assert await statuses(built, actor, event("a")) == ["duplicate"]
    assert measures((await alignment.read(built.service, actor)).snapshot) == {}


async def test_redefining_a_metric_restates_what_its_events_count_for(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"), event("b", data={"segment": "small"}, value=5 * ONE))
    await configuration.put(built.service, actor, metric(where=()))
    both = await alignment.read(built.service, actor)
    assert measures(both.snapshot)["arr", "billing"].total == 105 * ONE
    assert await clean(built, actor)


async def test_an_event_is_seen_in_the_organization_s_own_day(built: House):
    actor = await built.organization("far", "Pacific/Kiritimati")
    await furnish(built, actor)
    await record(built, actor, event("a", time=NOW - timedelta(hours=1)))
    answer = await alignment.read(built.service, actor)
    assert answer.snapshot.newest[0].day.isoformat() == "2026-11-24"


async def test_recorded_order_never_goes_backwards_when_the_clock_does(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    built.clock.forward(hours=-3)
    await record(built, actor, event("b", time=NOW - timedelta(days=1)))
    async with built.service.database.reading() as connection:
        found = await kept.find_named(
            connection, actor.organization, [("billing", "a"), ("billing", "b")]
        )
    assert found["billing", "b"].recorded_at >= found["billing", "a"].recorded_at


async def test_many_sums_that_would_not_fit_are_refused_without_trying_each_half(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    many = [event(f"n{i:04}", value=10**16) for i in range(3000)]
    statements = []

    def count(*_: object) -> None:
        statements.append(1)

    writer = built.service.database.writer.sync_engine
    listen(writer, "before_cursor_execute", count)
    found = await statuses(built, actor, *many)
    assert (found.count("recorded"), found.count("invalid")) == (922, 2078)
    assert len(statements) < 40


async def test_what_was_recorded_is_in_the_score_though_the_clock_went_back(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    built.clock.forward(days=-2)
    answer = await alignment.read(built.service, actor)
    assert measures(answer.snapshot)["arr", "billing"].count == 1
    assert answer.alignment.frame.as_of == NOW.date()


async def test_an_event_sent_again_after_its_team_was_archived_is_a_duplicate_and_a_new_one_is_refused(
    built: House,
):
    actor = await built.organization()
    await furnish(built, actor)
    await configuration.put(built.service, actor, Team("guests", "Guests", "guests"))
    await record(built, actor, event("a", team="guests"))
    await configuration.archive(built.service, actor, "team", "guests")
    again, new = event("a", team="guests"), event("b", team="guests")
    assert await statuses(built, actor, again, new) == ["duplicate", "invalid"]


async def test_a_retraction_and_a_redefinition_at_once_leave_the_roll_ups_as_the_events_say(
    built: House,
):
    actor = await built.organization()
    await furnish(built, actor)
    items = await record(built, actor, *(event(f"e{i}") for i in range(6)))
    retractions = [
        events.retract_event(built.service, actor, item.uid, "x") for item in items if item.uid
    ]
    kinds = [("deal.won",), ("invoice.paid",), ("call.held", "invoice.paid")]
    redefinitions = [
        configuration.put(built.service, actor, metric(events=kind, activities=()))
        for kind in kinds
    ]
    await gather(
        *(one for pair in zip(retractions[:3], redefinitions, strict=True) for one in pair)
    )
    for rest in retractions[3:]:
        await rest
    assert await clean(built, actor)


async def test_the_same_event_is_retracted_once_by_two_at_once(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    uid = (await record(built, actor, event("a")))[0].uid
    assert uid is not None
    both = await gather(
        *(events.retract_event(built.service, actor, uid, str(n)) for n in range(2))
    )
    assert sorted(now for _, now in both) == [False, True]
    assert await clean(built, actor)


async def test_a_refused_event_is_not_called_recorded_for_sharing_its_name_with_one_that_was(
    built: House,
):
    actor = await built.organization()
    await furnish(built, actor)
    assert await statuses(built, actor, event("a"), event("a", team="nobody")) == [
        "recorded",
        "invalid",
    ]


async def test_an_event_sent_again_leaves_the_organization_s_version_as_it_is(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("a"))
    before = (await alignment.read(built.service, actor)).snapshot.version
    await record(built, actor, event("a"))
    assert (await alignment.read(built.service, actor)).snapshot.version == before


async def test_events_that_are_recorded_take_no_room_from_those_that_are_new(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    old = [event(f"old{i}", value=10**16) for i in range(500)]
    await record(built, actor, *old)
    found = await statuses(
        built, actor, *old, *(event(f"new{i}", value=10**16) for i in range(423))
    )
    assert found[:500] == ["duplicate"] * 500
    assert (found.count("recorded"), found.count("invalid")) == (422, 1)


async def test_events_that_fit_one_by_one_are_all_recorded_though_their_sum_alone_would_not(
    built: House,
):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, *(event(f"down{i}", value=-(10**16)) for i in range(900)))
    found = await statuses(built, actor, *(event(f"up{i}", value=10**16) for i in range(1000)))
    assert found == ["recorded"] * 1000
    assert await clean(built, actor)


async def test_single_events_at_once_are_told_apart_within_and_across_flushes(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    await record(built, actor, event("old"))
    wanted = [
        *(event(f"n{i}") for i in range(20)),
        event("n3"),
        event("n4", value=1),
        event("old"),
        event("old", value=1),
        event("bad", team="sale"),
    ]
    found = await gather(*(events.record(built.service, actor, [one]) for one in wanted))
    assert [item.status for (item,) in found] == [
        *(["recorded"] * 20),
        "duplicate",
        "conflict",
        "duplicate",
        "conflict",
        "invalid",
    ]
    assert found[20][0].uid == found[3][0].uid
    assert await clean(built, actor)


async def test_an_event_recorded_now_reads_as_the_stored_one_does(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    data = {"segment": "enterprise", "b": [1, 2.0, 1e20, None], "a": {"x": True}}
    (item,) = await record(built, actor, event("a", data=data, offerings=(("x", ONE),), effort=0))
    assert item.uid is not None
    async with built.service.database.reading() as connection:
        found = await kept.find(connection, actor.organization, item.uid)
    assert await events.stored(built.service, actor.organization, item) == found


async def test_one_that_stops_waiting_loses_nothing_of_the_others(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    tasks = [create_task(events.record(built.service, actor, [event(f"n{i}")])) for i in range(6)]
    await sleep(0)
    tasks[2].cancel()
    found = await gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in found].count(CancelledError) == 1
    await built.service.singles.close()
    names = [("billing", f"n{i}") for i in range(6) if i != 2]
    async with built.service.database.reading() as connection:
        assert set(names) <= set(await kept.find_named(connection, actor.organization, names))
    assert await clean(built, actor)
