"""Organizations: made by the operator, never over HTTP."""

from collections.abc import Callable
from typing import Final
from uuid import UUID

from app.domain.playbook.configuration import Configuration, changes
from app.domain.playbook.organization import Organization
from app.domain.playbook.validation import put
from app.domain.primitives.errors import NotFoundError, unknown
from app.security import identifiers as ids
from app.services.access import api_keys as keys
from app.services.access.api_keys import IssueKey
from app.services.runtime.context import Service
from app.store.access import api_keys as directory
from app.store.access import organization_version as cursor
from app.store.operations import organization_deletion as removal
from app.store.operations import privileges as owner
from app.store.playbook import configuration

AT_ONCE: Final = 10_000


async def create(service: Service, organization: Organization) -> str:
    """A new organization with the default policy; returns its first admin API key.

    Raises: ConflictError, InvalidError.
    """
    now = service.clock()
    empty = Configuration({}, policies={})
    full = put(Configuration({organization.key: organization}), organization)
    identity = ids.uuid7(now)
    async with service.database.writing() as connection:
        await directory.enter(connection, "organization", organization.key, identity)
        await cursor.begin(connection, identity, now, organization.time_zone)
        position = await cursor.advance(
            connection, identity, now, organization.time_zone, catalogue=True
        )
        await configuration.save(connection, identity, position, "operator", changes(empty, full))
        wanted = IssueKey("first admin key", frozenset({"admin"}))
        _, text = await keys.issue_within(service, connection, keys.operator(identity), wanted)
    return text


async def delete(service: Service, key: str, note: Callable[[int], None]) -> int:
    """Nothing is left of the organization; returns how many rows went.

    Done in steps, each a transaction: its keys and hooks stop at once, and whoever is interrupted deletes again.
    Shape: `note` is told how many rows have gone so far. Raises: NotFoundError; ConflictError for all but the owner.
    """
    identity, gone = await find(service, key), 0
    async with service.database.writing() as connection:
        await owner.require_owner(connection)
        await removal.close_doors(connection, identity)
    service.hooks.drop(identity)
    for table in removal.tables():
        left = True
        while left:
            async with service.database.writing() as connection:
                some = await removal.remove(connection, identity, table, AT_ONCE)
            gone += some
            note(gone)
            left = some == AT_ONCE
    async with service.database.writing() as connection:
        await cursor.hold(
            connection, identity
        )  # what was under way when the doors were closed is done, and goes too
        return gone + await removal.forget(connection, identity)


async def find(service: Service, key: str) -> UUID:
    """The identity of the organization with that key. Raises: NotFoundError naming the nearest known one."""
    async with service.database.reading() as connection:
        identity = await directory.owner(connection, "organization", key)
        if identity is None:
            known = [name for name, _ in await directory.owners(connection, "organization")]
            raise NotFoundError(unknown("organization", key, known))
    return identity
