"""API keys as they are kept, and the directory from public ids to organizations."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.access.actor import Actor
from app.domain.primitives.errors import ConflictError
from app.store.access import api_keys as keys
from app.store.access.api_keys import ApiKey
from tests.support.services import NOW, House

MINUTE = timedelta(minutes=1)


def key(name: str, **more: object) -> ApiKey:
    plain = ApiKey(
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
    return replace(plain, **more)  # type: ignore[arg-type]  # any of a key's fields


async def add(built: House, actor: Actor, *found: ApiKey) -> None:
    async with built.service.database.writing() as connection:
        for one in found:
            await keys.add(connection, actor.organization, one)


async def test_a_key_is_found_as_it_was_kept(built: House):
    actor = await built.organization()
    kept = key("a", team="sales", source="billing", expires_at=NOW + MINUTE)
    await add(built, actor, kept)
    async with built.service.database.reading() as connection:
        assert await keys.owner(connection, "api_key", "a") == actor.organization
        assert await keys.find(connection, actor.organization, "a") == kept
        assert await keys.find(connection, actor.organization, "b") is None


async def test_a_public_id_belongs_to_one_organization_alone(built: House):
    one, other = await built.organization("one"), await built.organization("other")
    await add(built, one, key("a"))
    with pytest.raises(ConflictError, match="'a'"):
        await add(built, other, key("a"))
    async with built.service.database.reading() as connection:
        assert await keys.owner(connection, "api_key", "a") == one.organization
        assert await keys.owner(connection, "hook", "a") is None
        assert await keys.find(connection, other.organization, "a") is None
        assert [name for name, _ in await keys.owners(connection, "organization")] == [
            "one",
            "other",
        ]


async def test_pages_are_oldest_first_and_without_the_revoked(built: House):
    actor = await built.organization()
    async with built.service.database.reading() as connection:
        first = [one.id for one in await keys.page(connection, actor.organization, None, 9)]
    times = {"d": 1, "b": 2, "c": 2, "a": 3, "gone": 2}
    await add(
        built,
        actor,
        *(key(name, created_at=NOW + minutes * MINUTE) for name, minutes in times.items()),
    )
    async with built.service.database.writing() as connection:
        assert await keys.revoke(connection, actor.organization, "gone", NOW)
        assert not await keys.revoke(connection, actor.organization, "gone", NOW)
        assert not await keys.revoke(connection, actor.organization, "nobody", NOW)
    for limit in (1, 2, 9):
        found: list[ApiKey] = []
        async with built.service.database.reading() as connection:
            while True:
                after = (found[-1].created_at, found[-1].id) if found else None
                page = await keys.page(connection, actor.organization, after, limit)
                found += page
                if len(page) < limit:
                    break
        assert [one.id for one in found] == [*first, "d", "b", "c", "a"]


async def test_the_last_use_is_kept(built: House):
    one, other = await built.organization("one"), await built.organization("other")
    await add(built, one, key("a"))
    async with built.service.database.writing() as connection:
        await keys.used(connection, other.organization, "a", NOW)
    async with built.service.database.writing() as connection:
        await keys.used(connection, one.organization, "a", NOW + MINUTE)
        found = await keys.find(connection, one.organization, "a")
    assert found is not None
    assert found.last_used_at == NOW + MINUTE
