"""The acts on a playbook, by those who may act."""

from dataclasses import replace

import pytest

from app.domain.access.actor import Actor
from app.domain.playbook.document import render
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
from app.services.playbook import configuration, playbooks
from app.services.playbook.configuration import Precondition
from app.store.access import organization_version as cursor
from app.store.playbook import configuration as store
from tests.support.configurations import known
from tests.support.services import House, furnish


def bound(owner: Actor, team: str | None, *scopes: str) -> Actor:
    return Actor(owner.organization, "somebody", frozenset(scopes or {"playbook:write"}), team)


async def version(built: House, actor: Actor) -> int:
    async with built.service.database.reading() as connection:
        return await cursor.version(connection, actor.organization)


async def test_publishing_makes_a_revision_once_a_change(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    revisions = []
    for _ in range(2):
        for _ in range(2):
            found = (await playbooks.publish(built.service, actor, "q4")).value
            assert isinstance(found, Playbook)
            revisions.append(found.revision)
        await configuration.put(built.service, actor, Objective("more", "q4", "More"))
    assert revisions == [2, 2, 3, 3]


async def test_a_closed_playbook_is_neither_published_nor_reopened(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    closed = await playbooks.close(built.service, actor, "q4")
    with pytest.raises(NotPublishedError):
        await playbooks.publish(built.service, actor, "q4")
    assert (await playbooks.close(built.service, actor, "q4")).changed == closed.changed


async def test_an_act_with_a_stale_precondition_is_refused(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    stale = Precondition(frozenset({"0"}))
    for act in (
        playbooks.publish(built.service, actor, "q4", stale),
        playbooks.close(built.service, actor, "q4", stale),
        playbooks.contribute(built.service, actor, Contribution("q4", "sales", "Ann"), stale),
        playbooks.sign(built.service, actor, Signoff("q4", "sales", 1, "Ann"), stale),
    ):
        with pytest.raises(PreconditionError):
            await act


async def test_a_team_signs_the_current_revision_and_may_withdraw(built: House):
    owner = await built.organization()
    await furnish(built, owner)
    sales = bound(owner, "sales")
    signed = await playbooks.sign(built.service, sales, Signoff("q4", "sales", 1, "Ann"))
    assert (signed.created, signed.value) == (True, Signoff("q4", "sales", 1, "Ann"))
    await playbooks.publish(built.service, owner, "q4")
    with pytest.raises(OldRevisionError):
        await playbooks.sign(built.service, sales, Signoff("q4", "sales", 1, "Ann"))
    await playbooks.withdraw(built.service, sales, "signoff", "q4", "sales")
    with pytest.raises(NotFoundError, match="no signoff"):
        await playbooks.withdraw(built.service, sales, "signoff", "q4", "sales")
    with pytest.raises(NotFoundError, match="'q4'"):
        await playbooks.withdraw(built.service, sales, "signoff", "q5", "sales")


async def test_a_team_accepts_and_declines_its_own_part(built: House):
    owner = await built.organization()
    await furnish(built, owner)
    for accepted, status in ((False, "declined"), (True, "accepted")):
        found = await playbooks.accept(
            built.service,
            bound(owner, "sales"),
            "win",
            "sales",
            accepted=accepted,
            by="Ann",
            note="so",
        )
        assert isinstance(found.value, Responsibility)
        assert (found.value.status, found.value.by, found.value.note) == (status, "Ann", "so")
    with pytest.raises(NotFoundError, match="'win'"):
        await playbooks.accept(built.service, owner, "wim", "sales", accepted=True, by="", note="")
    with pytest.raises(NotFoundError, match="'ops'"):
        await playbooks.accept(built.service, owner, "win", "ops", accepted=True, by="", note="")


async def test_acts_of_a_team_are_its_own(built: House):
    owner = await built.organization()
    await furnish(built, owner)
    for team, scopes, may in (
        ("marketing", {"playbook:write"}, False),
        (None, {"playbook:write"}, False),
        ("sales", {"read", "events:write"}, False),
        ("sales", {"playbook:write"}, True),
        (None, {"admin"}, True),
    ):
        actor = bound(owner, team, *scopes)
        before = await version(built, owner)
        for act in (
            playbooks.contribute(built.service, actor, Contribution("q4", "sales", actor.name)),
            playbooks.sign(built.service, actor, Signoff("q4", "sales", 1, str(team))),
            playbooks.accept(
                built.service, actor, "win", "sales", accepted=False, by=str(team), note=""
            ),
            playbooks.withdraw(built.service, actor, "contribution", "q4", "sales"),
        ):
            if may:
                await act
            else:
                with pytest.raises(ForbiddenError):
                    await act
        assert await version(built, owner) == before + (4 if may else 0)


async def test_a_bound_key_may_neither_publish_nor_close_nor_apply(built: House):
    owner = await built.organization()
    await furnish(built, owner)
    document = await playbooks.document(built.service, owner, "q4")
    for actor in (bound(owner, "sales"), bound(owner, None, "read", "events:write")):
        for act in (
            playbooks.publish(built.service, actor, "q4"),
            playbooks.close(built.service, actor, "q4"),
            playbooks.apply(
                built.service, actor, document, dry_run=True, publish=False, prune=False
            ),
        ):
            with pytest.raises(ForbiddenError):
                await act


async def test_a_document_given_back_and_applied_changes_nothing(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    document = await playbooks.document(built.service, actor, "q4")
    before = await version(built, actor)
    found = await playbooks.apply(
        built.service, actor, document, dry_run=False, publish=False, prune=False
    )
    assert found.changes == ()
    assert ("playbook", "q4") in found.unchanged
    assert await version(built, actor) == before


async def test_a_document_makes_a_whole_organization_and_publishes_when_asked(built: House):
    actor = await built.organization()
    document = render(known(), "q4")
    told = await playbooks.apply(
        built.service, actor, document, dry_run=True, publish=True, prune=False
    )
    async with built.service.database.reading() as connection:
        assert (await store.load(connection, actor.organization)).playbooks == {}
    done = await playbooks.apply(
        built.service, actor, document, dry_run=False, publish=True, prune=False
    )
    assert [(c.action, c.kind, c.key) for c in done.changes] == [
        (c.action, c.kind, c.key) for c in told.changes
    ]
    assert done.revision == 1
    async with built.service.database.reading() as connection:
        found = await store.load(connection, actor.organization)
    assert (found.playbooks["q4"].state, found.responsibilities["win/sales"].status) == (
        "published",
        "accepted",
    )
    again = await playbooks.apply(
        built.service, actor, document, dry_run=False, publish=True, prune=False
    )
    assert (again.changes, again.revision) == ((), 1)


async def test_accepting_by_document_needs_admin_and_pruning_needs_to_be_said(built: House):
    owner = await built.organization()
    document = render(known(), "q4")
    writer = bound(owner, None)
    with pytest.raises(ForbiddenError, match="admin"):
        await playbooks.apply(
            built.service, writer, document, dry_run=False, publish=False, prune=False
        )
    await playbooks.apply(built.service, owner, document, dry_run=False, publish=False, prune=False)
    bare = replace(document, objectives=(), key_results=(), responsibilities=())
    with pytest.raises(PruneNeededError):
        await playbooks.apply(
            built.service, writer, bare, dry_run=False, publish=False, prune=False
        )
    pruned = await playbooks.apply(
        built.service, writer, bare, dry_run=False, publish=False, prune=True
    )
    assert {change.action for change in pruned.changes} == {"archive"}
