"""The queue of organizations with a pending restatement, stored in the directory."""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.access import directory

QUEUE_KIND: Final = "restatement"


async def enqueue_organization(connection: AsyncConnection, organization_id: UUID) -> None:
    """Add an organization to the queue, once."""
    await dequeue_organization(connection, organization_id)
    await directory.add_public_id(connection, QUEUE_KIND, str(organization_id), organization_id)


async def dequeue_organization(connection: AsyncConnection, organization_id: UUID) -> None:
    """Remove an organization from the queue, if it is in it."""
    await directory.remove_public_id(connection, QUEUE_KIND, str(organization_id), organization_id)


async def list_queued_organizations(connection: AsyncConnection) -> list[UUID]:
    """Return all organizations of the queue."""
    entries = await directory.list_public_ids(connection, QUEUE_KIND)
    return [organization_id for _, organization_id in entries]
