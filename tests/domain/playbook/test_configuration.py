"""The laws of a configuration: putting, dropping, and what differs between two of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook.configuration import (
    TABLE_NAMES,
    Configuration,
    ConfigurationDraft,
    Resource,
    diff_configurations,
)
from app.domain.playbook.objectives import Objective
from app.domain.playbook.organization import Organization, Policy, Team
from tests.support.configurations import NOUNS, make_configuration, make_key_result
from tests.support.service_harness import SCALE

EMPTY = Configuration({"acme": Organization("acme", "Acme")})
KINDS = [kind for kind in TABLE_NAMES if kind != "organization"]
ANY_NOUN = st.sampled_from(KINDS).flatmap(NOUNS.__getitem__)


def put_all(nouns: list[Resource], start: Configuration = EMPTY) -> Configuration:
    for noun in nouns:
        start = start.with_resource(noun)
    return start


def replay_changes(start: Configuration, end: Configuration) -> Configuration:
    """The configuration that writing the changes one by one comes to."""
    for change in diff_configurations(start, end):
        start = (
            start.with_archived(change.kind, change.key)
            if change.after is None
            else start.with_resource(change.after)
        )
    return start


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), ANY_NOUN)
def test_put_stores_the_noun_and_leaves_everything_else_unchanged(
    nouns: list[Resource], noun: Resource
):
    before = put_all(nouns)
    after = before.with_resource(noun)
    assert after.resources_of(noun.kind)[noun.key] == noun
    for kind in TABLE_NAMES:
        for key, previous_noun in before.resources_of(kind).items():
            assert after.resources_of(kind)[key] == (
                noun if (kind, key) == (noun.kind, noun.key) else previous_noun
            )


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), ANY_NOUN)
def test_putting_twice_is_putting_once(nouns: list[Resource], noun: Resource):
    stored = put_all(nouns).with_resource(noun)
    assert diff_configurations(stored, stored.with_resource(noun)) == ()


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), ANY_NOUN)
def test_what_was_dropped_is_archived_and_putting_it_again_restores_it(
    nouns: list[Resource], noun: Resource
):
    before = put_all(nouns).with_resource(noun)
    after = before.with_archived(noun.kind, noun.key)
    assert noun.key not in after.resources_of(noun.kind)
    assert after.archived[noun.kind][noun.key] == noun
    (archived,) = diff_configurations(before, after)
    (restored,) = diff_configurations(after, after.with_resource(noun))
    assert (archived.action, archived.before, archived.after) == ("archive", noun, None)
    assert (restored.action, restored.before, restored.after) == ("restore", noun, noun)
    assert noun.key not in after.with_resource(noun).archived[noun.kind]


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), st.lists(ANY_NOUN, max_size=6), st.data())
def test_replaying_the_changes_between_two_configurations_gives_the_second(
    initial_nouns: list[Resource], added_nouns: list[Resource], data: st.DataObject
):
    before = put_all(initial_nouns)
    after = put_all(added_nouns, before)
    for noun in (
        data.draw(st.lists(st.sampled_from(initial_nouns), unique_by=lambda n: (n.kind, n.key)))
        if initial_nouns
        else []
    ):
        after = after.with_archived(noun.kind, noun.key)
    replayed_configuration = replay_changes(before, after)
    assert all(
        replayed_configuration.resources_of(kind) == after.resources_of(kind)
        for kind in TABLE_NAMES
    )
    assert diff_configurations(replayed_configuration, after) == ()


def test_a_change_says_what_it_is_in_an_order_in_which_it_can_be_written():
    before = make_configuration()
    after = (
        before.with_resource(Team("sales", "Sales", "sales", SCALE))
        .with_resource(make_key_result("more"))
        .with_resource(Team("ops", "Ops", "operations"))
    )
    after = after.with_archived("responsibility", "win/sales")
    assert [
        (change.action, change.kind, change.key) for change in diff_configurations(before, after)
    ] == [
        ("create", "team", "ops"),
        ("update", "team", "sales"),
        ("create", "key_result", "more"),
        ("archive", "responsibility", "win/sales"),
    ]


def test_a_new_configuration_has_the_default_policy():
    assert EMPTY.policy == Policy()
    assert EMPTY.organization.key == "acme"


def test_a_draft_equals_single_steps_and_does_not_change_its_start():
    start = make_configuration().with_archived("key_result", "arr-2m")
    before = {kind: dict(start.resources_of(kind)) for kind in TABLE_NAMES}
    draft = ConfigurationDraft(start)
    draft.put(make_key_result())
    draft.put(Objective("new", "q4", "New"))
    draft.archive("objective", "win")
    assert draft.configuration == start.with_resource(make_key_result()).with_resource(
        Objective("new", "q4", "New")
    ).with_archived("objective", "win")
    assert {kind: dict(start.resources_of(kind)) for kind in TABLE_NAMES} == before
    assert "arr-2m" in start.archived["key_result"]
