"""The operator creates an organization with all that it needs, once, and finds it by its key."""

import pytest

from app.domain.playbook.organization import Organization, Policy
from app.domain.primitives.errors import ConflictError, InvalidError, NotFoundError
from app.services.access import authentication, organizations
from app.store.playbook import configuration as configuration_store
from app.store.playbook import journal
from app.store.playbook.journal import JournalFilter
from tests.support.service_harness import ServiceHarness


async def test_a_new_organization_has_its_policy_its_journal_and_a_key(harness: ServiceHarness):
    text = await organizations.create_organization(
        harness.service, Organization("acme", "Acme", "Asia/Kolkata")
    )
    identity = await organizations.find_organization(harness.service, "acme")
    actor = await authentication.authenticate_key(harness.service, text)
    assert (actor.organization, actor.scopes, actor.team, actor.source) == (
        identity,
        frozenset({"admin"}),
        None,
        None,
    )
    async with harness.service.database.read_transaction() as reader:
        stored_configuration = await configuration_store.load_configuration(reader, identity)
        entries = await journal.list_journal_records(reader, identity, JournalFilter(), None, 9)
    assert stored_configuration.organization == Organization("acme", "Acme", "Asia/Kolkata")
    assert stored_configuration.policy == Policy()
    assert [
        (journal_entry.kind, journal_entry.action, journal_entry.actor) for journal_entry in entries
    ] == [
        ("api_key", "create", "operator"),
        ("policy", "create", "operator"),
        ("organization", "create", "operator"),
    ]


async def test_an_organization_key_is_unique(harness: ServiceHarness):
    await harness.create_organization("acme")
    with pytest.raises(ConflictError, match="'acme'"):
        await organizations.create_organization(harness.service, Organization("acme", "Another"))


async def test_an_organization_with_an_unknown_time_zone_is_not_created(harness: ServiceHarness):
    with pytest.raises(InvalidError, match="Mars"):
        await organizations.create_organization(
            harness.service, Organization("acme", "Acme", "Mars/Olympus")
        )
    with pytest.raises(NotFoundError):
        await organizations.find_organization(harness.service, "acme")


async def test_an_unknown_key_is_reported_with_the_most_similar_one(harness: ServiceHarness):
    await harness.create_organization("acme")
    with pytest.raises(NotFoundError, match="'acme'"):
        await organizations.find_organization(harness.service, "acne")
