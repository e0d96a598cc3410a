"""What a source has beside its configuration: its hook, its sealed secrets, and what it says that nobody mapped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.sql.dialect import embedded
from app.store.tables.events import UnmappedRow
from app.store.tables.playbook import HookRow, table_of

hook = table_of(HookRow)
unmapped = table_of(UnmappedRow)
CHUNK: Final = 1_000  # a statement has room for 32,767 parameters


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed secret. None when it is the current one: `until`."""

    text: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Hook:
    """Where a source's deliveries come in. Shape: secrets newest first."""

    source: str
    hook_id: str
    secrets: tuple[Sealed, ...]
    generation: int = 1


async def hook_of(connection: AsyncConnection, organization_id: UUID, source: str) -> Hook | None:
    """The source's hook. None when it has none."""
    return await _hook(connection, organization_id, hook.c.source == source)


async def hook_ids(connection: AsyncConnection, organization_id: UUID) -> Mapping[str, str]:
    """The ids of all hooks of the organization, by source."""
    statement = select(hook.c.source, hook.c.hook_id).where(
        hook.c.organization_id == organization_id
    )
    return {source: str(hook_id) for source, hook_id in await connection.execute(statement)}


async def hook_named(
    connection: AsyncConnection, organization_id: UUID, hook_id: str
) -> Hook | None:
    """The hook of that id. None when the organization has none such."""
    return await _hook(connection, organization_id, hook.c.hook_id == hook_id)


async def _hook(
    connection: AsyncConnection, organization_id: UUID, where: ColumnElement[bool]
) -> Hook | None:
    statement = select(hook).where(hook.c.organization_id == organization_id, where)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        return None
    secrets = [
        Sealed(
            found["text"],
            None if found["until"] is None else datetime.fromisoformat(found["until"]),
        )
        for found in row["secrets"]
    ]
    return Hook(row["source"], row["hook_id"], tuple(secrets), row["generation"])


async def note_refusal(
    connection: AsyncConnection, organization_id: UUID, source: str, at: datetime
) -> None:
    """The source's hook last refused a delivery at that instant."""
    where = (hook.c.organization_id == organization_id, hook.c.source == source)
    await connection.execute(update(hook).where(*where).values(refused_at=at))


async def keep_hook(connection: AsyncConnection, organization_id: UUID, found: Hook) -> None:
    """The hook is as given."""
    secrets = [
        {"text": sealed.text, "until": None if sealed.until is None else sealed.until.isoformat()}
        for sealed in found.secrets
    ]
    there = await hook_of(connection, organization_id, found.source)
    if there is None:
        values = {
            "source": found.source,
            "hook_id": found.hook_id,
            "secrets": secrets,
            "generation": 1,
        }
        await connection.execute(insert(hook).values(organization_id=organization_id, **values))
        return
    where = (hook.c.organization_id == organization_id, hook.c.source == found.source)
    await connection.execute(update(hook).where(*where).values(secrets=secrets))


async def generation(connection: AsyncConnection, organization_id: UUID, source: str) -> int:
    """The generation of changes that the source's deals are folded from."""
    where = (hook.c.organization_id == organization_id, hook.c.source == source)
    found = (await connection.execute(select(hook.c.generation).where(*where))).scalar_one_or_none()
    return 1 if found is None else int(found)


async def begin_generation(
    connection: AsyncConnection, organization_id: UUID, source: str, number: int
) -> None:
    """From now on the source's deals are folded from that generation of changes."""
    where = (hook.c.organization_id == organization_id, hook.c.source == source)
    await connection.execute(update(hook).where(*where).values(generation=number))


async def note_unmapped(
    connection: AsyncConnection,
    organization_id: UUID,
    source: str,
    found: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    """The values that the mapping does not know are, for these entities, those."""
    where, entities = (
        (unmapped.c.organization_id == organization_id, unmapped.c.source == source),
        sorted(found),
    )
    for start in range(0, len(entities), CHUNK):
        await connection.execute(
            delete(unmapped).where(*where, unmapped.c.entity.in_(entities[start : start + CHUNK]))
        )
    rows = [
        {
            "organization_id": organization_id,
            "source": source,
            "entity": entity,
            "property": name,
            "value": value[:512],
        }
        for entity, pairs in sorted(found.items())
        for name, value in sorted(set(pairs))
    ]
    if rows:
        insertion = (sqlite.insert if embedded(connection) else postgresql.insert)(unmapped)
        await connection.execute(insertion.on_conflict_do_nothing(), rows)
