"""The hooks of sources, their encrypted secrets, and the values that mappings do not cover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql.dialect import is_embedded
from app.store.tables.base import get_table
from app.store.tables.sources import HookRow, UnmappedRow

hook_table = get_table(HookRow)
unmapped_table = get_table(UnmappedRow)
CHUNK_SIZE: Final = 1_000  # PostgreSQL allows 32,767 parameters in a statement


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """An encrypted secret of a hook."""

    ciphertext: str
    # None for the current secret.
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class StoredHook:
    """The inbound webhook of a source."""

    source: str
    hook_id: str
    # Newest first.
    secrets: tuple[SealedSecret, ...]
    generation: int = 1


async def find_hook_of_source(
    connection: AsyncConnection, organization_id: UUID, source: str
) -> StoredHook | None:
    """Load the hook of a source. Return None when it has none."""
    return await _load_hook(connection, organization_id, hook_table.c.source == source)


async def load_hook_ids(connection: AsyncConnection, organization_id: UUID) -> Mapping[str, str]:
    """Return the hook ids of the organization, by source."""
    statement = select(hook_table.c.source, hook_table.c.hook_id).where(
        hook_table.c.organization_id == organization_id
    )
    return {source: str(hook_id) for source, hook_id in await connection.execute(statement)}


async def find_hook(
    connection: AsyncConnection, organization_id: UUID, hook_id: str
) -> StoredHook | None:
    """Load a hook by its id. Return None when the organization has no such hook."""
    return await _load_hook(connection, organization_id, hook_table.c.hook_id == hook_id)


async def _load_hook(
    connection: AsyncConnection, organization_id: UUID, condition: ColumnElement[bool]
) -> StoredHook | None:
    statement = select(hook_table).where(hook_table.c.organization_id == organization_id, condition)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    secrets = [
        SealedSecret(
            secret["text"],
            None if secret["until"] is None else datetime.fromisoformat(secret["until"]),
        )
        for secret in row["secrets"]
    ]
    return StoredHook(row["source"], row["hook_id"], tuple(secrets), row["generation"])


async def note_rejection(
    connection: AsyncConnection, organization_id: UUID, source: str, refused_at: datetime
) -> None:
    """Save the time of the hook's last rejected delivery."""
    where = (hook_table.c.organization_id == organization_id, hook_table.c.source == source)
    await connection.execute(update(hook_table).where(*where).values(refused_at=refused_at))


async def save_hook(connection: AsyncConnection, organization_id: UUID, hook: StoredHook) -> None:
    """Save a hook and its secrets."""
    secrets = [
        {
            "text": sealed.ciphertext,
            "until": None if sealed.valid_until is None else sealed.valid_until.isoformat(),
        }
        for sealed in hook.secrets
    ]
    stored_hook = await find_hook_of_source(connection, organization_id, hook.source)
    if stored_hook is None:
        columns = {
            "source": hook.source,
            "hook_id": hook.hook_id,
            "secrets": secrets,
            "generation": 1,
        }
        await connection.execute(
            insert(hook_table).values(organization_id=organization_id, **columns)
        )
        return
    where = (hook_table.c.organization_id == organization_id, hook_table.c.source == hook.source)
    await connection.execute(update(hook_table).where(*where).values(secrets=secrets))


async def load_generation(connection: AsyncConnection, organization_id: UUID, source: str) -> int:
    """Return the generation of changes that the source's deals are projected from."""
    where = (hook_table.c.organization_id == organization_id, hook_table.c.source == source)
    number = (
        await connection.execute(select(hook_table.c.generation).where(*where))
    ).scalar_one_or_none()
    return 1 if number is None else int(number)


async def begin_generation(
    connection: AsyncConnection, organization_id: UUID, source: str, generation: int
) -> None:
    """Set the generation of changes that the source's deals are projected from."""
    where = (hook_table.c.organization_id == organization_id, hook_table.c.source == source)
    await connection.execute(update(hook_table).where(*where).values(generation=generation))


async def save_unmapped_values(
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    pairs_by_entity: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    """Replace the unmapped values of these entities."""
    where = (
        unmapped_table.c.organization_id == organization_id,
        unmapped_table.c.source == source,
    )
    entities = sorted(pairs_by_entity)
    for start in range(0, len(entities), CHUNK_SIZE):
        await connection.execute(
            delete(unmapped_table).where(
                *where, unmapped_table.c.entity.in_(entities[start : start + CHUNK_SIZE])
            )
        )
    rows = [
        {
            "organization_id": organization_id,
            "source": source,
            "entity": entity,
            "property": property_name,
            "value": unmapped_value[:512],
        }
        for entity, pairs in sorted(pairs_by_entity.items())
        for property_name, unmapped_value in sorted(set(pairs))
    ]
    if rows:
        insertion = (sqlite.insert if is_embedded(connection) else postgresql.insert)(
            unmapped_table
        )
        await connection.execute(insertion.on_conflict_do_nothing(), rows)
