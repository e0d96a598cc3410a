"""What a process caches of hooks and API keys, and when a change takes effect."""

from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotAuthenticError
from app.domain.sources.sources import Source
from app.services.access import api_keys as api_keys_service
from app.services.access import authentication
from app.services.access.api_keys import IssueKey
from app.services.playbook import configuration as configuration_service
from app.services.runtime.cache_entries import CACHE_TTL, CachedHook
from app.services.sources import sources as sources_service
from tests.support.hubspot_source import DAY, connect_hubspot, deliver_changes
from tests.support.service_harness import NOW, ServiceHarness, make_deal_creation, open_harness
from tests.support.sql_statements import record_statements


def test_a_secret_is_accepted_until_its_end():
    hook = CachedHook(
        UUID(int=1), Source("crm", "CRM", "hubspot"), (("new", None), ("old", NOW + DAY))
    )
    assert hook.active_secrets(NOW) == ("new", "old")
    assert hook.active_secrets(NOW + DAY) == ("new",)


def test_the_ttl_is_within_the_security_limit():
    assert timedelta(seconds=30) >= CACHE_TTL


@pytest.fixture
async def connected_source(harness: ServiceHarness) -> tuple[Actor, str]:
    """An administrator, and a HubSpot hook that has accepted a delivery."""
    crm_admin, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, [make_deal_creation(1, NOW - DAY)])
    return crm_admin, hook


async def test_a_cached_hook_is_not_queried(
    harness: ServiceHarness, connected_source: tuple[Actor, str]
):
    _, hook = connected_source
    with record_statements(harness.service.database) as statements:
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])
    assert not any(
        "directory" in statement or "hook.secrets" in statement for statement in statements
    )


async def test_a_replaced_secret_is_refused_at_once_by_the_process_that_replaced_it(
    harness: ServiceHarness, connected_source: tuple[Actor, str]
):
    crm_admin, hook = connected_source
    await put_hubspot_source(harness, crm_admin, "the-new-client-secret")
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])
    receipt = await deliver_changes(
        harness, hook, [make_deal_creation(2, NOW - DAY)], secret="the-new-client-secret"
    )
    assert receipt.state == "processed"


async def test_an_archived_source_is_refused_at_once_by_the_process_that_archived_it(
    harness: ServiceHarness, connected_source: tuple[Actor, str]
):
    crm_admin, hook = connected_source
    await configuration_service.archive_resource(harness.service, crm_admin, "source", "hubspot")
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])


async def test_a_secret_that_another_process_replaced_is_refused_after_the_ttl(
    harness: ServiceHarness, database_url: str, connected_source: tuple[Actor, str]
):
    crm_admin, hook = connected_source
    async with open_harness(database_url) as other_harness:
        await put_hubspot_source(other_harness, crm_admin, "the-new-client-secret")
    receipt = await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])
    assert receipt.state == "processed"
    harness.clock.advance(seconds=CACHE_TTL.total_seconds())
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(3, NOW - DAY)])


async def test_a_revoked_key_is_refused_at_once_here_and_after_the_ttl_elsewhere(
    harness: ServiceHarness, database_url: str
):
    actor = await harness.create_organization()
    issued_key, presented = await api_keys_service.issue_key(
        harness.service, actor, IssueKey("reader", frozenset({"read"}))
    )
    async with open_harness(database_url) as other_harness:
        for service in (harness.service, other_harness.service):
            await authentication.authenticate_key(service, presented)
        await api_keys_service.revoke_key(harness.service, actor, issued_key.id)
        with pytest.raises(NotAuthenticError):
            await authentication.authenticate_key(harness.service, presented)
        await authentication.authenticate_key(other_harness.service, presented)
        other_harness.clock.advance(seconds=CACHE_TTL.total_seconds())
        with pytest.raises(NotAuthenticError):
            await authentication.authenticate_key(other_harness.service, presented)


async def put_hubspot_source(harness: ServiceHarness, actor: Actor, secret: str) -> None:
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing")
    await sources_service.put_source(harness.service, actor, source, secret)
