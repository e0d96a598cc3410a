"""Publishing makes a revision of the changes, and teams sign the current revision only."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook import lifecycle
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Contribution, Signoff
from app.domain.primitives.errors import NotFoundError, NotPublishedError, OldRevisionError
from tests.support.configurations import (
    NEXT_QUARTER,
    make_configuration,
    make_key_result,
    make_playbook,
)
from tests.support.service_harness import NOW, SCALE

EDITS: list[Resource] = [
    replace(make_playbook(), title="Win more", state="published", revision=1, published_at=NOW),
    Objective("win", "q4", "Win it all"),
    Objective("win", "q4", "Win", state="paused"),
    Objective("new", "q4", "New"),
    make_key_result(target=3000 * SCALE),
    make_key_result("more"),
    Responsibility("win", "sales", "accountable", 2 * SCALE, "accepted", "Ann", "gladly"),
]
EDITS_OUTSIDE_REVISION: list[Resource] = [
    Team("sales", "Sales", "sales", SCALE),
    Contribution("q4", "sales", "Ann"),
    Signoff("q4", "sales", 1, "Ann"),
    Responsibility("win", "sales", "accountable", SCALE, "declined", "Bob", "no time"),
    make_playbook("next", *NEXT_QUARTER),
    Objective("far", "next", "Far"),
]


def publish_sample(configuration: Configuration | None = None) -> Configuration:
    return lifecycle.publish_playbook(configuration or make_configuration(), "q4", NOW)


def test_publishing_makes_the_first_revision_and_holds_every_part():
    after = publish_sample()
    stored_playbook = after.playbooks["q4"]
    assert (stored_playbook.state, stored_playbook.revision, stored_playbook.published_at) == (
        "published",
        1,
        NOW,
    )
    assert set(after.revisions["q4/1"].content) == {
        "playbook:q4",
        "objective:win",
        "key_result:arr-2m",
        "responsibility:win/sales",
        "responsibility:win/marketing",
    }
    assert lifecycle.count_unpublished_changes(after, "q4") == 0


def test_before_the_first_publishing_every_part_is_unpublished():
    assert lifecycle.count_unpublished_changes(make_configuration(), "q4") == 5


def test_publishing_without_a_change_answers_the_same_revision():
    published_configuration = publish_sample()
    assert (
        lifecycle.publish_playbook(published_configuration, "q4", NOW + timedelta(days=1))
        is published_configuration
    )


@pytest.mark.parametrize("edit", EDITS, ids=repr)
def test_an_edit_counts_and_makes_the_next_revision(edit: Resource):
    edited = publish_sample().with_resource(edit)
    assert lifecycle.count_unpublished_changes(edited, "q4") == 1
    republished = lifecycle.publish_playbook(edited, "q4", NOW + timedelta(days=1))
    assert republished.playbooks["q4"].revision == 2
    assert lifecycle.count_unpublished_changes(republished, "q4") == 0
    assert republished.revisions["q4/1"] == edited.revisions["q4/1"]


@pytest.mark.parametrize("edit", EDITS_OUTSIDE_REVISION, ids=repr)
def test_fields_outside_of_a_revision_are_not_counted_as_unpublished(edit: Resource):
    assert lifecycle.count_unpublished_changes(publish_sample().with_resource(edit), "q4") == 0


@settings(max_examples=40)
@given(st.lists(st.sampled_from(EDITS), max_size=5))
def test_as_many_parts_are_unpublished_as_differ_and_none_after_reverting(edits: list[Resource]):
    start = publish_sample()
    edited = start
    for edit in edits:
        edited = edited.with_resource(edit)
    assert lifecycle.count_unpublished_changes(edited, "q4") == len(
        {(edit.kind, edit.key) for edit in edits}
    )
    for edit in edits:
        original = start.resources_of(edit.kind).get(edit.key)
        if original is not None:
            edited = edited.with_resource(original)
        elif edit.key in edited.resources_of(edit.kind):
            edited = edited.with_archived(edit.kind, edit.key)
    assert lifecycle.count_unpublished_changes(edited, "q4") == 0
    assert lifecycle.publish_playbook(edited, "q4", NOW) is edited


def test_archiving_a_part_is_an_edit():
    assert (
        lifecycle.count_unpublished_changes(
            publish_sample().with_archived("key_result", "arr-2m"), "q4"
        )
        == 1
    )


def test_only_the_current_revision_can_be_signed():
    second_revision = publish_sample(publish_sample().with_resource(EDITS[1]))
    signed = lifecycle.add_signoff(second_revision, Signoff("q4", "sales", 2, "Ann"))
    assert signed.signoffs["q4/sales"] == Signoff("q4", "sales", 2, "Ann")
    with pytest.raises(OldRevisionError, match="which is 2"):
        lifecycle.add_signoff(second_revision, Signoff("q4", "sales", 1, "Ann"))
    with pytest.raises(OldRevisionError, match="which is 2"):
        lifecycle.add_signoff(second_revision, Signoff("q4", "sales", 3, "Ann"))
    with pytest.raises(NotPublishedError):
        lifecycle.add_signoff(make_configuration(), Signoff("q4", "sales", 0, "Ann"))


def test_a_closed_playbook_stays_closed():
    closed = lifecycle.close_playbook(publish_sample(), "q4")
    assert closed.playbooks["q4"].state == "closed"
    assert closed.playbooks["q4"].revision == 1
    with pytest.raises(NotPublishedError, match="closed"):
        lifecycle.publish_playbook(closed, "q4", NOW)
    assert lifecycle.close_playbook(closed, "q4").playbooks == closed.playbooks


def test_a_draft_cannot_be_closed():
    with pytest.raises(NotPublishedError, match="never published"):
        lifecycle.close_playbook(make_configuration(), "q4")


def test_actions_on_unknown_keys_suggest_the_nearest_key():
    for action in (
        lambda: lifecycle.publish_playbook(make_configuration(), "q5", NOW),
        lambda: lifecycle.close_playbook(make_configuration(), "q5"),
        lambda: lifecycle.add_contribution(
            make_configuration(), Contribution("q5", "sales", "Ann")
        ),
        lambda: lifecycle.add_signoff(make_configuration(), Signoff("q5", "sales", 1, "Ann")),
    ):
        with pytest.raises(NotFoundError, match="'q4'"):
            action()
    with pytest.raises(NotFoundError, match="'sales'"):
        lifecycle.add_contribution(make_configuration(), Contribution("q4", "sale", "Ann"))
    with pytest.raises(NotFoundError, match="'sales'"):
        lifecycle.add_signoff(publish_sample(), Signoff("q4", "sale", 1, "Ann"))


def test_a_team_accepts_or_declines_its_part_and_says_who_and_why():
    after = lifecycle.set_acceptance(
        make_configuration(), "win", "marketing", is_accepted=True, by="Bob", note="yes"
    )
    assert after.responsibilities["win/marketing"] == Responsibility(
        "win", "marketing", "responsible", SCALE, "accepted", "Bob", "yes"
    )
    declined = lifecycle.set_acceptance(
        after, "win", "marketing", is_accepted=False, by="Bob", note=""
    )
    assert declined.responsibilities["win/marketing"].status == "declined"
    with pytest.raises(NotFoundError, match="no responsibility"):
        lifecycle.set_acceptance(
            make_configuration(), "win", "ops", is_accepted=True, by="", note=""
        )


def test_nobody_accepts_for_a_team_that_was_archived():
    without_team = make_configuration().with_archived("team", "marketing")
    with pytest.raises(NotFoundError, match="no team 'marketing'"):
        lifecycle.set_acceptance(
            without_team, "win", "marketing", is_accepted=True, by="Bob", note=""
        )
