"""The past of the configuration, read from the journal: what changed after a day, and when a playbook was published."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.playbook import serialization as codec
from app.domain.playbook.configuration import Noun
from app.domain.playbook.history import ACTIONS, Taken
from app.store.playbook.configuration import NOUNS
from app.store.tables.playbook import JournalRow, table_of

journal = table_of(JournalRow)


async def changes_after(
    connection: AsyncConnection, organization_id: UUID, day: date, until: date
) -> Mapping[date, Sequence[Taken]]:
    """What changed after that day and up to the other: for each day on which anything did, each thing's first change.

    Taking back those of one day after the other, the last one first, gives the configuration of each day's beginning.
    """
    columns = (journal.c.day, journal.c.kind, journal.c.key, journal.c.action, journal.c.before)
    statement = (
        select(*columns)
        .where(
            journal.c.organization_id == organization_id,
            journal.c.day > day,
            journal.c.day <= until,
            journal.c.kind.in_(tuple(NOUNS)),
            journal.c.action.in_(ACTIONS),
        )
        .order_by(journal.c.seq.desc(), journal.c.position.desc())
    )
    earliest: dict[date, dict[tuple[str, str], RowMapping]] = {}
    for row in (await connection.execute(statement)).mappings():
        earliest.setdefault(row["day"], {})[row["kind"], row["key"]] = row
    return {on: [_taken(row) for row in rows.values()] for on, rows in earliest.items()}


def _taken(row: RowMapping) -> Taken:
    before = None if row["before"] is None else codec.from_json(row["kind"], row["before"])
    return Taken(row["kind"], row["key"], row["action"], before)


async def published_on(connection: AsyncConnection, organization_id: UUID) -> Mapping[str, date]:
    """The day on which each playbook was first published, by its key; drafts are not in it."""
    columns = (journal.c.day, journal.c.key, journal.c.after)
    statement = (
        select(*columns)
        .where(
            journal.c.organization_id == organization_id,
            journal.c.kind == "playbook",
            journal.c.after.is_not(None),
        )
        .order_by(journal.c.seq, journal.c.position)
    )
    found: dict[str, date] = {}
    for row in await connection.execute(statement):
        if row.after["state"] != "draft":
            found.setdefault(row.key, row.day)
    return found


async def replayed(
    connection: AsyncConnection, organization_id: UUID
) -> Mapping[tuple[str, str], Noun | None]:
    """Every thing as its last entry in the journal left it, by kind and key; None for one that was archived."""
    statement = (
        select(journal.c.kind, journal.c.key, journal.c.after)
        .where(
            journal.c.organization_id == organization_id,
            journal.c.kind.in_(tuple(NOUNS)),
            journal.c.action.in_(ACTIONS),
        )
        .order_by(journal.c.seq, journal.c.position)
    )
    last = {(row.kind, row.key): row.after for row in await connection.execute(statement)}
    return {
        (kind, key): None if after is None else codec.from_json(kind, after)
        for (kind, key), after in last.items()
    }
