"""What is sent again is told from what is new, also where the recorded content is gone."""

from dataclasses import replace

from app.domain.events.events import Event, fingerprint
from app.security.identifiers import uuid7
from app.security.vault import Vault
from app.services.events.duplicates import hidden, pseudonym, repeats
from app.store.events.event_queries import StoredEvent
from tests.support.services import NOW, event

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
VAULT = Vault({}, {"p1": OLD})
ROTATED = Vault({}, {"p2": NEW, "p1": OLD})


def stored(found: Event) -> StoredEvent:
    return StoredEvent(found, uuid7(NOW), NOW, (), None, None, fingerprint(found))


def erased(found: Event) -> StoredEvent:
    before = stored(found)
    return replace(
        before,
        event=found._replace(subject="erased/x", data={}, erased={}),
        fingerprint=hidden(VAULT, before.fingerprint),
    )


def test_the_same_content_repeats_and_another_does_not():
    assert repeats(VAULT, stored(event("a")), event("a"))
    assert not repeats(VAULT, stored(event("a")), event("a", value=1))


def test_an_erased_event_still_knows_what_it_said():
    assert repeats(VAULT, erased(event("a")), event("a"))
    assert not repeats(VAULT, erased(event("a")), event("a", value=1))
    assert fingerprint(event("a")) not in erased(event("a")).fingerprint


def test_it_knows_as_long_as_the_pepper_is_there_and_then_cannot_be_contradicted():
    assert repeats(ROTATED, erased(event("a")), event("a"))
    assert not repeats(ROTATED, erased(event("a")), event("a", value=1))
    assert repeats(Vault({}, {"p2": NEW}), erased(event("a")), event("a", value=1))


def test_a_pseudonym_is_the_same_for_the_same_text_and_another_for_another_pepper():
    assert pseudonym(VAULT, "deal/42") == pseudonym(VAULT, "deal/42") != pseudonym(VAULT, "deal/43")
    assert pseudonym(VAULT, "deal/42") != pseudonym(ROTATED, "deal/42")
