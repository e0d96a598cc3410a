"""The operator's care for the roll-ups: are they what the events say, and make them so."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from app.domain.metrics import Matcher
from app.flows.service import Service
from app.store import configuration, cursor, deliveries, keys, rebuild
from app.store.database import Connection
from app.store.rebuild import Rebuilt


async def organizations(service: Service) -> Sequence[tuple[str, UUID]]:
    """Every organization's key and identity, by key."""
    async with service.database.reading() as connection:
        return await keys.owners(connection, "organization")


async def differences(service: Service, organization: UUID) -> Mapping[str, int]:
    """How many rows of each roll-up, and how many matched sets, are not as the events say."""
    async with service.database.reading() as connection:
        rebuilt = await _recompute(connection, organization)
        return await rebuild.differences(connection, organization, rebuilt)


async def restore(service: Service, organization: UUID) -> tuple[int, Mapping[str, int]]:
    """The roll-ups are as the events say; how many events were read, and what differed until now."""
    now = service.clock()
    async with service.database.writing() as connection:
        zone = await cursor.zone(connection, organization)
        # Nothing is recorded while the cursor's row is locked, and the new version makes kept answers stale.
        await cursor.advance(connection, organization, now, zone, catalogue=True)
        rebuilt = await _recompute(connection, organization)
        found = await rebuild.differences(connection, organization, rebuilt)
        if any(found.values()):
            await rebuild.replace(connection, organization, rebuilt)
        else:
            await connection.rollback()
    return rebuilt.events, found


async def trim(service: Service, organization: UUID, days: int) -> int:
    """Raw bodies of deliveries older than that are kept no longer; what they said stands. Returns how many went."""
    async with service.database.writing() as connection:
        return await deliveries.empty_bodies(connection, organization, service.clock() - timedelta(days=days))


async def _recompute(connection: Connection, organization: UUID) -> Rebuilt:
    known = await configuration.load(connection, organization, ("organization", "metric"))
    return await rebuild.recompute(connection, organization, Matcher(known.metrics))
