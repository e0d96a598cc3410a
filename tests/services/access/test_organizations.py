"""Organizations are made once, whole, by the operator, and found by their key."""

import pytest

from app.domain.playbook.organization import Organization, Policy
from app.domain.primitives.errors import ConflictError, InvalidError, NotFoundError
from app.services.access import api_keys as keys
from app.services.access import organizations
from app.store.playbook import configuration as store
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from tests.support.services import House


async def test_a_new_organization_has_its_policy_its_journal_and_a_key(built: House):
    text = await organizations.create(built.service, Organization("acme", "Acme", "Asia/Kolkata"))
    identity = await organizations.find(built.service, "acme")
    actor = await keys.authenticate(built.service, text)
    assert (actor.organization, actor.scopes, actor.team, actor.source) == (
        identity,
        frozenset({"admin"}),
        None,
        None,
    )
    async with built.service.database.reading() as connection:
        found = await store.load(connection, identity)
        entries = await journal.page(connection, identity, JournalFilter(), None, 9)
    assert found.organization == Organization("acme", "Acme", "Asia/Kolkata")
    assert found.policy == Policy()
    assert [(entry.kind, entry.action, entry.actor) for entry in entries] == [
        ("api_key", "create", "operator"),
        ("policy", "create", "operator"),
        ("organization", "create", "operator"),
    ]


async def test_a_key_is_taken_once(built: House):
    await built.organization("acme")
    with pytest.raises(ConflictError, match="'acme'"):
        await organizations.create(built.service, Organization("acme", "Another"))


async def test_an_organization_in_no_known_zone_is_not_made(built: House):
    with pytest.raises(InvalidError, match="Mars"):
        await organizations.create(built.service, Organization("acme", "Acme", "Mars/Olympus"))
    with pytest.raises(NotFoundError):
        await organizations.find(built.service, "acme")


async def test_an_unknown_key_names_the_nearest(built: House):
    await built.organization("acme")
    with pytest.raises(NotFoundError, match="'acme'"):
        await organizations.find(built.service, "acne")
