"""Publishing makes a revision of what changed, and teams sign the current one alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook import lifecycle as publishing
from app.domain.playbook.configuration import Configuration, Noun
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.errors import NotFoundError, NotPublishedError, OldRevisionError
from tests.support.configurations import LATER, book, known, result
from tests.support.services import NOW, ONE

EDITS: list[Noun] = [
    replace(book(), title="Win more", state="published", revision=1, published_at=NOW),
    Objective("win", "q4", "Win it all"),
    Objective("win", "q4", "Win", state="paused"),
    Objective("new", "q4", "New"),
    result(target=3000 * ONE),
    result("more"),
    Responsibility("win", "sales", "accountable", 2 * ONE, "accepted", "Ann", "gladly"),
]
INDIFFERENT: list[Noun] = [
    Team("sales", "Sales", "sales", ONE),
    Contribution("q4", "sales", "Ann"),
    Signoff("q4", "sales", 1, "Ann"),
    Responsibility("win", "sales", "accountable", ONE, "declined", "Bob", "no time"),
    book("next", *LATER),
    Objective("far", "next", "Far"),
]


def published(configuration: Configuration | None = None) -> Configuration:
    return publishing.publish(configuration or known(), "q4", NOW)


def test_publishing_makes_the_first_revision_and_holds_every_part():
    after = published()
    book_now = after.playbooks["q4"]
    assert (book_now.state, book_now.revision, book_now.published_at) == ("published", 1, NOW)
    assert set(after.revisions["q4/1"].content) == {
        "playbook:q4",
        "objective:win",
        "key_result:arr-2m",
        "responsibility:win/sales",
        "responsibility:win/marketing",
    }
    assert publishing.unpublished(after, "q4") == 0


def test_before_the_first_publishing_every_part_is_unpublished():
    assert publishing.unpublished(known(), "q4") == 5


def test_publishing_without_a_change_answers_the_same_revision():
    once = published()
    assert publishing.publish(once, "q4", NOW + timedelta(days=1)) is once


@pytest.mark.parametrize("edit", EDITS, ids=repr)
def test_an_edit_counts_and_makes_the_next_revision(edit: Noun):
    edited = published().put(edit)
    assert publishing.unpublished(edited, "q4") == 1
    again = publishing.publish(edited, "q4", NOW + timedelta(days=1))
    assert again.playbooks["q4"].revision == 2
    assert publishing.unpublished(again, "q4") == 0
    assert again.revisions["q4/1"] == edited.revisions["q4/1"]


@pytest.mark.parametrize("edit", INDIFFERENT, ids=repr)
def test_what_a_revision_does_not_cover_does_not_count(edit: Noun):
    assert publishing.unpublished(published().put(edit), "q4") == 0


@settings(max_examples=40)
@given(st.lists(st.sampled_from(EDITS), max_size=5))
def test_as_many_parts_are_unpublished_as_differ_and_none_after_reverting(edits: list[Noun]):
    start = published()
    edited = start
    for edit in edits:
        edited = edited.put(edit)
    assert publishing.unpublished(edited, "q4") == len({(edit.kind, edit.key) for edit in edits})
    for edit in edits:
        was = start.of(edit.kind).get(edit.key)
        if was is not None:
            edited = edited.put(was)
        elif edit.key in edited.of(edit.kind):
            edited = edited.drop(edit.kind, edit.key)
    assert publishing.unpublished(edited, "q4") == 0
    assert publishing.publish(edited, "q4", NOW) is edited


def test_archiving_a_part_is_an_edit():
    assert publishing.unpublished(published().drop("key_result", "arr-2m"), "q4") == 1


def test_only_the_current_revision_can_be_signed():
    twice = published(published().put(EDITS[1]))
    signed = publishing.sign(twice, Signoff("q4", "sales", 2, "Ann"))
    assert signed.signoffs["q4/sales"] == Signoff("q4", "sales", 2, "Ann")
    with pytest.raises(OldRevisionError, match="which is 2"):
        publishing.sign(twice, Signoff("q4", "sales", 1, "Ann"))
    with pytest.raises(OldRevisionError, match="which is 2"):
        publishing.sign(twice, Signoff("q4", "sales", 3, "Ann"))
    with pytest.raises(NotPublishedError):
        publishing.sign(known(), Signoff("q4", "sales", 0, "Ann"))


def test_a_closed_playbook_stays_closed():
    closed = publishing.close(published(), "q4")
    assert closed.playbooks["q4"].state == "closed"
    assert closed.playbooks["q4"].revision == 1
    with pytest.raises(NotPublishedError, match="closed"):
        publishing.publish(closed, "q4", NOW)
    assert publishing.close(closed, "q4").playbooks == closed.playbooks


def test_a_draft_cannot_be_closed():
    with pytest.raises(NotPublishedError, match="never published"):
        publishing.close(known(), "q4")


def test_acts_on_what_is_not_there_name_the_nearest():
    for act in (
        lambda: publishing.publish(known(), "q5", NOW),
        lambda: publishing.close(known(), "q5"),
        lambda: publishing.contribute(known(), Contribution("q5", "sales", "Ann")),
        lambda: publishing.sign(known(), Signoff("q5", "sales", 1, "Ann")),
    ):
        with pytest.raises(NotFoundError, match="'q4'"):
            act()
    with pytest.raises(NotFoundError, match="'sales'"):
        publishing.contribute(known(), Contribution("q4", "sale", "Ann"))
    with pytest.raises(NotFoundError, match="'sales'"):
        publishing.sign(published(), Signoff("q4", "sale", 1, "Ann"))


def test_a_team_accepts_or_declines_its_part_and_says_who_and_why():
    after = publishing.accept(known(), "win", "marketing", accepted=True, by="Bob", note="yes")
    assert after.responsibilities["win/marketing"] == Responsibility(
        "win", "marketing", "responsible", ONE, "accepted", "Bob", "yes"
    )
    declined = publishing.accept(after, "win", "marketing", accepted=False, by="Bob", note="")
    assert declined.responsibilities["win/marketing"].status == "declined"
    with pytest.raises(NotFoundError, match="no responsibility"):
        publishing.accept(known(), "win", "ops", accepted=True, by="", note="")


def test_nobody_accepts_for_a_team_that_was_archived():
    gone = known().drop("team", "marketing")
    with pytest.raises(NotFoundError, match="no team 'marketing'"):
        publishing.accept(gone, "win", "marketing", accepted=True, by="Bob", note="")
