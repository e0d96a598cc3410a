"""Changes of a configuration, and the difference between two configurations."""

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


def put_all(resources: list[Resource], start: Configuration = EMPTY) -> Configuration:
    for resource in resources:
        start = start.with_resource(resource)
    return start


def replay_changes(start: Configuration, end: Configuration) -> Configuration:
    """Return the configuration after writing the changes one by one."""
    for change in diff_configurations(start, end):
        start = (
            start.with_archived(change.kind, change.key)
            if change.after is None
            else start.with_resource(change.after)
        )
    return start


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), ANY_NOUN)
def test_put_stores_the_resource_and_leaves_everything_else_unchanged(
    resources: list[Resource], resource: Resource
):
    before = put_all(resources)
    after = before.with_resource(resource)
    assert after.resources_of(resource.kind)[resource.key] == resource
    for kind in TABLE_NAMES:
        for key, previous_resource in before.resources_of(kind).items():
            assert after.resources_of(kind)[key] == (
                resource if (kind, key) == (resource.kind, resource.key) else previous_resource
            )


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), ANY_NOUN)
def test_putting_twice_is_putting_once(resources: list[Resource], resource: Resource):
    stored = put_all(resources).with_resource(resource)
    assert diff_configurations(stored, stored.with_resource(resource)) == ()


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), ANY_NOUN)
def test_an_archived_resource_is_restored_by_putting_it_again(
    resources: list[Resource], resource: Resource
):
    before = put_all(resources).with_resource(resource)
    after = before.with_archived(resource.kind, resource.key)
    assert resource.key not in after.resources_of(resource.kind)
    assert after.archived[resource.kind][resource.key] == resource
    (archived,) = diff_configurations(before, after)
    (restored,) = diff_configurations(after, after.with_resource(resource))
    assert (archived.action, archived.before, archived.after) == ("archive", resource, None)
    assert (restored.action, restored.before, restored.after) == ("restore", resource, resource)
    assert resource.key not in after.with_resource(resource).archived[resource.kind]


@settings(max_examples=40)
@given(st.lists(ANY_NOUN, max_size=6), st.lists(ANY_NOUN, max_size=6), st.data())
def test_replaying_the_changes_between_two_configurations_gives_the_second(
    initial_resources: list[Resource], added_resources: list[Resource], data: st.DataObject
):
    before = put_all(initial_resources)
    after = put_all(added_resources, before)
    for resource in (
        data.draw(st.lists(st.sampled_from(initial_resources), unique_by=lambda n: (n.kind, n.key)))
        if initial_resources
        else []
    ):
        after = after.with_archived(resource.kind, resource.key)
    replayed_configuration = replay_changes(before, after)
    assert all(
        replayed_configuration.resources_of(kind) == after.resources_of(kind)
        for kind in TABLE_NAMES
    )
    assert diff_configurations(replayed_configuration, after) == ()


def test_changes_are_in_an_order_in_which_they_can_be_written():
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
