"""API keys are stored, listed and revoked, and public ids belong to one organization."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import ConflictError
from app.store.access import api_keys as api_keys_store
from app.store.access import directory
from app.store.access.api_keys import StoredApiKey
from tests.support.service_harness import NOW, ServiceHarness

MINUTE = timedelta(minutes=1)


def make_api_key(name: str, **overrides: object) -> StoredApiKey:
    base_key = StoredApiKey(
        id=name,
        name=name,
        digest="d" * 64,
        pepper="p1",
        last_four="abcd",
        scopes=("read", "events:write"),
        team=None,
        source=None,
        created_at=NOW,
        created_by="tester",
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
    )
    return replace(base_key, **overrides)  # type: ignore[arg-type]  # any field of a key


async def add_keys(harness: ServiceHarness, actor: Actor, *api_keys: StoredApiKey) -> None:
    async with harness.service.database.write_transaction() as writer:
        for api_key in api_keys:
            await api_keys_store.add_api_key(writer, actor.organization, api_key)


async def test_a_stored_key_is_found_unchanged(harness: ServiceHarness):
    actor = await harness.create_organization()
    stored_key = make_api_key("a", team="sales", source="billing", expires_at=NOW + MINUTE)
    await add_keys(harness, actor, stored_key)
    async with harness.service.database.read_transaction() as reader:
        assert await directory.find_organization(reader, "api_key", "a") == actor.organization
        assert await api_keys_store.find_api_key(reader, actor.organization, "a") == stored_key
        assert await api_keys_store.find_api_key(reader, actor.organization, "b") is None


async def test_a_public_id_belongs_to_one_organization_alone(harness: ServiceHarness):
    first_actor = await harness.create_organization("one")
    other_actor = await harness.create_organization("other")
    await add_keys(harness, first_actor, make_api_key("a"))
    with pytest.raises(ConflictError, match="'a'"):
        await add_keys(harness, other_actor, make_api_key("a"))
    async with harness.service.database.read_transaction() as reader:
        assert await directory.find_organization(reader, "api_key", "a") == first_actor.organization
        assert await directory.find_organization(reader, "hook", "a") is None
        assert await api_keys_store.find_api_key(reader, other_actor.organization, "a") is None
        assert [
            public_id for public_id, _ in await directory.list_public_ids(reader, "organization")
        ] == [
            "one",
            "other",
        ]


async def test_pages_are_oldest_first_and_without_the_revoked(harness: ServiceHarness):
    actor = await harness.create_organization()
    async with harness.service.database.read_transaction() as connection:
        initial_ids = [
            listed_key.id
            for listed_key in await api_keys_store.list_api_keys(
                connection, actor.organization, None, 9
            )
        ]
    times = {"d": 1, "b": 2, "c": 2, "a": 3, "gone": 2}
    await add_keys(
        harness,
        actor,
        *(make_api_key(name, created_at=NOW + minutes * MINUTE) for name, minutes in times.items()),
    )
    async with harness.service.database.write_transaction() as connection:
        assert await api_keys_store.revoke_api_key(connection, actor.organization, "gone", NOW)
        assert not await api_keys_store.revoke_api_key(connection, actor.organization, "gone", NOW)
        assert not await api_keys_store.revoke_api_key(
            connection, actor.organization, "nobody", NOW
        )
    for limit in (1, 2, 9):
        listed_keys: list[StoredApiKey] = []
        async with harness.service.database.read_transaction() as connection:
            while True:
                after = (listed_keys[-1].created_at, listed_keys[-1].id) if listed_keys else None
                page = await api_keys_store.list_api_keys(
                    connection, actor.organization, after, limit
                )
                listed_keys += page
                if len(page) < limit:
                    break
        assert [listed_key.id for listed_key in listed_keys] == [*initial_ids, "d", "b", "c", "a"]


async def test_the_last_use_is_stored(harness: ServiceHarness):
    first_actor = await harness.create_organization("one")
    other_actor = await harness.create_organization("other")
    await add_keys(harness, first_actor, make_api_key("a"))
    async with harness.service.database.write_transaction() as writer:
        await api_keys_store.update_last_use(writer, other_actor.organization, "a", NOW)
    async with harness.service.database.write_transaction() as writer:
        await api_keys_store.update_last_use(writer, first_actor.organization, "a", NOW + MINUTE)
        stored_key = await api_keys_store.find_api_key(writer, first_actor.organization, "a")
    assert stored_key is not None
    assert stored_key.last_used_at == NOW + MINUTE
