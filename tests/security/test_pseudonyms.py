"""Duplicates of erased events are detected without their content."""

from dataclasses import replace

from app.domain.events.events import Event, fingerprint
from app.security.identifiers import new_uuid7
from app.security.pseudonyms import keyed_digest, make_pseudonym
from app.security.vault import Vault
from app.services.events.validation import is_same_event
from app.store.events.event_queries import StoredEvent
from tests.support.service_harness import NOW, make_event

OLD_PEPPER = bytes(range(32))
NEW_PEPPER = bytes(range(1, 33))
VAULT = Vault({}, {"p1": OLD_PEPPER})
ROTATED = Vault({}, {"p2": NEW_PEPPER, "p1": OLD_PEPPER})


def make_stored_event(sent_event: Event) -> StoredEvent:
    return StoredEvent(sent_event, new_uuid7(NOW), NOW, (), None, None, fingerprint(sent_event))


def make_erased_event(sent_event: Event) -> StoredEvent:
    stored_event = make_stored_event(sent_event)
    return replace(
        stored_event,
        event=sent_event._replace(subject="erased/x", data={}, erased={}),
        fingerprint=keyed_digest(VAULT, stored_event.fingerprint),
    )


def test_the_same_content_is_a_duplicate_and_other_content_is_not():
    assert is_same_event(VAULT, make_stored_event(make_event("a")), make_event("a"))
    assert not is_same_event(VAULT, make_stored_event(make_event("a")), make_event("a", value=1))


def test_a_duplicate_of_an_erased_event_is_detected():
    assert is_same_event(VAULT, make_erased_event(make_event("a")), make_event("a"))
    assert not is_same_event(VAULT, make_erased_event(make_event("a")), make_event("a", value=1))
    assert fingerprint(make_event("a")) not in make_erased_event(make_event("a")).fingerprint


def test_duplicates_of_erased_events_are_detected_with_old_peppers_and_assumed_without_them():
    assert is_same_event(ROTATED, make_erased_event(make_event("a")), make_event("a"))
    assert not is_same_event(ROTATED, make_erased_event(make_event("a")), make_event("a", value=1))
    assert is_same_event(
        Vault({}, {"p2": NEW_PEPPER}), make_erased_event(make_event("a")), make_event("a", value=1)
    )


def test_a_pseudonym_is_the_same_for_the_same_text_and_another_for_another_pepper():
    assert (
        make_pseudonym(VAULT, "deal/42")
        == make_pseudonym(VAULT, "deal/42")
        != make_pseudonym(VAULT, "deal/43")
    )
    assert make_pseudonym(VAULT, "deal/42") != make_pseudonym(ROTATED, "deal/42")
