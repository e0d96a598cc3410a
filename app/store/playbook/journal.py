"""The journal: who changed what, when, before and after. Append-only, and never a secret in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.playbook.history import ACTIONS
from app.store.access.organization_version import Position
from app.store.tables.playbook import JournalRow, table_of

journal = table_of(JournalRow)


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. None before it was there and after it was archived."""

    seq: int
    position: int
    at: datetime
    actor: str
    kind: str
    key: str
    action: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Act:
    """What was done to something that is not part of the configuration: an API key, a secret."""

    actor: str
    kind: str
    key: str
    action: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """Which entries to list; days are inclusive and the organization's own."""

    kind: str | None = None
    key: str | None = None
    actor: str | None = None
    first: date | None = None
    last: date | None = None


async def add(
    connection: AsyncConnection, organization_id: UUID, position: Position, act: Act, after: int = 0
) -> None:
    """The act is in the journal, after so many changes of configuration in the same write."""
    values = {name: getattr(act, name) for name in Act.__slots__}
    when = {"seq": position.seq, "position": after, "at": position.at, "day": position.day}
    await connection.execute(
        insert(journal).values(organization_id=organization_id, **when, **values)
    )


async def page(
    connection: AsyncConnection,
    organization_id: UUID,
    wanted: JournalFilter,
    after: tuple[int, int] | None,
    limit: int,
) -> list[Entry]:
    """At most `limit` entries, newest first, after a position."""
    statement = select(journal).where(journal.c.organization_id == organization_id)
    for name in ("kind", "key", "actor"):
        if getattr(wanted, name) is not None:
            statement = statement.where(journal.c[name] == getattr(wanted, name))
    if wanted.first is not None:
        statement = statement.where(journal.c.day >= wanted.first)
    if wanted.last is not None:
        statement = statement.where(journal.c.day <= wanted.last)
    if after is not None:
        seq, position = after
        earlier = and_(journal.c.seq == seq, journal.c.position < position)
        statement = statement.where(or_(journal.c.seq < seq, earlier))
    statement = statement.order_by(journal.c.seq.desc(), journal.c.position.desc()).limit(limit)
    rows = (await connection.execute(statement)).mappings()
    return [Entry(**{name: row[name] for name in Entry.__slots__}) for row in rows]


async def accounts(
    connection: AsyncConnection, organization_id: UUID, source: str
) -> list[tuple[datetime, str | None]]:
    """When the source's account became which, oldest first. None for any."""
    statement = select(journal.c.at, journal.c.after).where(
        journal.c.organization_id == organization_id,
        journal.c.kind == "source",
        journal.c.key == source,
        journal.c.action.in_(ACTIONS),
        journal.c.after.is_not(None),
    )
    statement = statement.order_by(journal.c.seq, journal.c.position)
    return [(row.at, row.after["account"]) for row in await connection.execute(statement)]
