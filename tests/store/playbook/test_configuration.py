"""Saved resources are found alone, in pages and in the configuration; archived ones can return."""

from functools import reduce

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import TABLE_NAMES, Configuration, Resource
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.organization import Team
from app.domain.playbook.playbooks import Contribution, Revision, Signoff
from app.services.playbook import configuration as configuration_service
from app.store.playbook import configuration as configuration_store
from app.store.playbook.configuration import ResourceFilter, StoredResource
from tests.support.configurations import make_configuration
from tests.support.service_harness import ServiceHarness

EXTRA_RESOURCES = (
    Contribution("q4", "sales", "Ann", "a note"),
    Signoff("q4", "sales", 1, "Ann"),
    Revision("q4", 1, {"playbook:q4": {"title": "Win", "more": [1, None, {"a": 1.5}]}}),
    Revision("q4", 10, {}),
    Revision("q4", 9, {}),
)


async def store_every_kind(
    harness: ServiceHarness, key: str = "acme"
) -> tuple[Actor, Configuration]:
    """Create an organization with a resource of every kind. Return the expected configuration."""
    actor = await harness.create_organization(key)
    full_configuration = make_configuration(*EXTRA_RESOURCES)
    resources = [
        resource
        for kind in TABLE_NAMES
        if kind != "organization"
        for resource in full_configuration.resources_of(kind).values()
    ]
    outcome = await configuration_service.write_configuration(
        harness.service,
        actor,
        lambda current: reduce(Configuration.with_resource, resources, current),
    )
    return actor, outcome.after


async def load_configuration(harness: ServiceHarness, actor: Actor) -> Configuration:
    async with harness.service.database.read_transaction() as reader:
        return await configuration_store.load_configuration(reader, actor.organization)


async def find_stored(
    harness: ServiceHarness, actor: Actor, kind: str, key: str
) -> StoredResource | None:
    async with harness.service.database.read_transaction() as reader:
        return await configuration_store.find_resource(reader, actor.organization, kind, key)


async def list_paged_keys(
    harness: ServiceHarness, actor: Actor, resource_filter: ResourceFilter, limit: int
) -> list[str]:
    """Return the keys of all pages."""
    loaded_keys: list[str] = []
    async with harness.service.database.read_transaction() as reader:
        while True:
            after_key = loaded_keys[-1] if loaded_keys else None
            page = await configuration_store.list_resources(
                reader, actor.organization, resource_filter, after_key, limit
            )
            loaded_keys += [stored.resource.key for stored in page]
            if len(page) < limit:
                return loaded_keys


async def test_saved_configuration_is_loaded_unchanged(harness: ServiceHarness):
    actor, expected = await store_every_kind(harness)
    loaded = await load_configuration(harness, actor)
    for kind in TABLE_NAMES:
        assert dict(loaded.resources_of(kind)) == dict(expected.resources_of(kind)), kind
        assert len(expected.resources_of(kind)) > 0, kind


async def test_each_object_is_found_by_its_key_and_in_its_page(harness: ServiceHarness):
    actor, expected = await store_every_kind(harness)
    for kind in set(TABLE_NAMES) - {"organization", "policy"}:
        for key, resource in expected.resources_of(kind).items():
            stored = await find_stored(harness, actor, kind, key)
            assert stored is not None
            assert (stored.resource, stored.is_archived) == (resource, False)
        for limit in (1, 100):
            assert sorted(
                await list_paged_keys(harness, actor, ResourceFilter(kind), limit)
            ) == sorted(expected.resources_of(kind))


async def test_selected_kinds_can_be_loaded(harness: ServiceHarness):
    actor, expected = await store_every_kind(harness)
    async with harness.service.database.read_transaction() as reader:
        loaded = await configuration_store.load_configuration(
            reader, actor.organization, ("team", "metric")
        )
    assert (dict(loaded.teams), dict(loaded.metrics)) == (
        dict(expected.teams),
        dict(expected.metrics),
    )
    assert (loaded.objectives, loaded.organizations) == ({}, {})


async def test_pages_go_by_each_part_of_a_key_in_its_own_order(harness: ServiceHarness):
    actor = await harness.create_organization()
    # As a single text, "a-b/x" would precede "a/y": the minus sorts before the slash.
    objectives = [
        Objective(objective_key, "q4", objective_key) for objective_key in ("a", "a-b", "b")
    ]
    responsibilities = [
        Responsibility(objective.key, team, "informed")
        for objective in objectives
        for team in ("marketing", "sales")
    ]
    resources: list[Resource] = [
        *make_configuration().teams.values(),
        make_configuration().playbooks["q4"],
        *objectives,
        *responsibilities,
    ]
    await configuration_service.write_configuration(
        harness.service,
        actor,
        lambda current: reduce(Configuration.with_resource, resources, current),
    )
    expected_keys = [
        "a/marketing",
        "a/sales",
        "a-b/marketing",
        "a-b/sales",
        "b/marketing",
        "b/sales",
    ]
    for limit in (1, 4):
        assert (
            await list_paged_keys(harness, actor, ResourceFilter("responsibility"), limit)
            == expected_keys
        )
    assert (
        await list_paged_keys(
            harness, actor, ResourceFilter("responsibility", {"objective": "a-b"}), 1
        )
        == expected_keys[2:4]
    )


async def test_revisions_are_counted_not_spelled(harness: ServiceHarness):
    actor, _ = await store_every_kind(harness)
    assert await list_paged_keys(harness, actor, ResourceFilter("revision"), 1) == [
        "q4/1",
        "q4/9",
        "q4/10",
    ]


async def test_keys_are_ordered_by_code_point_on_both_databases(harness: ServiceHarness):
    actor = await harness.create_organization()
    resources = [Team(team_key, team_key, "any") for team_key in ("b", "a-b", "ab", "a0", "a")]
    await configuration_service.write_configuration(
        harness.service,
        actor,
        lambda current: reduce(Configuration.with_resource, resources, current),
    )
    assert await list_paged_keys(harness, actor, ResourceFilter("team"), 2) == [
        "a",
        "a-b",
        "a0",
        "ab",
        "b",
    ]


async def test_an_archived_object_is_hidden_and_can_be_restored(harness: ServiceHarness):
    actor, expected = await store_every_kind(harness)
    before = await find_stored(harness, actor, "key_result", "arr-2m")
    await configuration_service.archive_resource(harness.service, actor, "key_result", "arr-2m")
    stored = await find_stored(harness, actor, "key_result", "arr-2m")
    assert before is not None
    assert stored is not None
    assert (stored.is_archived, stored.resource) == (True, before.resource)
    assert stored.changed_version > before.changed_version
    loaded = await load_configuration(harness, actor)
    assert loaded.key_results == {}
    assert loaded.archived["key_result"] == {"arr-2m": before.resource}
    assert await list_paged_keys(harness, actor, ResourceFilter("key_result"), 5) == []
    assert await list_paged_keys(
        harness, actor, ResourceFilter("key_result", include_archived=True), 5
    ) == ["arr-2m"]
    await configuration_service.put_resource(harness.service, actor, expected.key_results["arr-2m"])
    assert dict((await load_configuration(harness, actor)).key_results) == dict(
        expected.key_results
    )


async def test_an_unchanged_object_keeps_the_version_of_its_last_change(harness: ServiceHarness):
    actor, _ = await store_every_kind(harness)
    before = await find_stored(harness, actor, "team", "sales")
    await configuration_service.put_resource(
        harness.service, actor, Team("ops", "Ops", "operations")
    )
    assert await find_stored(harness, actor, "team", "sales") == before


async def test_nothing_is_found_in_another_organization(harness: ServiceHarness):
    _, expected = await store_every_kind(harness)
    other_actor = await harness.create_organization("other")
    for kind in TABLE_NAMES:
        if kind not in ("organization", "policy"):
            for key in expected.resources_of(kind):
                assert await find_stored(harness, other_actor, kind, key) is None
            assert (
                await list_paged_keys(
                    harness, other_actor, ResourceFilter(kind, include_archived=True), 9
                )
                == []
            )


def test_a_key_is_split_into_its_columns():
    assert configuration_store.split_key("team", "sales") == {"key": "sales"}
    assert configuration_store.split_key("responsibility", "win/sales") == {
        "objective": "win",
        "team": "sales",
    }
    assert configuration_store.split_key("revision", "q4/12") == {"playbook": "q4", "revision": 12}
    assert configuration_store.key_columns("organization") == ()
