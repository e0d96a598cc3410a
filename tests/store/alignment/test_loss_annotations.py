"""What a ledger's sentences say is of the day that is asked for, as it was known at the other: it never changes."""

from dataclasses import replace
from datetime import date, timedelta

from app.domain.access.actor import Actor
from app.domain.playbook.objectives import KeyResult
from app.domain.sources.silence import Heard
from app.domain.sources.sources import Source
from app.scoring.snapshot import Snapshot
from app.services.alignment import alignment
from app.services.events import ingestion as events
from app.services.playbook import configuration
from app.services.runtime.versioned_cache import Kept
from app.store.sources import deliveries
from tests.store.test_sources import delivery
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

DAY = timedelta(days=1)
TODAY = NOW.date()


async def canonical(built: House, source: Source, time_zone: str = "UTC") -> Actor:
    """An organization, there for 45 days, with a key result that source alone measures and one that has evidence."""
    built.clock.at = NOW - 45 * DAY
    actor = await built.organization(time_zone=time_zone)
    await furnish(built, actor)
    await configuration.put(built.service, actor, source)
    await configuration.put(built.service, actor, metric(canonical_source=source.key, unit="EUR"))
    await configuration.put(built.service, actor, metric("things", events=("thing",), where=()))
    await configuration.put(
        built.service, actor, KeyResult("ten", "win", "Ten", "things", 0, 10 * ONE)
    )
    await record(built, actor, event("thing", type="thing", time=built.clock.at, value=ONE))
    built.clock.at = NOW
    return actor


async def ask(
    built: House, actor: Actor, as_of: date, known_at: date | None = None
) -> tuple[Snapshot, str]:
    # Deliveries are put into the table here, past the organization's version: nothing may be kept.
    cold = replace(built.service, kept=Kept())
    answer = await alignment.read(cold, actor, "q4", as_of, known_at or as_of)
    loss = next(x for x in answer.alignment.losses if x.key_result == "arr-2m")
    return answer.snapshot, loss.detail


async def test_a_hook_that_went_silent_is_named_and_a_past_answer_stays_as_it_was(built: House):
    actor = await canonical(built, Source("hubspot", "HubSpot", "hubspot", "1", "sales"))
    async with built.service.database.writing() as connection:
        for ago in (40, 30, 20, 19, 16, 15):
            await deliveries.add(
                connection, actor.organization, delivery(NOW - ago * DAY, source="hubspot")
            )
        imported = delivery(NOW - 3 * DAY, source="hubspot", origin="records")
        await deliveries.add(connection, actor.organization, imported)
    last = TODAY - 15 * DAY
    found, detail = await ask(built, actor, TODAY)
    assert found.heard == {
        "hubspot": Heard(last, 10)
    }  # an import is no delivery, and 40 days are long ago
    said = f"hubspot, its canonical source, has been silent since {last}: for 15 days, and never for more than 10"
    assert said in detail
    assert "silent" not in (await ask(built, actor, last + 10 * DAY))[1]
    then = await ask(built, actor, last + 11 * DAY)
    assert "for 11 days" in then[1]
    assert (
        "silent" not in (await ask(built, actor, last - 4 * DAY, last))[1]
    )  # heard of since that day
    async with built.service.database.writing() as connection:
        await deliveries.add(connection, actor.organization, delivery(NOW, source="hubspot"))
    assert "silent" not in (await ask(built, actor, TODAY))[1]
    assert (await ask(built, actor, last + 11 * DAY))[1] == then[1]
    assert "silent" not in (await ask(built, actor, last + 11 * DAY, TODAY))[1]


async def test_days_are_those_of_the_organization(built: House):
    actor = await canonical(
        built, Source("hubspot", "HubSpot", "hubspot", "1", "sales"), "Asia/Kolkata"
    )
    async with built.service.database.writing() as connection:
        for hours in (200, 150, 6):  # 18:30 in London is the next day there
            await deliveries.add(
                connection,
                actor.organization,
                delivery(NOW - timedelta(hours=hours), source="hubspot"),
            )
        late = delivery(NOW.replace(hour=18, minute=30) - DAY, source="hubspot")
        await deliveries.add(connection, actor.organization, late)
    assert (await ask(built, actor, TODAY))[0].heard["hubspot"].last == TODAY
    assert (await ask(built, actor, TODAY - DAY))[
        0
    ].heard == {}  # two days are too few to say anything


async def test_a_source_without_a_hook_is_heard_of_by_the_events_of_its_metric(built: House):
    actor = await canonical(built, Source("ledger", "Ledger"))
    now = built.clock.at
    for ago, name in ((20, "a"), (18, "b"), (17, "c"), (9, "other"), (8, "taken-back")):
        built.clock.at = now - ago * DAY
        kind = "noise" if name == "other" else "invoice.paid"
        (item,) = await record(
            built, actor, event(name, source="ledger", type=kind, time=built.clock.at)
        )
        if name == "taken-back" and item.uid is not None:
            await events.retract_event(built.service, actor, item.uid, "a mistake")
    built.clock.at = now
    last = TODAY - 17 * DAY
    found, detail = await ask(built, actor, TODAY)
    assert found.heard == {"ledger": Heard(last, 2)}
    assert f"silent since {last}: for 17 days, and never for more than 2" in detail
    assert "silent" not in (await ask(built, actor, last + 2 * DAY))[1]


async def test_a_canonical_source_that_is_not_there_is_not_heard_of(built: House):
    actor = await canonical(built, Source("ledger", "Ledger"))
    await configuration.put(built.service, actor, metric(canonical_source="to-come"))
    found, _ = await ask(built, actor, TODAY)
    assert (found.heard, found.currencies) == ({}, {})


async def test_the_currencies_that_are_left_out_are_named_as_of_every_day(built: House):
    actor = await canonical(built, Source("ledger", "Ledger"))
    await record(
        built,
        actor,
        *(
            event(unit, source="ledger", unit=unit, time=NOW - 5 * DAY, value=ONE)
            for unit in ("USD", "NOK", "EUR")
        ),
    )
    found, detail = await ask(built, actor, TODAY)
    assert list(found.currencies.values()) == [("NOK", "USD")]
    assert "; 2 events are left out: in NOK and USD, not in EUR, and no rate" in detail
    assert (await ask(built, actor, TODAY - 6 * DAY, TODAY))[0].currencies == {}
    await record(built, actor, event("seats", source="ledger", unit="seats"))
    found, detail = await ask(built, actor, TODAY)
    assert found.currencies == {}, "not all of them are known"
    assert "; 3 events are left out: not in EUR, and no rate" in detail


async def test_a_currency_of_another_source_is_not_taken_for_the_canonical_one_s(built: House):
    actor = await canonical(built, Source("ledger", "Ledger"))
    wins = [event("a", source="ledger", unit="USD"), event("b", unit="NOK")]
    await record(built, actor, *[win._replace(value=ONE) for win in wins])
    found, detail = await ask(built, actor, TODAY)
    assert (
        [said.other_unit for said in found.said.values() if said.other_unit],
        found.currencies,
    ) == ([1], {})
    assert "; 1 event is left out: not in EUR, and no rate" in detail
