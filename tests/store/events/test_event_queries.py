"""Every filter lists exactly what it says, page by page, newest first."""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from itertools import product

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import day_of
from app.domain.events.metrics import Match, Matcher
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.objectives import KeyResult, Objective
from app.domain.primitives.errors import InvalidError
from app.domain.sources.sources import Source
from app.services.events import ingestion as flow
from app.services.playbook import configuration
from app.store.events import event_queries as events
from app.store.events.event_queries import EventFilter, StoredEvent
from app.store.playbook import configuration as store
from tests.support.configurations import book
from tests.support.services import NOW, ONE, House, event, furnish, metric, record

TODAY = NOW.date()
YESTERDAY = TODAY - timedelta(days=1)
Law = Callable[[StoredEvent, "Told"], bool]


class Told:
    """The events with the configuration, as Python reads them."""

    def __init__(self, known: Configuration) -> None:
        self.known = known
        self.matcher = Matcher(known.metrics)

    def matches(self, found: StoredEvent) -> dict[str, Match]:
        return {match.metric: match for match in self.matcher.match(found.event)}

    def leads(self, found: StoredEvent, objective: str) -> bool:
        metrics = {k.metric for k in self.known.key_results.values() if k.objective == objective}
        return not metrics.isdisjoint(self.matches(found))

    def belongs(self, found: StoredEvent, objective: str) -> bool:
        named = found.event.objective
        return named == objective if named is not None else self.leads(found, objective)

    def toward(self, found: StoredEvent, playbook: str) -> bool:
        active = [
            o.key
            for o in self.known.objectives.values()
            if o.playbook == playbook and o.state == "active"
        ]
        return any(self.belongs(found, objective) for objective in active)

    def elsewhere(self, found: StoredEvent) -> bool:
        far = self.known.playbooks["far"]
        return (
            self.toward(found, "far")
            and far.starts_on <= day_of(found.event.time, "UTC") <= far.ends_on
        )


def day(found: StoredEvent) -> date:
    return day_of(found.event.time, "UTC")


def stands(found: StoredEvent, known_at: date) -> bool:
    gone = found.retracted_at
    return found.recorded_at.date() <= known_at and (gone is None or gone.date() > known_at)


LAWS: dict[EventFilter, Law] = {
    EventFilter(): lambda _e, _t: True,
    EventFilter(type="call.held"): lambda e, _t: e.event.type == "call.held",
    EventFilter(team="sales"): lambda e, _t: e.event.team == "sales",
    EventFilter(source="other"): lambda e, _t: e.event.source == "other",
    EventFilter(id="e1"): lambda e, _t: e.event.id == "e1",
    EventFilter(subject="deal/1"): lambda e, _t: e.event.subject == "deal/1",
    EventFilter(kind="activity"): lambda e, _t: e.event.kind == "activity",
    EventFilter(unit="EUR"): lambda e, _t: e.event.unit == "EUR",
    EventFilter(sold_unit="EUR"): lambda e, _t: e.event.unit in ("EUR", None),
    EventFilter(offering="a"): lambda e, _t: "a" in dict(e.event.offerings),
    EventFilter(metric="arr"): lambda e, t: "arr" in t.matches(e),
    EventFilter(counts_for="arr"): lambda e, t: (
        "arr" in t.matches(e) and t.matches(e)["arr"].state == "counts"
    ),
    EventFilter(objective="win"): lambda e, t: t.belongs(e, "win"),
    EventFilter(refreshes="win"): lambda e, t: e.event.objective == "win" or t.leads(e, "win"),
    EventFilter(off_playbook="q4"): lambda e, t: not t.toward(e, "q4"),
    EventFilter(off_playbook="q4", other_playbook=True): lambda e, t: (
        not t.toward(e, "q4") and t.elsewhere(e)
    ),
    EventFilter(off_playbook="q4", other_playbook=False): lambda e, t: (
        not t.toward(e, "q4") and not t.elsewhere(e)
    ),
    EventFilter(first=TODAY): lambda e, _t: day(e) >= TODAY,
    EventFilter(days=((TODAY, TODAY), (TODAY, YESTERDAY))): lambda e, _t: day(e) == TODAY,
    EventFilter(days=((YESTERDAY, YESTERDAY), (TODAY, TODAY))): lambda e, _t: day(e) >= YESTERDAY,
    EventFilter(last=YESTERDAY): lambda e, _t: day(e) <= YESTERDAY,
    EventFilter(configuration_from=TODAY): lambda _e, _t: True,
    EventFilter(as_of=YESTERDAY, known_at=TODAY): lambda e, _t: day(e) <= YESTERDAY,
    EventFilter(team="sales", kind="outcome", metric="arr"): lambda e, t: (
        (e.event.team, e.event.kind) == ("sales", "outcome") and "arr" in t.matches(e)
    ),
}


async def lively(built: House) -> tuple[Actor, list[StoredEvent], Told]:
    """An organization with events of every kind, some retracted the day after; all of them, however they stand."""
    actor = await built.organization()
    await furnish(built, actor)
    far = book("far", YESTERDAY, TODAY, state="published", revision=1, published_at=NOW)
    for noun in (
        Source("other", "Other"),
        far,
        Objective("rest", "q4", "Rest", state="paused"),
        Objective("there", "far", "There"),
        metric("calls", events=("call.held",), aggregation="count", where=(), activities=()),
        KeyResult("count-calls", "there", "Calls", "calls", 0, ONE),
    ):
        await configuration.put(built.service, actor, noun)
    await configuration.write(built.service, actor, lambda known: known.put(far))
    kinds = product(
        ("sales", "marketing"),
        ("invoice.paid", "call.held"),
        ("enterprise", "small"),
        (None, "win", "rest", "there"),
    )
    wanted = [
        event(
            f"e{number}",
            source=("billing", "other")[number % 2],
            type=kind,
            team=team,
            kind=("outcome", "activity")[number % 3 == 0],
            unit=(None, "EUR", "USD")[number % 3],
            subject=(None, "deal/1", "deal/2")[number % 3],
            value=None if number % 5 == 0 else number * ONE,
            objective=objective,
            offerings=((("a", ONE),), (("ab", ONE), ("a", 2)), (("ab", ONE),), ())[number % 4],
            data={"segment": segment},
            time=NOW - timedelta(hours=12 * (number % 5)),
        )
        for number, (team, kind, segment, objective) in enumerate(kinds)
    ]
    items = await record(built, actor, *wanted)
    assert {item.status for item in items} == {"recorded"}
    built.clock.forward(days=1)
    for item in items[::7]:
        assert item.uid is not None
        await flow.retract_event(built.service, actor, item.uid, "a mistake")
    async with built.service.database.reading() as connection:
        known = await store.load(connection, actor.organization)
        named = [(one.source, one.id) for one in wanted]
        found = list((await events.find_named(connection, actor.organization, named)).values())
    return actor, found, Told(known)


async def listed(
    built: House, actor: Actor, known: Configuration, wanted: EventFilter, limit: int = 200
) -> list[StoredEvent]:
    """All pages, one after the other."""
    found: list[StoredEvent] = []
    async with built.service.database.reading() as connection:
        while True:
            after = (found[-1].event.time, found[-1].uid) if found else None
            page = await events.page(connection, actor.organization, known, wanted, after, limit)
            found += page
            if len(page) < limit:
                return found


async def test_every_filter_lists_exactly_what_it_says(built: House):
    actor, everything, told = await lively(built)
    tried = {
        field.name
        for field in fields(EventFilter)
        for wanted in LAWS
        if getattr(wanted, field.name) is not None
    }
    assert tried == {field.name for field in fields(EventFilter)}
    for wanted, law in LAWS.items():
        expected = {
            e.event.id
            for e in everything
            if law(e, told) and (e.retracted_at is None or wanted.known_at)
        }
        found = await listed(built, actor, told.known, wanted)
        assert {e.event.id for e in found} == expected, wanted
        assert 0 < len(expected) <= len(everything), wanted


async def test_the_past_lists_what_was_known_then(built: House):
    actor, everything, told = await lively(built)
    for known_at in (YESTERDAY, TODAY, TODAY + timedelta(days=1)):
        for as_of in (YESTERDAY, TODAY):
            wanted = EventFilter(as_of=as_of, known_at=known_at)
            expected = {e.event.id for e in everything if stands(e, known_at) and day(e) <= as_of}
            assert {e.event.id for e in await listed(built, actor, told.known, wanted)} == expected
    only = await listed(built, actor, told.known, EventFilter(as_of=TODAY))
    assert {e.event.id for e in only} == {e.event.id for e in everything}


async def test_pages_are_complete_newest_first_and_without_repeats(built: House):
    actor, everything, told = await lively(built)
    standing = sorted(
        ((e.event.time, e.uid) for e in everything if e.retracted_at is None), reverse=True
    )
    for limit in (1, 3, 200):
        found = await listed(built, actor, told.known, EventFilter(), limit)
        assert [(e.event.time, e.uid) for e in found] == standing


async def test_what_is_unknown_is_refused_and_names_the_nearest(built: House):
    actor, _, told = await lively(built)
    for wanted, nearest in (
        (EventFilter(metric="art"), "'arr'"),
        (EventFilter(counts_for="art"), "'arr'"),
        (EventFilter(objective="wim"), "'win'"),
        (EventFilter(refreshes="wim"), "'win'"),
        (EventFilter(off_playbook="q5"), "'q4'"),
    ):
        with pytest.raises(InvalidError, match=nearest):
            await listed(built, actor, told.known, wanted)


async def test_an_event_is_found_by_its_uid_with_all_that_was_said(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    said = event(
        "a",
        unit="EUR",
        effort=0,
        subject="deal/1",
        objective="win",
        offerings=(("x", ONE),),
        data={"segment": "é"},
    )
    (item,) = await record(built, actor, said)
    assert item.uid is not None
    other = await built.organization("other")
    async with built.service.database.reading() as connection:
        found = await events.find(connection, actor.organization, item.uid)
        assert await events.find(connection, other.organization, item.uid) is None
        assert await events.find_named(connection, other.organization, [("billing", "a")]) == {}
    assert found is not None
    assert (found.event, found.recorded_at, found.retracted_at, found.metrics) == (
        said,
        NOW,
        None,
        (),
    )
