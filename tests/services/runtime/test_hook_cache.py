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
from app.services.runtime.hook_cache import LASTS, Hooked, Hooks
from app.services.sources import sources
from tests.flows.test_deliveries import DAY, connect, deliver
from tests.support.services import NOW, House, created, house
from tests.support.statements import executed

OTHER = UUID(int=2)
HOOKED = Hooked(
    UUID(int=1), Source("crm", "CRM", "hubspot"), (("new", None), ("old", NOW + DAY)), NOW
)


def test_a_hook_is_known_for_some_seconds():
    hooks = Hooks()
    hooks.keep("h", HOOKED, hooks.changes)
    assert hooks.find("h", NOW + LASTS - timedelta(microseconds=1)) is HOOKED
    assert hooks.find("h", NOW + LASTS) is None
    assert hooks.find("h", NOW - timedelta(seconds=1)) is None
    assert hooks.find("other", NOW) is None


def test_a_secret_is_taken_until_its_end_and_no_longer():
    assert HOOKED.live(NOW) == ("new", "old")
    assert HOOKED.live(NOW + DAY) == ("new",)


def test_what_changed_is_read_anew_and_does_not_come_back_by_a_reading_that_was_under_way():
    hooks = Hooks()
    before = hooks.changes
    hooks.keep("h", HOOKED, before)
    hooks.keep("o", replace(HOOKED, organization=OTHER), before)
    hooks.drop(HOOKED.organization)
    hooks.keep("h", HOOKED, before)
    assert hooks.find("h", NOW) is None
    assert hooks.find("o", NOW) is not None
    hooks.keep("h", HOOKED, hooks.changes)
    assert hooks.find("h", NOW) is HOOKED


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hooked, "MOST", 3)
    hooks = Hooks()
    for number in range(5):
        hooks.keep(str(number), HOOKED, hooks.changes)
    assert [number for number in range(5) if hooks.find(str(number), NOW)] == [2, 3, 4]


async def test_a_known_hook_is_not_asked_for(built: House):
    _, hook = await connect(built)
    await deliver(built, hook, [created(1, NOW - DAY)])
    with executed(built.service.database) as said:
        await deliver(built, hook, [created(2, NOW - DAY)])
    assert not any("directory" in one or "hook.secrets" in one for one in said)


async def test_a_secret_that_was_replaced_is_refused_at_once_here(built: House):
    actor, hook = await connect(built)
    await deliver(built, hook, [created(1, NOW - DAY)])
    await put(built, actor, "the-new-client-secret")
    with pytest.raises(NotAuthenticError):
        await deliver(built, hook, [created(2, NOW - DAY)])
    assert (
        await deliver(built, hook, [created(2, NOW - DAY)], secret="the-new-client-secret")
    ).state == "processed"


async def test_a_source_that_was_archived_is_refused_at_once_here(built: House):
    actor, hook = await connect(built)
    await deliver(built, hook, [created(1, NOW - DAY)])
    await configuration.archive(built.service, actor, "source", "hubspot")
    with pytest.raises(NotAuthenticError):
        await deliver(built, hook, [created(2, NOW - DAY)])


async def test_what_another_process_changed_holds_within_seconds(built: House, database_url: str):
    actor, hook = await connect(built)
    await deliver(built, hook, [created(1, NOW - DAY)])
    async with house(database_url) as other:
        await put(other, actor, "the-new-client-secret")
    assert (await deliver(built, hook, [created(2, NOW - DAY)])).state == "processed"
    built.clock.forward(seconds=LASTS.total_seconds())
    with pytest.raises(NotAuthenticError):
        await deliver(built, hook, [created(3, NOW - DAY)])


async def put(built: House, actor: Actor, secret: str) -> None:
    source = Source("hubspot", "HubSpot", "hubspot", "4242001", "marketing")
    await sources.put(built.service, actor, source, secret)


def test_it_lasts_no_longer_than_security_allows():
    assert timedelta(seconds=30) >= LASTS
