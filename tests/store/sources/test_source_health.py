"""How sources are doing is told of all of them at once, and does not ask for all that they ever sent."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from app.domain.access.actor import Actor
from app.domain.events.metrics import Matcher
from app.domain.sources.sources import Source
from app.services.playbook import configuration
from app.store.access import organization_version as cursor
from app.store.events import ingest
from app.store.sources import deliveries, sources
from app.store.sources import source_health as health
from app.store.sources.source_health import Health
from app.store.sql import column_types as types
from tests.store.test_sources import BILLING, HOUR, delivery, well
from tests.support.services import NOW, House, event, furnish, record
from tests.support.statements import executed

OTHER = Source("other", "Other")
CRM = Source("crm", "CRM", "hubspot", "1", "sales")


async def furnished(built: House) -> Actor:
    actor = await built.organization()
    await furnish(built, actor)
    return actor


async def all_of(built: House, actor: Actor, now: datetime = NOW) -> Mapping[str, Health]:
    async with built.service.database.reading() as connection:
        return await health.health(connection, actor.organization, [BILLING, OTHER, CRM], now)


async def test_health_counts_the_last_day_s_deliveries(built: House):
    actor = await furnished(built)
    assert await all_of(built, actor) == dict.fromkeys(("billing", "crm", "other"), Health())
    async with built.service.database.writing() as connection:
        for hours, state in (
            (1, "processed"),
            (2, "failed"),
            (23, "failed"),
            (24, "failed"),
            (90, "processed"),
        ):
            await deliveries.add(
                connection, actor.organization, delivery(NOW - hours * HOUR, state=state)
            )
        await deliveries.add(
            connection, actor.organization, delivery(NOW, source="other", origin="records")
        )
    found = await all_of(built, actor)
    told = {
        key: (one.last_delivery_at, one.deliveries_last_day, one.failures_last_day)
        for key, one in found.items()
    }
    assert told == {"billing": (NOW - HOUR, 3, 2), "other": (NOW, 1, 0), "crm": (None, 0, 0)}


async def test_a_source_is_silent_after_a_longer_gap_than_any_and_stays_so(built: House):
    actor = await furnished(built)
    async with built.service.database.writing() as connection:
        for hours in (1, 2, 23, 24, 90):
            await deliveries.add(connection, actor.organization, delivery(NOW - hours * HOUR))
        await deliveries.add(connection, actor.organization, delivery(NOW, source="other"))
        # an import of records says nothing of the hook
        await deliveries.add(
            connection, actor.organization, delivery(NOW + 60 * HOUR, origin="records")
        )
    for hours, silent in ((0, False), (65, False), (67, True), (24 * 100, True)):
        found = await all_of(built, actor, NOW + hours * HOUR)
        assert {key: one.silent for key, one in found.items()} == {
            "billing": silent,
            "other": False,
            "crm": False,
        }


async def test_the_lag_is_that_of_the_last_day_s_events(built: House):
    built.clock.at = NOW - timedelta(hours=25)
    actor = await furnished(built)
    for source in (OTHER, CRM):
        await configuration.put(built.service, actor, source)
    await record(built, actor, event("long ago", time=NOW - timedelta(days=9)))
    built.clock.at = NOW - HOUR
    lags = {"a": 2, "b": 60, "c": 7200, "ahead": -600}
    await record(
        built,
        actor,
        *(event(name, time=NOW - HOUR - timedelta(seconds=lag)) for name, lag in lags.items()),
    )
    await record(built, actor, event("late", source="other", time=NOW - timedelta(days=3)))
    built.clock.at = NOW
    found = await all_of(built, actor)
    told = {key: (one.lag_median_seconds, one.lag_worst_seconds) for key, one in found.items()}
    assert told == {
        "billing": (2, 7200),
        "other": (3 * 86_400 - 3600, 3 * 86_400 - 3600),
        "crm": (None, None),
    }


async def test_a_correction_of_a_deal_is_no_lag(built: House):
    actor = await furnished(built)
    await configuration.put(built.service, actor, CRM)
    events = [
        event(f"deal/1/won/{n}", source="crm", time=NOW - n * timedelta(minutes=1)) for n in (1, 2)
    ]
    async with built.service.database.writing() as connection:
        version = await cursor.catalogue(connection, actor.organization)
        day = types.day_number(NOW.date())
        prepared = ingest.prepare(events, Matcher({}), NOW, "UTC")
        await ingest.record(connection, actor.organization, prepared, NOW, day, version)
    assert (await all_of(built, actor))["crm"].lag_worst_seconds == 60


async def test_wins_without_an_amount_are_counted_apart_from_the_values_that_are_not_mapped(
    built: House,
):
    actor = await furnished(built)
    noted = {"deal:1": [health.WITHOUT_AMOUNT, ("stage", "x")], "deal:2": [health.WITHOUT_AMOUNT]}
    many = {f"deal:{n}": [("amount", f"{n:03}")] for n in range(100, 100 + health.LISTED)}
    async with built.service.database.writing() as connection:
        await sources.note_unmapped(connection, actor.organization, "billing", noted | many)
    found = await well(built, actor)
    assert (found.wins_without_amount, len(found.unmapped)) == (2, health.LISTED - 1)
    assert found.unmapped[0] == ("amount", "100", 1)


async def test_all_sources_are_asked_with_the_statements_of_one(built: House):
    actor = await furnished(built)
    async with built.service.database.writing() as connection:
        for source in ("billing", "crm", "other"):
            await deliveries.add(
                connection, actor.organization, delivery(NOW - 90 * HOUR, source=source)
            )
    counts = []
    for wanted in ([BILLING], [BILLING, OTHER, CRM], []):
        with executed(built.service.database) as told:
            async with built.service.database.reading() as connection:
                await health.health(connection, actor.organization, wanted, NOW)
        counts.append(len([each for each in told if "from" in each.lower()]))
    assert counts[0] == counts[1] <= 4
    assert counts[2] == 0
