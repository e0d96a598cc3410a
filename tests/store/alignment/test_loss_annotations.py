"""The annotations of a loss depend on the queried days only, and never change."""

from dataclasses import replace
from datetime import date, timedelta

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import KeyResult
from app.domain.sources.silence import SourceActivity
from app.domain.sources.sources import Source
from app.scoring.snapshot import Snapshot
from app.services.alignment import alignment
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.services.runtime.versioned_cache import VersionedCache
from app.store.sources import deliveries
from tests.store.sources.test_sources import make_delivery
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    make_metric,
    record_events,
    seed_playbook,
)

DAY = timedelta(days=1)
TODAY = NOW.date()


async def create_with_canonical_source(
    harness: ServiceHarness, source: Source, time_zone: str = "UTC"
) -> Actor:
    """Create an organization, 45 days old, with two key results.

    A canonical source measures the first; the second has events.
    """
    harness.clock.now = NOW - 45 * DAY
    actor = await harness.create_organization(time_zone=time_zone)
    await seed_playbook(harness, actor)
    await configuration_service.put_resource(harness.service, actor, source)
    await configuration_service.put_resource(
        harness.service, actor, make_metric(canonical_source=source.key, unit="EUR")
    )
    await configuration_service.put_resource(
        harness.service, actor, make_metric("things", events=("thing",), where=())
    )
    await configuration_service.put_resource(
        harness.service, actor, KeyResult("ten", "win", "Ten", "things", 0, 10 * SCALE)
    )
    await record_events(
        harness, actor, make_event("thing", type="thing", time=harness.clock.now, value=SCALE)
    )
    harness.clock.now = NOW
    return actor


async def load_snapshot_and_detail(
    harness: ServiceHarness, actor: Actor, as_of: date, known_at: date | None = None
) -> tuple[Snapshot, str]:
    # The test inserts deliveries without a new version, so answers must not be cached.
    uncached_service = replace(harness.service, answer_cache=VersionedCache())
    answer = await alignment.get_alignment(uncached_service, actor, "q4", as_of, known_at or as_of)
    loss = next(x for x in answer.alignment.losses if x.key_result == "arr-2m")
    return answer.snapshot, loss.detail


async def test_a_silent_hook_is_named_and_past_answers_do_not_change(harness: ServiceHarness):
    actor = await create_with_canonical_source(
        harness, Source("hubspot", "HubSpot", "hubspot", "1", "sales")
    )
    async with harness.service.database.write_transaction() as writer:
        for days_ago in (40, 30, 20, 19, 16, 15):
            await deliveries.add_deliveries(
                writer,
                actor.organization,
                make_delivery(NOW - days_ago * DAY, source="hubspot"),
            )
        imported_delivery = make_delivery(NOW - 3 * DAY, source="hubspot", origin="records")
        await deliveries.add_deliveries(writer, actor.organization, imported_delivery)
    last_active_day = TODAY - 15 * DAY
    answer_snapshot, detail = await load_snapshot_and_detail(harness, actor, TODAY)
    assert answer_snapshot.source_activities == {
        "hubspot": SourceActivity(last_active_day, 10)
    }  # an import does not count, and 40 days ago is too old
    expected_text = (
        f"hubspot, its canonical source, has been silent since {last_active_day}: "
        "for 15 days, and never for more than 10"
    )
    assert expected_text in detail
    assert (
        "silent"
        not in (await load_snapshot_and_detail(harness, actor, last_active_day + 10 * DAY))[1]
    )
    earlier = await load_snapshot_and_detail(harness, actor, last_active_day + 11 * DAY)
    assert "for 11 days" in earlier[1]
    assert (
        "silent"
        not in (
            await load_snapshot_and_detail(
                harness, actor, last_active_day - 4 * DAY, last_active_day
            )
        )[1]
    )  # active again since that day
    async with harness.service.database.write_transaction() as writer:
        await deliveries.add_deliveries(
            writer, actor.organization, make_delivery(NOW, source="hubspot")
        )
    assert "silent" not in (await load_snapshot_and_detail(harness, actor, TODAY))[1]
    assert (await load_snapshot_and_detail(harness, actor, last_active_day + 11 * DAY))[
        1
    ] == earlier[1]
    assert (
        "silent"
        not in (await load_snapshot_and_detail(harness, actor, last_active_day + 11 * DAY, TODAY))[
            1
        ]
    )


async def test_days_are_those_of_the_organization(harness: ServiceHarness):
    actor = await create_with_canonical_source(
        harness, Source("hubspot", "HubSpot", "hubspot", "1", "sales"), "Asia/Kolkata"
    )
    async with harness.service.database.write_transaction() as writer:
        for hours in (200, 150, 6):  # 18:30 in London is the next day in the other zone
            await deliveries.add_deliveries(
                writer,
                actor.organization,
                make_delivery(NOW - timedelta(hours=hours), source="hubspot"),
            )
        late_delivery = make_delivery(NOW.replace(hour=18, minute=30) - DAY, source="hubspot")
        await deliveries.add_deliveries(writer, actor.organization, late_delivery)
    assert (await load_snapshot_and_detail(harness, actor, TODAY))[0].source_activities[
        "hubspot"
    ].last_day == TODAY
    assert (await load_snapshot_and_detail(harness, actor, TODAY - DAY))[
        0
    ].source_activities == {}  # two days are too few


async def test_the_activity_of_a_source_without_a_hook_is_measured_by_its_events(
    harness: ServiceHarness,
):
    actor = await create_with_canonical_source(harness, Source("ledger", "Ledger"))
    now = harness.clock.now
    for days_ago, name in ((20, "a"), (18, "b"), (17, "c"), (9, "other"), (8, "taken-back")):
        harness.clock.now = now - days_ago * DAY
        kind = "noise" if name == "other" else "invoice.paid"
        (outcome,) = await record_events(
            harness, actor, make_event(name, source="ledger", type=kind, time=harness.clock.now)
        )
        if name == "taken-back" and outcome.uid is not None:
            await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
    harness.clock.now = now
    last_active_day = TODAY - 17 * DAY
    answer_snapshot, detail = await load_snapshot_and_detail(harness, actor, TODAY)
    assert answer_snapshot.source_activities == {"ledger": SourceActivity(last_active_day, 2)}
    assert f"silent since {last_active_day}: for 17 days, and never for more than 2" in detail
    assert (
        "silent"
        not in (await load_snapshot_and_detail(harness, actor, last_active_day + 2 * DAY))[1]
    )


async def test_a_missing_canonical_source_has_no_activity(harness: ServiceHarness):
    actor = await create_with_canonical_source(harness, Source("ledger", "Ledger"))
    await configuration_service.put_resource(
        harness.service, actor, make_metric(canonical_source="to-come")
    )
    answer_snapshot, _ = await load_snapshot_and_detail(harness, actor, TODAY)
    assert (answer_snapshot.source_activities, answer_snapshot.excluded_currencies) == ({}, {})


async def test_excluded_currencies_are_named_for_every_as_of(harness: ServiceHarness):
    actor = await create_with_canonical_source(harness, Source("ledger", "Ledger"))
    await record_events(
        harness,
        actor,
        *(
            make_event(unit, source="ledger", unit=unit, time=NOW - 5 * DAY, value=SCALE)
            for unit in ("USD", "NOK", "EUR")
        ),
    )
    answer_snapshot, detail = await load_snapshot_and_detail(harness, actor, TODAY)
    assert list(answer_snapshot.excluded_currencies.values()) == [("NOK", "USD")]
    assert "; 2 events are left out: in NOK and USD, not in EUR, and no rate" in detail
    assert (await load_snapshot_and_detail(harness, actor, TODAY - 6 * DAY, TODAY))[
        0
    ].excluded_currencies == {}
    await record_events(harness, actor, make_event("seats", source="ledger", unit="seats"))
    answer_snapshot, detail = await load_snapshot_and_detail(harness, actor, TODAY)
    assert answer_snapshot.excluded_currencies == {}, "not all of them are known"
    assert "; 3 events are left out: not in EUR, and no rate" in detail


async def test_a_currency_of_another_source_is_not_attributed_to_the_canonical_source(
    harness: ServiceHarness,
):
    actor = await create_with_canonical_source(harness, Source("ledger", "Ledger"))
    wins = [make_event("a", source="ledger", unit="USD"), make_event("b", unit="NOK")]
    await record_events(harness, actor, *[win._replace(value=SCALE) for win in wins])
    answer_snapshot, detail = await load_snapshot_and_detail(harness, actor, TODAY)
    assert (
        [
            reading.other_unit_count
            for reading in answer_snapshot.readings.values()
            if reading.other_unit_count
        ],
        answer_snapshot.excluded_currencies,
    ) == ([1], {})
    assert "; 1 event is left out: not in EUR, and no rate" in detail
