"""The journal: who changed what, when, before and after. Append-only, and never a secret in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.playbook.history import CHANGE_ACTIONS
from app.store.access.organization_version import WritePosition
from app.store.tables.playbook import JournalRow, get_table

journal_table = get_table(JournalRow)


@dataclass(frozen=True, slots=True)
class JournalRecord:
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
class RecordedAction:
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


async def add_action(
    connection: AsyncConnection,
    organization_id: UUID,
    position: WritePosition,
    action: RecordedAction,
    preceding_changes: int = 0,
) -> None:
    """The act is in the journal, after so many changes of configuration in the same write."""
    action_columns = {name: getattr(action, name) for name in RecordedAction.__slots__}
    position_columns = {
        "seq": position.seq,
        "position": preceding_changes,
        "at": position.recorded_at,
        "day": position.day,
    }
    await connection.execute(
        insert(journal_table).values(
            organization_id=organization_id, **position_columns, **action_columns
        )
    )


async def list_journal_records(
    connection: AsyncConnection,
    organization_id: UUID,
    journal_filter: JournalFilter,
    after_position: tuple[int, int] | None,
    limit: int,
) -> list[JournalRecord]:
    """At most `limit` entries, newest first, after a position."""
    statement = select(journal_table).where(journal_table.c.organization_id == organization_id)
    for name in ("kind", "key", "actor"):
        if getattr(journal_filter, name) is not None:
            statement = statement.where(journal_table.c[name] == getattr(journal_filter, name))
    if journal_filter.first is not None:
        statement = statement.where(journal_table.c.day >= journal_filter.first)
    if journal_filter.last is not None:
        statement = statement.where(journal_table.c.day <= journal_filter.last)
    if after_position is not None:
        seq, position = after_position
        is_tie_before = and_(journal_table.c.seq == seq, journal_table.c.position < position)
        statement = statement.where(or_(journal_table.c.seq < seq, is_tie_before))
    statement = statement.order_by(
        journal_table.c.seq.desc(), journal_table.c.position.desc()
    ).limit(limit)
    rows = (await connection.execute(statement)).mappings()
    return [JournalRecord(**{name: row[name] for name in JournalRecord.__slots__}) for row in rows]


async def load_account_history(
    connection: AsyncConnection, organization_id: UUID, source: str
) -> list[tuple[datetime, str | None]]:
    """When the source's account became which, oldest first. None for any."""
    statement = select(journal_table.c.at, journal_table.c.after).where(
        journal_table.c.organization_id == organization_id,
        journal_table.c.kind == "source",
        journal_table.c.key == source,
        journal_table.c.action.in_(CHANGE_ACTIONS),
        journal_table.c.after.is_not(None),
    )
    statement = statement.order_by(journal_table.c.seq, journal_table.c.position)
    return [(row.at, row.after["account"]) for row in await connection.execute(statement)]
