"""API keys: issued once and within bounds, checked the same way whatever is wrong, revoked at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import (
    ForbiddenError,
    InvalidError,
    NotAuthenticError,
    NotFoundError,
    UnavailableError,
)
from app.security import vault
from app.security.vault import Vault
from app.services.access import api_keys as keys
from app.services.access import organizations
from app.services.access.api_keys import IssueKey
from app.store.access import api_keys as kept
from app.store.access.api_keys import ApiKey
from tests.support.services import NOW, House, furnish

READ = frozenset({"read"})
SECOND = timedelta(seconds=1)


async def refused(built: House, presented: str) -> bool:
    """Whether the key is refused, in the words that say nothing."""
    try:
        await keys.authenticate(built.service, presented)
    except NotAuthenticError as error:
        return error.detail == "This needs a valid API key."
    return False


async def stored(built: House, actor: Actor, name: str) -> ApiKey:
    async with built.service.database.reading() as connection:
        found = await kept.find(connection, actor.organization, name)
    assert found is not None
    return found


async def test_a_key_says_whose_it_is_and_what_it_may(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    wanted = IssueKey("ci", frozenset({"read", "events:write"}), "sales", "billing")
    key, text = await keys.issue(built.service, actor, wanted)
    found = await keys.authenticate(built.service, text)
    assert found == Actor(actor.organization, f"ci ({key.id})", wanted.scopes, "sales", "billing")
    assert (key.scopes, key.last_four, key.created_by) == (
        ("read", "events:write"),
        text[-4:],
        "tester",
    )


async def test_whatever_is_wrong_with_a_key_is_said_in_the_same_words(built: House):
    actor = await built.organization()
    _, text = await keys.issue(built.service, actor, IssueKey("a", READ))
    stranger, other, other_secret = vault.new_api_key()
    name = text[10:21]
    forged = f"sightline_{name}{other_secret}"
    assert not await refused(built, text)
    for wrong in (
        "",
        text[:-1],
        text[:-1] + ("a" if text[-1] != "a" else "b"),
        stranger,
        forged + vault.check(forged),
    ):
        assert await refused(built, wrong)
    assert other != name


async def test_a_revoked_key_is_refused_at_once(built: House):
    actor = await built.organization()
    key, text = await keys.issue(built.service, actor, IssueKey("a", READ))
    await keys.revoke(built.service, actor, key.id)
    assert await refused(built, text)
    with pytest.raises(NotFoundError):
        await keys.revoke(built.service, actor, key.id)
    with pytest.raises(NotFoundError):
        await keys.revoke(built.service, await built.organization("other"), key.id)


async def test_a_key_expires_at_its_instant(built: House):
    actor = await built.organization()
    wanted = IssueKey("a", READ, expires_at=NOW + 2 * SECOND)
    _, text = await keys.issue(built.service, actor, wanted)
    built.clock.forward(seconds=1.999999)
    assert not await refused(built, text)
    built.clock.forward(seconds=0.000001)
    assert await refused(built, text)


async def test_another_pepper_refuses_and_a_missing_one_is_unavailable(built: House):
    actor = await built.organization()
    _, text = await keys.issue(built.service, actor, IssueKey("a", READ))
    secret_keys = built.service.vault.secret_keys
    built.service = replace(built.service, vault=Vault(secret_keys, {"p1": bytes(32)}))
    assert await refused(built, text)
    built.service = replace(built.service, vault=Vault(secret_keys, {"p2": bytes(32)}))
    with pytest.raises(UnavailableError):
        await keys.authenticate(built.service, text)


async def test_keys_outlive_a_new_pepper_while_the_old_one_is_kept(built: House):
    actor = await built.organization()
    _, old = await keys.issue(built.service, actor, IssueKey("a", READ))
    rotated = Vault(
        built.service.vault.secret_keys, {"p2": bytes(32), **built.service.vault.peppers}
    )
    built.service = replace(built.service, vault=rotated)
    key, new = await keys.issue(built.service, actor, IssueKey("b", READ))
    assert key.pepper == "p2"
    assert not await refused(built, old)
    assert not await refused(built, new)


async def test_the_last_use_is_written_at_most_once_a_minute(built: House):
    actor = await built.organization()
    key, text = await keys.issue(built.service, actor, IssueKey("a", READ))
    seen = [(await stored(built, actor, key.id)).last_used_at]
    for seconds in (0, 59, 1, 59, 61):
        built.clock.forward(seconds=seconds)
        await keys.authenticate(built.service, text)
        seen.append((await stored(built, actor, key.id)).last_used_at)
    assert seen == [None, NOW, NOW, NOW + 60 * SECOND, NOW + 60 * SECOND, NOW + 180 * SECOND]


async def test_nobody_issues_beyond_their_own(built: House):
    owner = await built.organization()
    await furnish(built, owner)
    for scopes, bound, wanted in (
        ({"read", "events:write", "playbook:write"}, None, IssueKey("a", READ)),
        ({"admin"}, "sales", IssueKey("a", READ)),
        ({"admin"}, "sales", IssueKey("a", READ, "marketing")),
        ({"read"}, None, IssueKey("a", frozenset({"admin"}))),
    ):
        with pytest.raises(ForbiddenError):
            await keys.issue(
                built.service, Actor(owner.organization, "x", frozenset(scopes), bound), wanted
            )


async def test_a_bound_key_revokes_only_keys_of_its_own_binding(built: House):
    owner = await built.organization()
    await furnish(built, owner)
    bound = Actor(owner.organization, "bound", frozenset({"admin"}), "sales")
    key, text = await keys.issue(built.service, owner, IssueKey("a", READ))
    own, _ = await keys.issue(built.service, bound, IssueKey("b", READ, "sales"))
    with pytest.raises(ForbiddenError):
        await keys.revoke(built.service, bound, key.id)
    await keys.revoke(built.service, bound, own.id)
    assert not await refused(built, text)


async def test_a_key_that_cannot_be_is_refused_with_everything_that_is_wrong(built: House):
    actor = await built.organization()
    await furnish(built, actor)
    with pytest.raises(InvalidError) as wrong:
        await keys.issue(built.service, actor, IssueKey("a", frozenset(), "sale", "biling", NOW))
    assert {fault.pointer for fault in wrong.value.faults} == {
        "/scopes",
        "/expires_at",
        "/team",
        "/source",
    }
    assert "'sales'" in wrong.value.faults[2].detail
    with pytest.raises(InvalidError):
        await keys.issue(built.service, actor, IssueKey("a", frozenset({"everything"})))


async def test_the_operator_issues_any_key_by_their_own_hand(built: House):
    actor = await built.organization()
    identity = await organizations.find(built.service, "acme")
    key, text = await keys.issue(
        built.service, keys.operator(identity), IssueKey("rescue", frozenset({"admin"}))
    )
    assert key.created_by == "operator"
    assert (await keys.authenticate(built.service, text)).organization == actor.organization
