"""Validation finds invalid events, and repetitions within a batch."""

from dataclasses import replace
from datetime import timedelta
from functools import reduce
from uuid import UUID

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.organization import Organization, Team
from app.domain.sources.sources import Source
from app.services.events.validation import validate_batch
from app.services.runtime.submissions import EventSubmission
from tests.support.service_harness import NOW, SCALE, make_event

ACTOR = Actor(UUID(int=1), "tester", frozenset({"events:write"}))
BOUND_ACTOR = replace(ACTOR, name="bound", team="marketing")
NOUNS: tuple[Resource, ...] = (
    Team("sales", "Sales", "sales", SCALE),
    Team("marketing", "Marketing", "marketing", SCALE),
    Source("billing", "Billing"),
    Source("crm", "CRM", "hubspot"),
)
CONFIGURATION = reduce(
    Configuration.with_resource,
    NOUNS,
    Configuration(organizations={"acme": Organization("acme", "Acme")}),
)


def validation_statuses(*submissions: EventSubmission) -> list[str]:
    return [outcome.status for outcome in validate_batch(CONFIGURATION, submissions, NOW)]


def test_a_repetition_is_distinguished_from_a_conflict_for_any_sender():
    other_actor = replace(ACTOR, name="other")
    repeated = (
        EventSubmission(other_actor, make_event("a")),
        EventSubmission(other_actor, make_event("a", value=1)),
    )
    assert validation_statuses(EventSubmission(ACTOR, make_event("a")), *repeated) == [
        "recorded",
        "duplicate",
        "conflict",
    ]


def test_each_event_is_validated_with_its_own_key_and_a_rejected_one_blocks_no_other():
    assert validation_statuses(
        EventSubmission(BOUND_ACTOR, make_event("a")),
        EventSubmission(ACTOR, make_event("a", value=1)),
    ) == [
        "forbidden",
        "recorded",
    ]


def test_every_fault_is_reported_together():
    (outcome,) = validate_batch(
        CONFIGURATION,
        [EventSubmission(ACTOR, make_event("a", team="sale", time=NOW + timedelta(days=2)))],
        NOW,
    )
    assert outcome.problem is not None
    assert [fault.pointer for fault in outcome.problem.faults] == ["/team", "/time"]


def test_a_connected_source_accepts_events_only_from_its_hook():
    assert validation_statuses(EventSubmission(ACTOR, make_event("a", source="crm"))) == ["invalid"]
    assert validation_statuses(
        EventSubmission(ACTOR, make_event("a", source="crm"), ("hubspot",))
    ) == ["recorded"]


def test_an_event_submitted_twice_is_a_duplicate():
    same = make_event("a")
    assert validation_statuses(EventSubmission(ACTOR, same), EventSubmission(ACTOR, same)) == [
        "recorded",
        "duplicate",
    ]
