"""API keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.access.directory import add_public_id
from app.store.tables.access import ApiKeyRow
from app.store.tables.base import get_table

api_key_table = get_table(ApiKeyRow)


@dataclass(frozen=True, slots=True)
class StoredApiKey:
    """An API key as it is stored: its digest instead of the key."""

    id: str
    name: str
    digest: str
    pepper: str
    last_four: str
    scopes: tuple[str, ...]
    # The team and the source that the key is bound to, if any.
    team: str | None
    source: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


async def add_api_key(
    connection: AsyncConnection, organization_id: UUID, key: StoredApiKey
) -> None:
    """Save an API key, and its public id in the directory."""
    await add_public_id(connection, "api_key", key.id, organization_id)
    columns = {column_name: getattr(key, column_name) for column_name in StoredApiKey.__slots__}
    await connection.execute(
        insert(api_key_table).values(
            organization_id=organization_id, **{**columns, "scopes": list(key.scopes)}
        )
    )


async def find_api_key(
    connection: AsyncConnection, organization_id: UUID, key_id: str
) -> StoredApiKey | None:
    """Load an API key, revoked or not. Return None when the organization has no such key."""
    statement = select(api_key_table).where(
        api_key_table.c.organization_id == organization_id, api_key_table.c.id == key_id
    )
    row = (await connection.execute(statement)).mappings().one_or_none()
    return None if row is None else _to_api_key(row)


async def list_api_keys(
    connection: AsyncConnection,
    organization_id: UUID,
    after_position: tuple[datetime, str] | None,
    limit: int,
) -> list[StoredApiKey]:
    """Return at most `limit` keys that are not revoked, oldest first, after a position."""
    statement = select(api_key_table).where(
        api_key_table.c.organization_id == organization_id, api_key_table.c.revoked_at.is_(None)
    )
    if after_position is not None:
        created_at, key_id = after_position
        is_tie_after = (api_key_table.c.created_at == created_at) & (api_key_table.c.id > key_id)
        statement = statement.where(or_(api_key_table.c.created_at > created_at, is_tie_after))
    statement = statement.order_by(api_key_table.c.created_at, api_key_table.c.id).limit(limit)
    return [_to_api_key(row) for row in (await connection.execute(statement)).mappings()]


async def revoke_api_key(
    connection: AsyncConnection, organization_id: UUID, key_id: str, now: datetime
) -> bool:
    """Revoke an API key. Return False when it does not exist or is revoked already."""
    revocation = (
        update(api_key_table)
        .where(
            api_key_table.c.organization_id == organization_id,
            api_key_table.c.id == key_id,
            api_key_table.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(api_key_table.c.id)
    )
    return (await connection.execute(revocation)).scalar_one_or_none() is not None


async def update_last_use(
    connection: AsyncConnection, organization_id: UUID, key_id: str, now: datetime
) -> None:
    """Set the time of the key's last use."""
    last_use_update = update(api_key_table).where(
        api_key_table.c.organization_id == organization_id, api_key_table.c.id == key_id
    )
    await connection.execute(last_use_update.values(last_used_at=now))


def _to_api_key(row: RowMapping) -> StoredApiKey:
    columns: dict[str, Any] = {
        column_name: row[column_name] for column_name in StoredApiKey.__slots__
    }  # Any: columns of every type
    return StoredApiKey(**{**columns, "scopes": tuple(columns["scopes"])})
