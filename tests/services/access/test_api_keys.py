"""API keys: limits on issuing, one answer to every invalid key, and revocation."""

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
from app.services.access import api_keys as api_keys_service
from app.services.access import authentication, organizations
from app.services.access.api_keys import IssueKey
from app.store.access import api_keys as api_keys_store
from app.store.access.api_keys import StoredApiKey
from tests.support.service_harness import NOW, ServiceHarness

READ = frozenset({"read"})
SECOND = timedelta(seconds=1)


async def is_refused(harness: ServiceHarness, presented: str) -> bool:
    """Return whether the key is refused with the message that tells no reason."""
    try:
        await authentication.authenticate_key(harness.service, presented)
    except NotAuthenticError as error:
        return error.detail == "This needs a valid API key."
    return False


async def load_key(harness: ServiceHarness, actor: Actor, name: str) -> StoredApiKey:
    async with harness.service.database.read_transaction() as reader:
        stored_key = await api_keys_store.find_api_key(reader, actor.organization, name)
    assert stored_key is not None
    return stored_key


async def test_a_key_identifies_its_organization_and_scopes(harness: ServiceHarness, actor: Actor):
    key_request = IssueKey("ci", frozenset({"read", "events:write"}), "sales", "billing")
    issued_key, text = await api_keys_service.issue_key(harness.service, actor, key_request)
    authenticated_actor = await authentication.authenticate_key(harness.service, text)
    assert authenticated_actor == Actor(
        actor.organization, f"ci ({issued_key.id})", key_request.scopes, "sales", "billing"
    )
    assert (issued_key.scopes, issued_key.last_four, issued_key.created_by) == (
        ("read", "events:write"),
        text[-4:],
        "tester",
    )


async def test_every_invalid_key_is_rejected_with_the_same_message(harness: ServiceHarness):
    actor = await harness.create_organization()
    _, text = await api_keys_service.issue_key(harness.service, actor, IssueKey("a", READ))
    unknown_key, other_name, other_secret = vault.generate_api_key()
    public_part = text[10:21]
    forged = f"sightline_{public_part}{other_secret}"
    assert not await is_refused(harness, text)
    for invalid_key in (
        "",
        text[:-1],
        text[:-1] + ("a" if text[-1] != "a" else "b"),
        unknown_key,
        forged + vault.compute_checksum(forged),
    ):
        assert await is_refused(harness, invalid_key)
    assert other_name != public_part


async def test_a_revoked_key_is_refused_at_once(harness: ServiceHarness):
    actor = await harness.create_organization()
    issued_key, text = await api_keys_service.issue_key(harness.service, actor, IssueKey("a", READ))
    await api_keys_service.revoke_key(harness.service, actor, issued_key.id)
    assert await is_refused(harness, text)
    with pytest.raises(NotFoundError):
        await api_keys_service.revoke_key(harness.service, actor, issued_key.id)
    with pytest.raises(NotFoundError):
        await api_keys_service.revoke_key(
            harness.service, await harness.create_organization("other"), issued_key.id
        )


async def test_a_key_expires_at_its_instant(harness: ServiceHarness):
    actor = await harness.create_organization()
    key_request = IssueKey("a", READ, expires_at=NOW + 2 * SECOND)
    _, text = await api_keys_service.issue_key(harness.service, actor, key_request)
    harness.clock.advance(seconds=1.999999)
    assert not await is_refused(harness, text)
    harness.clock.advance(seconds=0.000001)
    assert await is_refused(harness, text)


async def test_a_key_is_refused_with_another_pepper_and_unavailable_without_its_pepper(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    _, text = await api_keys_service.issue_key(harness.service, actor, IssueKey("a", READ))
    secret_keys = harness.service.vault.secret_keys
    harness.service = replace(harness.service, vault=Vault(secret_keys, {"p1": bytes(32)}))
    assert await is_refused(harness, text)
    harness.service = replace(harness.service, vault=Vault(secret_keys, {"p2": bytes(32)}))
    with pytest.raises(UnavailableError):
        await authentication.authenticate_key(harness.service, text)


async def test_keys_remain_valid_after_a_new_pepper_while_the_old_one_is_configured(
    harness: ServiceHarness,
):
    actor = await harness.create_organization()
    _, old_key = await api_keys_service.issue_key(harness.service, actor, IssueKey("a", READ))
    rotated = Vault(
        harness.service.vault.secret_keys, {"p2": bytes(32), **harness.service.vault.peppers}
    )
    harness.service = replace(harness.service, vault=rotated)
    key, new_key = await api_keys_service.issue_key(harness.service, actor, IssueKey("b", READ))
    assert key.pepper == "p2"
    assert not await is_refused(harness, old_key)
    assert not await is_refused(harness, new_key)


async def test_the_last_use_is_written_at_most_once_a_minute(harness: ServiceHarness):
    actor = await harness.create_organization()
    issued_key, text = await api_keys_service.issue_key(harness.service, actor, IssueKey("a", READ))
    last_uses = [(await load_key(harness, actor, issued_key.id)).last_used_at]
    for seconds in (0, 59, 1, 59, 61):
        harness.clock.advance(seconds=seconds)
        await authentication.authenticate_key(harness.service, text)
        last_uses.append((await load_key(harness, actor, issued_key.id)).last_used_at)
    assert last_uses == [None, NOW, NOW, NOW + 60 * SECOND, NOW + 60 * SECOND, NOW + 180 * SECOND]


async def test_a_key_cannot_issue_more_than_its_own_permissions(
    harness: ServiceHarness, owner: Actor
):
    for scopes, bound, key_request in (
        ({"read", "events:write", "playbook:write"}, None, IssueKey("a", READ)),
        ({"admin"}, "sales", IssueKey("a", READ)),
        ({"admin"}, "sales", IssueKey("a", READ, "marketing")),
        ({"read"}, None, IssueKey("a", frozenset({"admin"}))),
    ):
        with pytest.raises(ForbiddenError):
            await api_keys_service.issue_key(
                harness.service,
                Actor(owner.organization, "x", frozenset(scopes), bound),
                key_request,
            )


async def test_a_bound_key_revokes_only_keys_of_its_own_binding(
    harness: ServiceHarness, owner: Actor
):
    bound = Actor(owner.organization, "bound", frozenset({"admin"}), "sales")
    key, text = await api_keys_service.issue_key(harness.service, owner, IssueKey("a", READ))
    own_key, _ = await api_keys_service.issue_key(
        harness.service, bound, IssueKey("b", READ, "sales")
    )
    with pytest.raises(ForbiddenError):
        await api_keys_service.revoke_key(harness.service, bound, key.id)
    await api_keys_service.revoke_key(harness.service, bound, own_key.id)
    assert not await is_refused(harness, text)


async def test_an_invalid_key_request_is_rejected_with_all_faults(
    harness: ServiceHarness, actor: Actor
):
    with pytest.raises(InvalidError) as exception_info:
        await api_keys_service.issue_key(
            harness.service, actor, IssueKey("a", frozenset(), "sale", "biling", NOW)
        )
    assert {fault.pointer for fault in exception_info.value.faults} == {
        "/scopes",
        "/expires_at",
        "/team",
        "/source",
    }
    assert "'sales'" in exception_info.value.faults[2].detail
    with pytest.raises(InvalidError):
        await api_keys_service.issue_key(
            harness.service, actor, IssueKey("a", frozenset({"everything"}))
        )


async def test_the_operator_can_issue_any_key(harness: ServiceHarness):
    actor = await harness.create_organization()
    identity = await organizations.find_organization(harness.service, "acme")
    issued_key, text = await api_keys_service.issue_key(
        harness.service,
        api_keys_service.operator_actor(identity),
        IssueKey("rescue", frozenset({"admin"})),
    )
    assert issued_key.created_by == "operator"
    assert (
        await authentication.authenticate_key(harness.service, text)
    ).organization == actor.organization
