"""Every filter lists exactly the events that satisfy it, in pages, newest first."""

from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from itertools import product

import pytest

from app.domain.access.actor import Actor
from app.domain.events.events import to_local_day
from app.domain.events.metrics import Match, Matcher
from app.domain.playbook.configuration import Configuration
from app.domain.playbook.objectives import KeyResult, Objective
from app.domain.primitives.errors import InvalidError
from app.domain.sources.sources import Source
from app.services.events import ingestion
from app.services.playbook import configuration as configuration_service
from app.store.events import event_queries
from app.store.events.event_filters_sql import EventFilter
from app.store.events.event_queries import StoredEvent
from app.store.playbook import configuration as configuration_store
from tests.support.configurations import make_playbook
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
YESTERDAY = TODAY - timedelta(days=1)
FilterPredicate = Callable[[StoredEvent, "FilterOracle"], bool]


class FilterOracle:
    """The filters in plain Python."""

    def __init__(self, loaded_configuration: Configuration) -> None:
        self.configuration = loaded_configuration
        self.matcher = Matcher(loaded_configuration.metrics)

    def match_by_metric(self, stored_event: StoredEvent) -> dict[str, Match]:
        return {match.metric: match for match in self.matcher.match(stored_event.event)}

    def is_measured_by_objective(self, stored_event: StoredEvent, objective: str) -> bool:
        metrics = {
            k.metric for k in self.configuration.key_results.values() if k.objective == objective
        }
        return not metrics.isdisjoint(self.match_by_metric(stored_event))

    def belongs_to_objective(self, stored_event: StoredEvent, objective: str) -> bool:
        own_objective = stored_event.event.objective
        return (
            own_objective == objective
            if own_objective is not None
            else self.is_measured_by_objective(stored_event, objective)
        )

    def is_toward_playbook(self, stored_event: StoredEvent, playbook: str) -> bool:
        active = [
            o.key
            for o in self.configuration.objectives.values()
            if o.playbook == playbook and o.state == "active"
        ]
        return any(self.belongs_to_objective(stored_event, objective) for objective in active)

    def is_toward_other_playbook(self, stored_event: StoredEvent) -> bool:
        far = self.configuration.playbooks["far"]
        return (
            self.is_toward_playbook(stored_event, "far")
            and far.starts_on <= to_local_day(stored_event.event.time, "UTC") <= far.ends_on
        )


def event_day(stored_event: StoredEvent) -> date:
    return to_local_day(stored_event.event.time, "UTC")


def is_live_at(stored_event: StoredEvent, known_at: date) -> bool:
    retracted_at = stored_event.retracted_at
    return stored_event.recorded_at.date() <= known_at and (
        retracted_at is None or retracted_at.date() > known_at
    )


PREDICATES_BY_FILTER: dict[EventFilter, FilterPredicate] = {
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
    EventFilter(metric="arr"): lambda e, t: "arr" in t.match_by_metric(e),
    EventFilter(counts_for="arr"): lambda e, t: (
        "arr" in t.match_by_metric(e) and t.match_by_metric(e)["arr"].state == "counts"
    ),
    EventFilter(objective="win"): lambda e, t: t.belongs_to_objective(e, "win"),
    EventFilter(refreshes="win"): lambda e, t: (
        e.event.objective == "win" or t.is_measured_by_objective(e, "win")
    ),
    EventFilter(off_playbook="q4"): lambda e, t: not t.is_toward_playbook(e, "q4"),
    EventFilter(off_playbook="q4", other_playbook=True): lambda e, t: (
        not t.is_toward_playbook(e, "q4") and t.is_toward_other_playbook(e)
    ),
    EventFilter(off_playbook="q4", other_playbook=False): lambda e, t: (
        not t.is_toward_playbook(e, "q4") and not t.is_toward_other_playbook(e)
    ),
    EventFilter(first=TODAY): lambda e, _t: event_day(e) >= TODAY,
    EventFilter(days=((TODAY, TODAY), (TODAY, YESTERDAY))): lambda e, _t: event_day(e) == TODAY,
    EventFilter(days=((YESTERDAY, YESTERDAY), (TODAY, TODAY))): lambda e, _t: (
        event_day(e) >= YESTERDAY
    ),
    EventFilter(last=YESTERDAY): lambda e, _t: event_day(e) <= YESTERDAY,
    EventFilter(configuration_from=TODAY): lambda _e, _t: True,
    EventFilter(as_of=YESTERDAY, known_at=TODAY): lambda e, _t: event_day(e) <= YESTERDAY,
    EventFilter(team="sales", kind="outcome", metric="arr"): lambda e, t: (
        (e.event.team, e.event.kind) == ("sales", "outcome") and "arr" in t.match_by_metric(e)
    ),
}


async def create_varied_events(
    harness: ServiceHarness,
) -> tuple[Actor, list[StoredEvent], FilterOracle]:
    """Create an organization with events of every kind, some retracted. Return all events."""
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    far = make_playbook("far", YESTERDAY, TODAY, state="published", revision=1, published_at=NOW)
    for resource in (
        Source("other", "Other"),
        far,
        Objective("rest", "q4", "Rest", state="paused"),
        Objective("there", "far", "There"),
        make_metric("calls", events=("call.held",), aggregation="count", where=(), activities=()),
        KeyResult("count-calls", "there", "Calls", "calls", 0, SCALE),
    ):
        await configuration_service.put_resource(harness.service, actor, resource)
    await configuration_service.write_configuration(
        harness.service, actor, lambda loaded_configuration: loaded_configuration.with_resource(far)
    )
    kinds = product(
        ("sales", "marketing"),
        ("invoice.paid", "call.held"),
        ("enterprise", "small"),
        (None, "win", "rest", "there"),
    )
    submitted_events = [
        make_event(
            f"e{number}",
            source=("billing", "other")[number % 2],
            type=kind,
            team=team,
            kind=("outcome", "activity")[number % 3 == 0],
            unit=(None, "EUR", "USD")[number % 3],
            subject=(None, "deal/1", "deal/2")[number % 3],
            value=None if number % 5 == 0 else number * SCALE,
            objective=objective,
            offerings=((("a", SCALE),), (("ab", SCALE), ("a", 2)), (("ab", SCALE),), ())[
                number % 4
            ],
            data={"segment": segment},
            time=NOW - timedelta(hours=12 * (number % 5)),
        )
        for number, (team, kind, segment, objective) in enumerate(kinds)
    ]
    outcomes = await record_events(harness, actor, *submitted_events)
    assert {outcome.status for outcome in outcomes} == {"recorded"}
    harness.clock.advance(days=1)
    for outcome in outcomes[::7]:
        assert outcome.uid is not None
        await ingestion.retract_event(harness.service, actor, outcome.uid, "a mistake")
    async with harness.service.database.read_transaction() as reader:
        loaded_configuration = await configuration_store.load_configuration(
            reader, actor.organization
        )
        event_keys = [
            (submitted_event.source, submitted_event.id) for submitted_event in submitted_events
        ]
        stored_events = list(
            (
                await event_queries.load_events_by_key(reader, actor.organization, event_keys)
            ).values()
        )
    return actor, stored_events, FilterOracle(loaded_configuration)


async def list_all_pages(
    harness: ServiceHarness,
    actor: Actor,
    loaded_configuration: Configuration,
    event_filter: EventFilter,
    limit: int = 200,
) -> list[StoredEvent]:
    """Return the events of all pages."""
    listed_events: list[StoredEvent] = []
    async with harness.service.database.read_transaction() as reader:
        while True:
            after = (listed_events[-1].event.time, listed_events[-1].uid) if listed_events else None
            page = await event_queries.list_events(
                reader, actor.organization, loaded_configuration, event_filter, after, limit
            )
            listed_events += page
            if len(page) < limit:
                return listed_events


async def test_every_filter_lists_exactly_what_it_says(harness: ServiceHarness):
    actor, all_events, oracle = await create_varied_events(harness)
    used_fields = {
        field.name
        for field in fields(EventFilter)
        for event_filter in PREDICATES_BY_FILTER
        if getattr(event_filter, field.name) is not None
    }
    assert used_fields == {field.name for field in fields(EventFilter)}
    for event_filter, predicate in PREDICATES_BY_FILTER.items():
        expected = {
            e.event.id
            for e in all_events
            if predicate(e, oracle) and (e.retracted_at is None or event_filter.known_at)
        }
        listed_events = await list_all_pages(harness, actor, oracle.configuration, event_filter)
        assert {e.event.id for e in listed_events} == expected, event_filter
        assert 0 < len(expected) <= len(all_events), event_filter


async def test_known_at_lists_the_events_recorded_by_then(harness: ServiceHarness):
    actor, all_events, oracle = await create_varied_events(harness)
    for known_at in (YESTERDAY, TODAY, TODAY + timedelta(days=1)):
        for as_of in (YESTERDAY, TODAY):
            event_filter = EventFilter(as_of=as_of, known_at=known_at)
            expected = {
                e.event.id for e in all_events if is_live_at(e, known_at) and event_day(e) <= as_of
            }
            assert {
                e.event.id
                for e in await list_all_pages(harness, actor, oracle.configuration, event_filter)
            } == expected
    past_events = await list_all_pages(
        harness, actor, oracle.configuration, EventFilter(as_of=TODAY)
    )
    assert {e.event.id for e in past_events} == {e.event.id for e in all_events}


async def test_pages_are_complete_newest_first_and_without_repeats(harness: ServiceHarness):
    actor, all_events, oracle = await create_varied_events(harness)
    live_keys = sorted(
        ((e.event.time, e.uid) for e in all_events if e.retracted_at is None), reverse=True
    )
    for limit in (1, 3, 200):
        listed_events = await list_all_pages(
            harness, actor, oracle.configuration, EventFilter(), limit
        )
        assert [(e.event.time, e.uid) for e in listed_events] == live_keys


async def test_an_unknown_reference_is_rejected_and_the_nearest_key_is_suggested(
    harness: ServiceHarness,
):
    actor, _, oracle = await create_varied_events(harness)
    for event_filter, nearest in (
        (EventFilter(metric="art"), "'arr'"),
        (EventFilter(counts_for="art"), "'arr'"),
        (EventFilter(objective="wim"), "'win'"),
        (EventFilter(refreshes="wim"), "'win'"),
        (EventFilter(off_playbook="q5"), "'q4'"),
    ):
        with pytest.raises(InvalidError, match=nearest):
            await list_all_pages(harness, actor, oracle.configuration, event_filter)


async def test_an_event_is_found_by_its_uid_with_all_fields(harness: ServiceHarness):
    actor = await harness.create_organization()
    await seed_playbook(harness, actor)
    submitted_event = make_event(
        "a",
        unit="EUR",
        effort=0,
        subject="deal/1",
        objective="win",
        offerings=(("x", SCALE),),
        data={"segment": "é"},
    )
    (outcome,) = await record_events(harness, actor, submitted_event)
    assert outcome.uid is not None
    other_actor = await harness.create_organization("other")
    async with harness.service.database.read_transaction() as reader:
        stored_event = await event_queries.find_event(reader, actor.organization, outcome.uid)
        assert await event_queries.find_event(reader, other_actor.organization, outcome.uid) is None
        assert (
            await event_queries.load_events_by_key(
                reader, other_actor.organization, [("billing", "a")]
            )
            == {}
        )
    assert stored_event is not None
    assert (
        stored_event.event,
        stored_event.recorded_at,
        stored_event.retracted_at,
        stored_event.metrics,
    ) == (
        submitted_event,
        NOW,
        None,
        (),
    )
