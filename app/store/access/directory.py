"""The directory: finds the organization of a public id."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives.errors import ConflictError
from app.store.tables.access import DirectoryRow
from app.store.tables.base import get_table

directory_table = get_table(DirectoryRow)


async def add_public_id(
    connection: AsyncConnection, kind: str, public_id: str, organization_id: UUID
) -> None:
    """Add a public id of an organization. Raises: ConflictError when the id exists already."""
    try:
        await connection.execute(
            insert(directory_table).values(kind=kind, id=public_id, organization_id=organization_id)
        )
    except IntegrityError as error:
        raise ConflictError(f"There is already an {kind} '{public_id}'.") from error


async def remove_public_id(
    connection: AsyncConnection, kind: str, public_id: str, organization_id: UUID
) -> None:
    """Remove a public id of an organization, if it exists."""
    where = (
        directory_table.c.kind == kind,
        directory_table.c.id == public_id,
        directory_table.c.organization_id == organization_id,
    )
    await connection.execute(delete(directory_table).where(*where))


async def find_organization(connection: AsyncConnection, kind: str, public_id: str) -> UUID | None:
    """Return the organization of a public id, or None when there is no such id."""
    statement = select(directory_table.c.organization_id).where(
        directory_table.c.kind == kind, directory_table.c.id == public_id
    )
    organization_id: UUID | None = (await connection.execute(statement)).scalar_one_or_none()
    return organization_id


async def list_public_ids(connection: AsyncConnection, kind: str) -> Sequence[tuple[str, UUID]]:
    """Return all public ids of a kind with their organizations, sorted by id."""
    statement = (
        select(directory_table.c.id, directory_table.c.organization_id)
        .where(directory_table.c.kind == kind)
        .order_by(directory_table.c.id)
    )
    return [
        (public_id, organization_id)
        for public_id, organization_id in await connection.execute(statement)
    ]
