"""Health is computed for all sources at once, without reading their history."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.domain.access.actor import Actor
from app.domain.events.metrics import Matcher
from app.domain.primitives import epoch
from app.domain.sources.sources import Source
from app.services.events.matching import match_events
from app.services.playbook import configuration as configuration_service
from app.store.access import organization_version
from app.store.events import ingest
from app.store.events.ingest_batch import IngestBatch
from app.store.sources import deliveries, source_health
from app.store.sources import sources as sources_store
from app.store.sources.source_health import SourceHealthReport
from tests.store.sources.test_sources import BILLING, HOUR, load_billing_health, make_delivery
from tests.support.service_harness import (
    NOW,
    ServiceHarness,
    make_event,
    record_events,
    seed_playbook,
)
from tests.support.sql_statements import record_statements

OTHER_SOURCE = Source("other", "Other")
CRM = Source("crm", "CRM", "hubspot", "1", "sales")


async def create_seeded_organization(harness: ServiceHarness) -> Actor:
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    return actor


async def load_all_health(
    harness: ServiceHarness, actor: Actor, now: datetime = NOW
) -> Mapping[str, SourceHealthReport]:
    async with harness.service.database.read_transaction() as reader:
        return await source_health.load_source_health(
            reader, actor.organization, [BILLING, OTHER_SOURCE, CRM], now
        )


async def test_health_counts_the_last_day_s_deliveries(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    assert await load_all_health(harness, seeded_actor) == dict.fromkeys(
        ("billing", "crm", "other"), SourceHealthReport()
    )
    async with harness.service.database.write_transaction() as writer:
        for hours, state in (
            (1, "processed"),
            (2, "failed"),
            (23, "failed"),
            (24, "failed"),
            (90, "processed"),
        ):
            await deliveries.add_deliveries(
                writer, seeded_actor.organization, make_delivery(NOW - hours * HOUR, state=state)
            )
        await deliveries.add_deliveries(
            writer, seeded_actor.organization, make_delivery(NOW, source="other", origin="records")
        )
    health_by_source = await load_all_health(harness, seeded_actor)
    figures_by_source = {
        source_key: (
            report.last_delivery_at,
            report.deliveries_last_day,
            report.failures_last_day,
        )
        for source_key, report in health_by_source.items()
    }
    assert figures_by_source == {
        "billing": (NOW - HOUR, 3, 2),
        "other": (NOW, 1, 0),
        "crm": (None, 0, 0),
    }


async def test_a_source_is_silent_after_its_longest_gap_and_stays_silent(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    async with harness.service.database.write_transaction() as writer:
        for hours in (1, 2, 23, 24, 90):
            await deliveries.add_deliveries(
                writer, seeded_actor.organization, make_delivery(NOW - hours * HOUR)
            )
        await deliveries.add_deliveries(
            writer, seeded_actor.organization, make_delivery(NOW, source="other")
        )
        # An import of records does not count for the hook.
        await deliveries.add_deliveries(
            writer, seeded_actor.organization, make_delivery(NOW + 60 * HOUR, origin="records")
        )
    for hours, silent in ((0, False), (65, False), (67, True), (24 * 100, True)):
        health_by_source = await load_all_health(harness, seeded_actor, NOW + hours * HOUR)
        assert {source_key: report.silent for source_key, report in health_by_source.items()} == {
            "billing": silent,
            "other": False,
            "crm": False,
        }


async def test_the_lag_is_that_of_the_last_day_s_events(harness: ServiceHarness):
    harness.clock.now = NOW - timedelta(hours=25)
    seeded_actor = await create_seeded_organization(harness)
    for source in (OTHER_SOURCE, CRM):
        await configuration_service.put_resource(harness.service, seeded_actor, source)
    await record_events(harness, seeded_actor, make_event("long ago", time=NOW - timedelta(days=9)))
    harness.clock.now = NOW - HOUR
    lags = {"a": 2, "b": 60, "c": 7200, "ahead": -600}
    await record_events(
        harness,
        seeded_actor,
        *(make_event(name, time=NOW - HOUR - timedelta(seconds=lag)) for name, lag in lags.items()),
    )
    await record_events(
        harness, seeded_actor, make_event("late", source="other", time=NOW - timedelta(days=3))
    )
    harness.clock.now = NOW
    health_by_source = await load_all_health(harness, seeded_actor)
    figures_by_source = {
        source_key: (report.lag_median_seconds, report.lag_worst_seconds)
        for source_key, report in health_by_source.items()
    }
    assert figures_by_source == {
        "billing": (2, 7200),
        "other": (3 * 86_400 - 3600, 3 * 86_400 - 3600),
        "crm": (None, None),
    }


async def test_a_correction_of_a_deal_is_no_lag(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    await configuration_service.put_resource(harness.service, seeded_actor, CRM)
    events = [
        make_event(f"deal/1/won/{n}", source="crm", time=NOW - n * timedelta(minutes=1))
        for n in (1, 2)
    ]
    async with harness.service.database.write_transaction() as writer:
        version = await organization_version.load_configuration_version(
            writer, seeded_actor.organization
        )
        day = epoch.to_day_number(NOW.date())
        matched_events = match_events(events, Matcher({}), NOW, "UTC")
        batch = IngestBatch(seeded_actor.organization, matched_events, NOW, day, version)
        await ingest.record_events(writer, batch)
    assert (await load_all_health(harness, seeded_actor))["crm"].lag_worst_seconds == 60


async def test_wins_without_an_amount_are_counted_separately_from_unmapped_values(
    harness: ServiceHarness,
):
    seeded_actor = await create_seeded_organization(harness)
    unmapped_values = {
        "deal:1": [source_health.WITHOUT_AMOUNT, ("stage", "x")],
        "deal:2": [source_health.WITHOUT_AMOUNT],
    }
    many_unmapped = {
        f"deal:{n}": [("amount", f"{n:03}")]
        for n in range(100, 100 + source_health.MAX_UNMAPPED_VALUES)
    }
    async with harness.service.database.write_transaction() as writer:
        await sources_store.save_unmapped_values(
            writer, seeded_actor.organization, "billing", unmapped_values | many_unmapped
        )
    report = await load_billing_health(harness, seeded_actor)
    assert (report.wins_without_amount, len(report.unmapped)) == (
        2,
        source_health.MAX_UNMAPPED_VALUES - 1,
    )
    assert report.unmapped[0] == ("amount", "100", 1)


async def test_all_sources_need_no_more_statements_than_one(harness: ServiceHarness):
    seeded_actor = await create_seeded_organization(harness)
    async with harness.service.database.write_transaction() as connection:
        for source in ("billing", "crm", "other"):
            await deliveries.add_deliveries(
                connection, seeded_actor.organization, make_delivery(NOW - 90 * HOUR, source=source)
            )
    counts = []
    for requested_sources in ([BILLING], [BILLING, OTHER_SOURCE, CRM], []):
        with record_statements(harness.service.database) as statements:
            async with harness.service.database.read_transaction() as connection:
                await source_health.load_source_health(
                    connection, seeded_actor.organization, requested_sources, NOW
                )
        counts.append(len([statement for statement in statements if "from" in statement.lower()]))
    assert counts[0] == counts[1] <= 4
    assert counts[2] == 0
