"""Organizations: made by the operator, never over HTTP."""

from uuid import UUID

from app.domain.configuration import Configuration, changes
from app.domain.errors import NotFoundError, unknown
from app.domain.rules import put
from app.domain.teams import Organization
from app.flows import keys
from app.flows.keys import IssueKey
from app.flows.service import Service
from app.store import configuration, cursor, ids
from app.store import keys as directory


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
        position = await cursor.advance(connection, identity, now, organization.time_zone, catalogue=True)
        await configuration.save(connection, identity, position, "operator", changes(empty, full))
        wanted = IssueKey("first admin key", frozenset({"admin"}))
        _, text = await keys.issue_within(service, connection, keys.operator(identity), wanted)
    return text


async def find(service: Service, key: str) -> UUID:
    """The identity of the organization with that key. Raises: NotFoundError naming the nearest known one."""
    async with service.database.reading() as connection:
        identity = await directory.owner(connection, "organization", key)
        if identity is None:
            known = [name for name, _ in await directory.owners(connection, "organization")]
            raise NotFoundError(unknown("organization", key, known))
    return identity
