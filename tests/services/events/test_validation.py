"""What is wrong with an event by itself, and what repeats another of the same batch."""

from dataclasses import replace
from datetime import timedelta
from functools import reduce
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.organization import Organization, Team
from app.domain.sources.sources import Source
from app.services.events.validation import Entry, judge
from tests.support.services import NOW, ONE, event

ACTOR = Actor(UUID(int=1), "tester", frozenset({"events:write"}))
BOUND = replace(ACTOR, name="bound", team="marketing")
NOUNS: tuple[Noun, ...] = (
    Team("sales", "Sales", "sales", ONE),
    Team("marketing", "Marketing", "marketing", ONE),
    Source("billing", "Billing"),
    Source("crm", "CRM", "hubspot"),
)
KNOWN = reduce(
    Configuration.put, NOUNS, Configuration(organizations={"acme": Organization("acme", "Acme")})
)


def statuses(*found: Entry) -> list[str]:
    return [item.status for item in judge(KNOWN, found, NOW)]


def test_a_repetition_is_told_from_a_conflict_whoever_sent_it():
    other = replace(ACTOR, name="other")
    again = Entry(other, event("a")), Entry(other, event("a", value=1))
    assert statuses(Entry(ACTOR, event("a")), *again) == ["recorded", "duplicate", "conflict"]


def test_each_is_judged_by_its_own_key_and_a_refused_one_is_no_first_of_its_name():
    assert statuses(Entry(BOUND, event("a")), Entry(ACTOR, event("a", value=1))) == [
        "forbidden",
        "recorded",
    ]


def test_every_fault_is_told_at_once():
    (item,) = judge(
        KNOWN, [Entry(ACTOR, event("a", team="sale", time=NOW + timedelta(days=2)))], NOW
    )
    assert item.problem is not None
    assert [fault.pointer for fault in item.problem.faults] == ["/team", "/time"]


def test_a_connected_source_takes_its_events_from_its_hook_alone():
    assert statuses(Entry(ACTOR, event("a", source="crm"))) == ["invalid"]
    assert statuses(Entry(ACTOR, event("a", source="crm"), ("hubspot",))) == ["recorded"]


def test_one_event_given_twice_is_a_repetition():
    same = event("a")
    assert statuses(Entry(ACTOR, same), Entry(ACTOR, same)) == ["recorded", "duplicate"]
