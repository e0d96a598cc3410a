"""The use cases of a playbook, and the actors that may run them."""

from dataclasses import replace

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.document import render_document
from app.domain.playbook.objectives import Objective, Responsibility
from app.domain.playbook.playbooks import Contribution, Playbook, Signoff
from app.domain.primitives.errors import (
    ForbiddenError,
    NotFoundError,
    NotPublishedError,
    OldRevisionError,
    PreconditionError,
    PruneNeededError,
)
from app.services.playbook import configuration as configuration_service
from app.services.playbook import playbooks
from app.services.playbook.configuration import Precondition
from app.services.playbook.playbooks import ResponsibilityAnswer
from app.store.access import organization_version
from app.store.playbook import configuration as configuration_store
from tests.support.configurations import make_configuration
from tests.support.service_harness import ServiceHarness


def make_bound_actor(owner: Actor, team: str | None, *scopes: str) -> Actor:
    return Actor(owner.organization, "somebody", frozenset(scopes or {"playbook:write"}), team)


async def load_version(harness: ServiceHarness, actor: Actor) -> int:
    async with harness.service.database.read_transaction() as reader:
        return await organization_version.current_version(reader, actor.organization)


async def test_publishing_creates_one_revision_per_change(harness: ServiceHarness, actor: Actor):
    revisions = []
    for _ in range(2):
        for _ in range(2):
            published = (await playbooks.publish_playbook(harness.service, actor, "q4")).resource
            assert isinstance(published, Playbook)
            revisions.append(published.revision)
        await configuration_service.put_resource(
            harness.service, actor, Objective("more", "q4", "More")
        )
    assert revisions == [2, 2, 3, 3]


async def test_a_closed_playbook_is_neither_published_nor_reopened(
    harness: ServiceHarness, actor: Actor
):
    closed = await playbooks.close_playbook(harness.service, actor, "q4")
    with pytest.raises(NotPublishedError):
        await playbooks.publish_playbook(harness.service, actor, "q4")
    assert (await playbooks.close_playbook(harness.service, actor, "q4")).version == closed.version


async def test_a_write_with_a_stale_precondition_is_rejected(harness: ServiceHarness, actor: Actor):
    stale = Precondition(frozenset({"0"}))
    for act in (
        playbooks.publish_playbook(harness.service, actor, "q4", stale),
        playbooks.close_playbook(harness.service, actor, "q4", stale),
        playbooks.record_contribution(
            harness.service, actor, Contribution("q4", "sales", "Ann"), stale
        ),
        playbooks.record_signoff(harness.service, actor, Signoff("q4", "sales", 1, "Ann"), stale),
    ):
        with pytest.raises(PreconditionError):
            await act


async def test_a_team_signs_the_current_revision_and_may_withdraw(
    harness: ServiceHarness, owner: Actor
):
    sales = make_bound_actor(owner, "sales")
    signed = await playbooks.record_signoff(
        harness.service, sales, Signoff("q4", "sales", 1, "Ann")
    )
    assert (signed.is_new, signed.resource) == (True, Signoff("q4", "sales", 1, "Ann"))
    await playbooks.publish_playbook(harness.service, owner, "q4")
    with pytest.raises(OldRevisionError):
        await playbooks.record_signoff(harness.service, sales, Signoff("q4", "sales", 1, "Ann"))
    await playbooks.withdraw_participation(harness.service, sales, "signoff", "q4", "sales")
    with pytest.raises(NotFoundError, match="no signoff"):
        await playbooks.withdraw_participation(harness.service, sales, "signoff", "q4", "sales")
    with pytest.raises(NotFoundError, match="'q4'"):
        await playbooks.withdraw_participation(harness.service, sales, "signoff", "q5", "sales")


async def test_a_team_accepts_and_declines_its_own_part(harness: ServiceHarness, owner: Actor):
    for accepted, status in ((False, "declined"), (True, "accepted")):
        answer = ResponsibilityAnswer("win", "sales", accepted, "Ann", "so")
        written = await playbooks.record_answer(
            harness.service, make_bound_actor(owner, "sales"), answer
        )
        assert isinstance(written.resource, Responsibility)
        assert (written.resource.status, written.resource.by, written.resource.note) == (
            status,
            "Ann",
            "so",
        )
    with pytest.raises(NotFoundError, match="'win'"):
        await playbooks.record_answer(
            harness.service, owner, ResponsibilityAnswer("wim", "sales", True, "", "")
        )
    with pytest.raises(NotFoundError, match="'ops'"):
        await playbooks.record_answer(
            harness.service, owner, ResponsibilityAnswer("win", "ops", True, "", "")
        )


async def test_only_a_team_itself_and_an_admin_act_for_the_team(
    harness: ServiceHarness, owner: Actor
):
    for team, scopes, is_allowed in (
        ("marketing", {"playbook:write"}, False),
        (None, {"playbook:write"}, False),
        ("sales", {"read", "events:write"}, False),
        ("sales", {"playbook:write"}, True),
        (None, {"admin"}, True),
    ):
        actor = make_bound_actor(owner, team, *scopes)
        before = await load_version(harness, owner)
        for act in (
            playbooks.record_contribution(
                harness.service, actor, Contribution("q4", "sales", actor.name)
            ),
            playbooks.record_signoff(harness.service, actor, Signoff("q4", "sales", 1, str(team))),
            playbooks.record_answer(
                harness.service,
                actor,
                ResponsibilityAnswer("win", "sales", False, str(team), ""),
            ),
            playbooks.withdraw_participation(harness.service, actor, "contribution", "q4", "sales"),
        ):
            if is_allowed:
                await act
            else:
                with pytest.raises(ForbiddenError):
                    await act
        assert await load_version(harness, owner) == before + (4 if is_allowed else 0)


async def test_a_bound_key_may_neither_publish_nor_close_nor_apply(
    harness: ServiceHarness, owner: Actor
):
    document = await playbooks.export_document(harness.service, owner, "q4")
    for actor in (
        make_bound_actor(owner, "sales"),
        make_bound_actor(owner, None, "read", "events:write"),
    ):
        for act in (
            playbooks.publish_playbook(harness.service, actor, "q4"),
            playbooks.close_playbook(harness.service, actor, "q4"),
            playbooks.apply_document(
                harness.service, actor, document, dry_run=True, publish=False, prune=False
            ),
        ):
            with pytest.raises(ForbiddenError):
                await act


async def test_applying_an_exported_document_changes_nothing(harness: ServiceHarness, actor: Actor):
    document = await playbooks.export_document(harness.service, actor, "q4")
    before = await load_version(harness, actor)
    applied = await playbooks.apply_document(
        harness.service, actor, document, dry_run=False, publish=False, prune=False
    )
    assert applied.changes == ()
    assert ("playbook", "q4") in applied.unchanged
    assert await load_version(harness, actor) == before


async def test_a_document_creates_a_complete_organization_and_can_publish_it(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    document = render_document(make_configuration(), "q4")
    preview = await playbooks.apply_document(
        harness.service, actor, document, dry_run=True, publish=True, prune=False
    )
    async with harness.service.database.read_transaction() as reader:
        assert (
            await configuration_store.load_configuration(reader, actor.organization)
        ).playbooks == {}
    applied = await playbooks.apply_document(
        harness.service, actor, document, dry_run=False, publish=True, prune=False
    )
    assert [(change.action, change.kind, change.key) for change in applied.changes] == [
        (change.action, change.kind, change.key) for change in preview.changes
    ]
    assert applied.revision == 1
    async with harness.service.database.read_transaction() as reader:
        stored_configuration = await configuration_store.load_configuration(
            reader, actor.organization
        )
    assert (
        stored_configuration.playbooks["q4"].state,
        stored_configuration.responsibilities["win/sales"].status,
    ) == (
        "published",
        "accepted",
    )
    repeated = await playbooks.apply_document(
        harness.service, actor, document, dry_run=False, publish=True, prune=False
    )
    assert (repeated.changes, repeated.revision) == ((), 1)


async def test_accepting_by_document_needs_admin_and_pruning_must_be_explicit(
    harness: ServiceHarness,
):
    owner = await harness.create_organization()
    document = render_document(make_configuration(), "q4")
    writer = make_bound_actor(owner, None)
    with pytest.raises(ForbiddenError, match="admin"):
        await playbooks.apply_document(
            harness.service, writer, document, dry_run=False, publish=False, prune=False
        )
    await playbooks.apply_document(
        harness.service, owner, document, dry_run=False, publish=False, prune=False
    )
    empty_document = replace(document, objectives=(), key_results=(), responsibilities=())
    with pytest.raises(PruneNeededError):
        await playbooks.apply_document(
            harness.service, writer, empty_document, dry_run=False, publish=False, prune=False
        )
    pruned = await playbooks.apply_document(
        harness.service, writer, empty_document, dry_run=False, publish=False, prune=True
    )
    assert {change.action for change in pruned.changes} == {"archive"}
