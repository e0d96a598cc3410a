"""Writes of configuration: preconditions, dry runs, concurrent writes and required scopes."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.configuration import Configuration, Resource
from app.domain.playbook.objectives import Responsibility
from app.domain.playbook.organization import Organization, Team
from app.domain.playbook.playbooks import Playbook
from app.domain.primitives.errors import (
    ForbiddenError,
    InUseError,
    InvalidError,
    NotFoundError,
    PreconditionError,
)
from app.services.playbook import configuration as configuration_service
from app.services.playbook.configuration import Precondition, WrittenResource
from app.store.access import organization_version
from app.store.playbook import configuration as configuration_store
from tests.support.configurations import make_playbook
from tests.support.service_harness import (
    NOW,
    SCALE,
    ServiceHarness,
    make_event,
    record_events,
    seed_playbook,
)

OPS = Team("ops", "Ops", "operations")
CREATE = Precondition(if_none_match=True)


def if_match(*versions: int) -> Precondition:
    return Precondition(frozenset(map(str, versions)))


async def load_version_and_configuration(
    harness: ServiceHarness, actor: Actor
) -> tuple[int, Configuration]:
    async with harness.service.database.read_transaction() as reader:
        version = await organization_version.current_version(reader, actor.organization)
        return version, await configuration_store.load_configuration(reader, actor.organization)


def make_ops_team(name: str) -> Team:
    return replace(OPS, name=name)


async def test_an_object_is_created_then_replaced_and_returns_the_version_of_its_change(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    first = await configuration_service.put_resource(harness.service, actor, OPS)
    second = await configuration_service.put_resource(
        harness.service, actor, make_ops_team("Operations")
    )
    version, stored_configuration = await load_version_and_configuration(harness, actor)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.version < second.version == version
    assert stored_configuration.teams["ops"] == make_ops_team("Operations")


async def test_putting_the_same_object_again_leaves_the_version_unchanged(harness: ServiceHarness):
    actor = await harness.create_organization()
    first = await configuration_service.put_resource(harness.service, actor, OPS)
    before = await load_version_and_configuration(harness, actor)
    repeated = await configuration_service.put_resource(harness.service, actor, OPS)
    assert repeated == WrittenResource(OPS, is_new=False, version=first.version)
    assert await load_version_and_configuration(harness, actor) == before


async def test_if_match_holds_only_for_the_current_version(harness: ServiceHarness):
    actor = await harness.create_organization()
    first = await configuration_service.put_resource(harness.service, actor, OPS)
    await configuration_service.put_resource(harness.service, actor, Team("other", "Other", "any"))
    second = await configuration_service.put_resource(
        harness.service, actor, make_ops_team("Two"), if_match(first.version)
    )
    for stale in (if_match(first.version), if_match(0, 10**6)):
        with pytest.raises(PreconditionError):
            await configuration_service.put_resource(
                harness.service, actor, make_ops_team("Three"), stale
            )
        with pytest.raises(PreconditionError):
            await configuration_service.patch_resource(
                harness.service, actor, "team", "ops", lambda _: make_ops_team("Three"), stale
            )
        with pytest.raises(PreconditionError):
            await configuration_service.archive_resource(
                harness.service, actor, "team", "ops", stale
            )
    assert (await load_version_and_configuration(harness, actor))[1].teams["ops"].name == "Two"
    await configuration_service.put_resource(
        harness.service, actor, make_ops_team("Three"), if_match(0, second.version)
    )
    await configuration_service.put_resource(
        harness.service, actor, make_ops_team("Four"), Precondition(frozenset())
    )
    assert (await load_version_and_configuration(harness, actor))[1].teams["ops"].name == "Four"


async def test_if_match_never_holds_for_a_missing_object(harness: ServiceHarness):
    actor = await harness.create_organization()
    for precondition in (if_match(1), Precondition(frozenset())):
        with pytest.raises(PreconditionError):
            await configuration_service.put_resource(harness.service, actor, OPS, precondition)
    written = await configuration_service.put_resource(harness.service, actor, OPS)
    await configuration_service.archive_resource(harness.service, actor, "team", "ops")
    with pytest.raises(PreconditionError):
        await configuration_service.put_resource(
            harness.service, actor, OPS, if_match(written.version)
        )
    assert "ops" not in (await load_version_and_configuration(harness, actor))[1].teams


async def test_if_none_match_creates_only_what_is_not_live(harness: ServiceHarness):
    actor = await harness.create_organization()
    assert (await configuration_service.put_resource(harness.service, actor, OPS, CREATE)).is_new
    with pytest.raises(PreconditionError, match="exists"):
        await configuration_service.put_resource(
            harness.service, actor, make_ops_team("Again"), CREATE
        )
    await configuration_service.archive_resource(harness.service, actor, "team", "ops")
    assert (
        await configuration_service.put_resource(
            harness.service, actor, make_ops_team("Back"), CREATE
        )
    ).is_new


async def test_of_concurrent_writers_with_the_same_version_one_succeeds(harness: ServiceHarness):
    actor = await harness.create_organization()
    first = await configuration_service.put_resource(harness.service, actor, OPS)

    async def write(number: int) -> bool:
        try:
            await configuration_service.put_resource(
                harness.service, actor, make_ops_team(f"Ops {number}"), if_match(first.version)
            )
        except PreconditionError:
            return False
        return True

    successes = await asyncio.gather(*(write(number) for number in range(6)))
    assert sum(successes) == 1
    assert (await load_version_and_configuration(harness, actor))[1].teams[
        "ops"
    ].name == f"Ops {successes.index(True)}"


async def test_of_concurrent_creators_one_succeeds(harness: ServiceHarness):
    actor = await harness.create_organization()

    async def create(number: int) -> bool:
        try:
            await configuration_service.put_resource(
                harness.service, actor, make_ops_team(f"Ops {number}"), CREATE
            )
        except PreconditionError:
            return False
        return True

    assert sum(await asyncio.gather(*(create(number) for number in range(6)))) == 1


async def test_concurrent_writers_of_different_objects_lose_no_write(harness: ServiceHarness):
    actor = await harness.create_organization()
    await asyncio.gather(
        *(
            configuration_service.put_resource(
                harness.service, actor, Team(f"t{number}", "T", "any")
            )
            for number in range(8)
        )
    )
    assert len((await load_version_and_configuration(harness, actor))[1].teams) == 8


async def test_a_dry_run_returns_the_changes_and_stores_nothing(harness: ServiceHarness):
    actor = await harness.create_organization()
    before = await load_version_and_configuration(harness, actor)
    outcome = await configuration_service.write_configuration(
        harness.service, actor, lambda current: current.with_resource(OPS), dry_run=True
    )
    assert [(change.action, change.key) for change in outcome.changes] == [("create", "ops")]
    assert await load_version_and_configuration(harness, actor) == before


async def test_a_rejected_write_stores_nothing(harness: ServiceHarness, actor: Actor):
    before = await load_version_and_configuration(harness, actor)
    for noun in (
        Responsibility("win", "nobody", "informed"),
        make_playbook("bad", NOW.date(), NOW.date().replace(year=2025)),
    ):
        with pytest.raises(InvalidError):
            await configuration_service.put_resource(harness.service, actor, noun)
    with pytest.raises(InUseError):
        await configuration_service.archive_resource(harness.service, actor, "team", "sales")
    with pytest.raises(NotFoundError, match="'sales'"):
        await configuration_service.archive_resource(harness.service, actor, "team", "sale")
    with pytest.raises(NotFoundError, match="'sales'"):
        await configuration_service.patch_resource(
            harness.service, actor, "team", "sale", lambda noun: noun
        )
    assert await load_version_and_configuration(harness, actor) == before


async def test_organizations_do_not_see_each_other(harness: ServiceHarness):
    acme_actor = await harness.create_organization("one")
    other_actor = await harness.create_organization("other")
    before = await load_version_and_configuration(harness, other_actor)
    await seed_playbook(harness, acme_actor)
    await configuration_service.put_resource(harness.service, acme_actor, OPS)
    assert await load_version_and_configuration(harness, other_actor) == before
    with pytest.raises(NotFoundError):
        await configuration_service.archive_resource(harness.service, other_actor, "team", "ops")
    assert (
        await configuration_service.put_resource(
            harness.service, other_actor, make_ops_team("Theirs"), CREATE
        )
    ).is_new
    assert (await load_version_and_configuration(harness, acme_actor))[1].teams["ops"] == OPS


async def test_putting_a_playbook_never_changes_its_state(harness: ServiceHarness, actor: Actor):
    written = await configuration_service.put_resource(
        harness.service, actor, make_playbook("q4", state="closed", revision=9)
    )
    assert isinstance(written.resource, Playbook)
    assert (written.resource.state, written.resource.revision, written.resource.published_at) == (
        "published",
        1,
        NOW,
    )


async def test_putting_a_responsibility_resets_it_to_proposed(
    harness: ServiceHarness, actor: Actor
):
    written = await configuration_service.put_resource(
        harness.service, actor, Responsibility("win", "sales", "informed", SCALE, "accepted")
    )
    assert written.resource == Responsibility("win", "sales", "informed")


async def test_the_time_zone_is_fixed_once_events_exist(harness: ServiceHarness, actor: Actor):

    def make_organization(time_zone: str) -> Organization:
        return Organization("acme", "Acme", time_zone)

    async def change_time_zone(time_zone: str) -> None:
        await configuration_service.patch_resource(
            harness.service, actor, "organization", "acme", lambda _: make_organization(time_zone)
        )

    await change_time_zone("Asia/Kolkata")
    await record_events(harness, actor, make_event("a"))
    with pytest.raises(InvalidError, match="fixed"):
        await change_time_zone("UTC")
    await configuration_service.patch_resource(
        harness.service,
        actor,
        "organization",
        "acme",
        lambda noun: replace(noun, name="Acme Ltd"),  # type: ignore[arg-type]  # an Organization
    )
    assert (await load_version_and_configuration(harness, actor))[1].organization == Organization(
        "acme", "Acme Ltd", "Asia/Kolkata"
    )


async def test_configuration_is_written_only_with_the_required_scope(harness: ServiceHarness):
    owner = await harness.create_organization()
    cases: list[tuple[set[str], str | None, Resource, bool]] = [
        ({"read", "events:write"}, None, OPS, False),
        ({"playbook:write"}, "sales", OPS, False),
        ({"playbook:write"}, None, Organization("acme", "Mine"), False),
        ({"playbook:write"}, None, OPS, True),
        ({"admin"}, None, Organization("acme", "Mine"), True),
    ]
    for scopes, team, noun, is_allowed in cases:
        actor = Actor(owner.organization, "somebody", frozenset(scopes), team)
        before = await load_version_and_configuration(harness, owner)
        if is_allowed:
            await configuration_service.put_resource(harness.service, actor, noun)
        else:
            with pytest.raises(ForbiddenError):
                await configuration_service.put_resource(harness.service, actor, noun)
        assert (await load_version_and_configuration(harness, owner) != before) is is_allowed
