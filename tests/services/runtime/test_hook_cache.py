"""A hook is read once in some seconds; what this process changed of it holds at once, and within seconds elsewhere."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import NotAuthenticError
from app.domain.sources.sources import Source
from app.services.playbook import configuration
from app.services.runtime import hook_cache as hooked
from app.services.runtime.hook_cache import TTL, CachedHook, HookCache
from app.services.sources import sources
from tests.services.sources.test_inbound_webhooks import DAY, connect_hubspot, deliver_changes
from tests.support.service_harness import NOW, ServiceHarness, make_deal_creation, open_harness
from tests.support.sql_statements import record_statements

OTHER_ORGANIZATION = UUID(int=2)
CACHED_HOOK = CachedHook(
    UUID(int=1), Source("crm", "CRM", "hubspot"), (("new", None), ("old", NOW + DAY)), NOW
)


def test_a_hook_is_cached_for_some_seconds():
    hooks = HookCache()
    hooks.put("h", CACHED_HOOK, hooks.generation)
    assert hooks.get("h", NOW + TTL - timedelta(microseconds=1)) is CACHED_HOOK
    assert hooks.get("h", NOW + TTL) is None
    assert hooks.get("h", NOW - timedelta(seconds=1)) is None
    assert hooks.get("other", NOW) is None


def test_a_secret_is_accepted_until_its_end():
    assert CACHED_HOOK.active_secrets(NOW) == ("new", "old")
    assert CACHED_HOOK.active_secrets(NOW + DAY) == ("new",)


def test_an_invalidated_hook_is_not_restored_by_a_read_that_started_before():
    hooks = HookCache()
    before = hooks.generation
    hooks.put("h", CACHED_HOOK, before)
    hooks.put("o", replace(CACHED_HOOK, organization=OTHER_ORGANIZATION), before)
    hooks.invalidate(CACHED_HOOK.organization)
    hooks.put("h", CACHED_HOOK, before)
    assert hooks.get("h", NOW) is None
    assert hooks.get("o", NOW) is not None
    hooks.put("h", CACHED_HOOK, hooks.generation)
    assert hooks.get("h", NOW) is CACHED_HOOK


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hooked, "MAX_ENTRIES", 3)
    hooks = HookCache()
    for number in range(5):
        hooks.put(str(number), CACHED_HOOK, hooks.generation)
    assert [number for number in range(5) if hooks.get(str(number), NOW)] == [2, 3, 4]


async def test_a_cached_hook_is_not_queried(harness: ServiceHarness):
    _, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, [make_deal_creation(1, NOW - DAY)])
    with record_statements(harness.service.database) as statements:
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])
    assert not any(
        "directory" in statement or "hook.secrets" in statement for statement in statements
    )


async def test_a_secret_that_was_replaced_is_refused_at_once_here(harness: ServiceHarness):
    actor, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, [make_deal_creation(1, NOW - DAY)])
    await put_hubspot_source(harness, actor, "the-new-client-secret")
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])
    assert (
        await deliver_changes(
            harness, hook, [make_deal_creation(2, NOW - DAY)], secret="the-new-client-secret"
        )
    ).state == "processed"


async def test_a_source_that_was_archived_is_refused_at_once_here(harness: ServiceHarness):
    actor, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, [make_deal_creation(1, NOW - DAY)])
    await configuration.archive_resource(harness.service, actor, "source", "hubspot")
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])


async def test_a_change_by_another_process_takes_effect_within_seconds(
    harness: ServiceHarness, database_url: str
):
    actor, hook = await connect_hubspot(harness)
    await deliver_changes(harness, hook, [make_deal_creation(1, NOW - DAY)])
    async with open_harness(database_url) as other_harness:
        await put_hubspot_source(other_harness, actor, "the-new-client-secret")
    assert (
        await deliver_changes(harness, hook, [make_deal_creation(2, NOW - DAY)])
    ).state == "processed"
    harness.clock.advance(seconds=TTL.total_seconds())
    with pytest.raises(NotAuthenticError):
        await deliver_changes(harness, hook, [make_deal_creation(3, NOW - DAY)])


async def put_hubspot_source(harness: ServiceHarness, actor: Actor, secret: str) -> None:
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing")
    await sources.put_source(harness.service, actor, source, secret)


def test_the_ttl_is_within_the_security_limit():
    assert timedelta(seconds=30) >= TTL
