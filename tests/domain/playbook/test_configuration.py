"""The laws of a configuration: putting, dropping, and what differs between two of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.playbook.configuration import TABLES, Configuration, Draft, Noun, changes
from app.domain.playbook.objectives import Objective
from app.domain.playbook.organization import Organization, Policy, Team
from tests.support.configurations import NOUNS, known, result
from tests.support.services import ONE

EMPTY = Configuration({"acme": Organization("acme", "Acme")})
KINDS = [kind for kind in TABLES if kind != "organization"]
ANY = st.sampled_from(KINDS).flatmap(NOUNS.__getitem__)


def filled(found: list[Noun], start: Configuration = EMPTY) -> Configuration:
    for noun in found:
        start = start.put(noun)
    return start


def replayed(start: Configuration, end: Configuration) -> Configuration:
    """The configuration that writing the changes one by one comes to."""
    for change in changes(start, end):
        start = (
            start.drop(change.kind, change.key) if change.after is None else start.put(change.after)
        )
    return start


@settings(max_examples=40)
@given(st.lists(ANY, max_size=6), ANY)
def test_what_was_put_is_there_and_all_else_as_it_was(found: list[Noun], noun: Noun):
    before = filled(found)
    after = before.put(noun)
    assert after.of(noun.kind)[noun.key] == noun
    for kind in TABLES:
        for key, other in before.of(kind).items():
            assert after.of(kind)[key] == (noun if (kind, key) == (noun.kind, noun.key) else other)


@settings(max_examples=40)
@given(st.lists(ANY, max_size=6), ANY)
def test_putting_twice_is_putting_once(found: list[Noun], noun: Noun):
    once = filled(found).put(noun)
    assert changes(once, once.put(noun)) == ()


@settings(max_examples=40)
@given(st.lists(ANY, max_size=6), ANY)
def test_what_was_dropped_is_archived_and_putting_it_again_restores_it(
    found: list[Noun], noun: Noun
):
    there = filled(found).put(noun)
    gone = there.drop(noun.kind, noun.key)
    assert noun.key not in gone.of(noun.kind)
    assert gone.archived[noun.kind][noun.key] == noun
    (archived,) = changes(there, gone)
    (restored,) = changes(gone, gone.put(noun))
    assert (archived.action, archived.before, archived.after) == ("archive", noun, None)
    assert (restored.action, restored.before, restored.after) == ("restore", noun, noun)
    assert noun.key not in gone.put(noun).archived[noun.kind]


@settings(max_examples=40)
@given(st.lists(ANY, max_size=6), st.lists(ANY, max_size=6), st.data())
def test_the_changes_from_one_to_the_other_make_the_other(
    one: list[Noun], more: list[Noun], data: st.DataObject
):
    before = filled(one)
    after = filled(more, before)
    for noun in (
        data.draw(st.lists(st.sampled_from(one), unique_by=lambda n: (n.kind, n.key)))
        if one
        else []
    ):
        after = after.drop(noun.kind, noun.key)
    again = replayed(before, after)
    assert all(again.of(kind) == after.of(kind) for kind in TABLES)
    assert changes(again, after) == ()


def test_a_change_says_what_it_is_in_an_order_in_which_it_can_be_written():
    before = known()
    after = (
        before.put(Team("sales", "Sales", "sales", ONE))
        .put(result("more"))
        .put(Team("ops", "Ops", "operations"))
    )
    after = after.drop("responsibility", "win/sales")
    assert [(change.action, change.kind, change.key) for change in changes(before, after)] == [
        ("create", "team", "ops"),
        ("update", "team", "sales"),
        ("create", "key_result", "more"),
        ("archive", "responsibility", "win/sales"),
    ]


def test_a_new_configuration_has_the_default_policy():
    assert EMPTY.policy == Policy()
    assert EMPTY.organization.key == "acme"


def test_a_draft_comes_to_what_single_steps_come_to_and_leaves_its_start_alone():
    start = known().drop("key_result", "arr-2m")
    before = {kind: dict(start.of(kind)) for kind in TABLES}
    draft = Draft(start)
    draft.put(result())
    draft.put(Objective("new", "q4", "New"))
    draft.drop("objective", "win")
    assert draft.present == start.put(result()).put(Objective("new", "q4", "New")).drop(
        "objective", "win"
    )
    assert {kind: dict(start.of(kind)) for kind in TABLES} == before
    assert "arr-2m" in start.archived["key_result"]
