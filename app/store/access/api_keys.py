"""API keys and the directory: from a public id to its organization."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.primitives.errors import ConflictError
from app.store.tables.playbook import ApiKeyRow, Directory, table_of

directory = table_of(Directory)
api_key = table_of(ApiKeyRow)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without the key. None when it is not bound, or never expires, or is not revoked, or was not used."""

    id: str
    name: str
    digest: str
    pepper: str
    last_four: str
    scopes: tuple[str, ...]
    team: str | None
    source: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def enter(connection: AsyncConnection, kind: str, name: str, organization_id: UUID) -> None:
    """The directory knows whose that public id is. Raises: ConflictError when it is taken."""
    try:
        await connection.execute(
            insert(directory).values(kind=kind, id=name, organization_id=organization_id)
        )
    except IntegrityError as error:
        raise ConflictError(f"There is already an {kind} '{name}'.") from error


async def leave(connection: AsyncConnection, kind: str, name: str, organization_id: UUID) -> None:
    """The directory does not know that public id any more."""
    where = (
        directory.c.kind == kind,
        directory.c.id == name,
        directory.c.organization_id == organization_id,
    )
    await connection.execute(delete(directory).where(*where))


async def owner(connection: AsyncConnection, kind: str, name: str) -> UUID | None:
    """The organization to which a public id belongs. None when it is not known."""
    statement = select(directory.c.organization_id).where(
        directory.c.kind == kind, directory.c.id == name
    )
    found: UUID | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


async def owners(connection: AsyncConnection, kind: str) -> Sequence[tuple[str, UUID]]:
    """All public ids of a kind, by name, with their organizations."""
    statement = (
        select(directory.c.id, directory.c.organization_id)
        .where(directory.c.kind == kind)
        .order_by(directory.c.id)
    )
    return [(name, organization) for name, organization in await connection.execute(statement)]


async def add(connection: AsyncConnection, organization_id: UUID, key: ApiKey) -> None:
    """The key is known and can be found by its public id."""
    await enter(connection, "api_key", key.id, organization_id)
    values = {name: getattr(key, name) for name in ApiKey.__slots__}
    await connection.execute(
        insert(api_key).values(
            organization_id=organization_id, **{**values, "scopes": list(key.scopes)}
        )
    )


async def find(connection: AsyncConnection, organization_id: UUID, name: str) -> ApiKey | None:
    """One key, revoked or not. None when the organization has no such."""
    statement = select(api_key).where(
        api_key.c.organization_id == organization_id, api_key.c.id == name
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _key(row)


async def page(
    connection: AsyncConnection,
    organization_id: UUID,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[ApiKey]:
    """At most `limit` keys that are not revoked, oldest first, after a position."""
    statement = select(api_key).where(
        api_key.c.organization_id == organization_id, api_key.c.revoked_at.is_(None)
    )
    if after is not None:
        at, name = after
        later = (api_key.c.created_at == at) & (api_key.c.id > name)
        statement = statement.where(or_(api_key.c.created_at > at, later))
    statement = statement.order_by(api_key.c.created_at, api_key.c.id).limit(limit)
    return [_key(row) for row in (await connection.execute(statement)).mappings()]


async def revoke(
    connection: AsyncConnection, organization_id: UUID, name: str, now: datetime
) -> bool:
    """Whether that key was there and valid until now; it is revoked."""
    statement = (
        update(api_key)
        .where(
            api_key.c.organization_id == organization_id,
            api_key.c.id == name,
            api_key.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(api_key.c.id)
    )
    return (await connection.execute(statement)).scalar_one_or_none() is not None


async def used(
    connection: AsyncConnection, organization_id: UUID, name: str, now: datetime
) -> None:
    """The key's last use is now."""
    statement = update(api_key).where(
        api_key.c.organization_id == organization_id, api_key.c.id == name
    )
    await connection.execute(statement.values(last_used_at=now))


def _key(row: RowMapping) -> ApiKey:
    values: dict[str, Any] = {
        name: row[name] for name in ApiKey.__slots__
    }  # Any: columns of every type
    return ApiKey(**{**values, "scopes": tuple(values["scopes"])})
